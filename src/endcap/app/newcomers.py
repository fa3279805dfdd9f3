"""What newcomers want, learnt from the shoppers of the lake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from endcap.app.shop import Shop
from endcap.data.interactions import Interactions
from endcap.data.training import load_people
from endcap.models.newcomer_counts import People, people_rows
from endcap.models.newcomer_training import fit_newcomers
from endcap.models.newcomers import Newcomers


def train_newcomers(
    shop: Shop, data: Interactions, progress: Callable[[str, float], None]
) -> tuple[Newcomers | None, dict[str, Any]]:
    """(the map, where it is worth having; what was found out)."""
    progress("newcomers", 0.0)
    rows = people_rows(data, shop.settings.seed)
    known = load_people(shop.lake, [data.user_ids[row] for row in rows.tolist()])
    half_life = shop.settings.popular_half_life_days
    return fit_newcomers(
        data, People(rows, known), half_life_days=half_life, seed=shop.settings.seed
    )
