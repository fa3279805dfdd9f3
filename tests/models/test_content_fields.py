"""Fields weighed for products without events: by events, and only where that is better."""

from collections.abc import Sequence

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.domain.values import Attributes
from endcap.evaluation.coldstart import pool_of
from endcap.models.content import ContentIndex
from endcap.models.content_fields import choose_fields

ITEMS, USERS, EVENTS = 120, 200, 10


def catalogue() -> list[Attributes]:
    """Makers tell products apart better, but shoppers keep to a kind."""
    return [{"maker": f"m{row % 30}", "kind": f"k{row // 30}"} for row in range(ITEMS)]


def shop(by: str) -> Interactions:
    draw = np.random.default_rng(3)
    values = np.array([attributes[by] for attributes in catalogue()])
    liked = [draw.choice(np.unique(values)) for _ in range(USERS)]
    items = [draw.choice(np.flatnonzero(values == value), EVENTS) for value in liked]
    return Interactions(
        user=np.repeat(np.arange(USERS, dtype=np.int32), EVENTS),
        item=np.concatenate(items).astype(np.int32),
        type=np.zeros(USERS * EVENTS, np.uint8),
        ts=np.tile(np.arange(EVENTS, dtype=np.int64), USERS),
        user_ids=[f"u{user}" for user in range(USERS)],
        item_ids=[f"i{item}" for item in range(ITEMS)],
    )


def kinds_near(fields: dict[str, float] | None) -> Sequence[bool]:
    index = ContentIndex.build([f"i{row}" for row in range(ITEMS)], catalogue(), fields)
    return [row // 30 == 0 for row in index.neighbours({"maker": "m5", "kind": "k0"}, 20).rows[1:]]


def test_the_field_that_shoppers_keep_to_decides_the_neighbours() -> None:
    found = choose_fields(shop("kind"), catalogue(), 0)
    assert found is not None
    assert found["kind"] == 1.0
    assert found["maker"] < 0.2
    assert all(kinds_near(found))
    assert not all(kinds_near(None))


def test_plain_weights_stay_where_learning_does_not_help() -> None:
    told = [{"kind": attributes["kind"]} for attributes in catalogue()]
    assert choose_fields(shop("kind"), told, 0) is None  # one field: nothing to weigh
    assert choose_fields(shop("kind"), [{}] * ITEMS, 0) is None


def test_the_same_seed_gives_the_same_weights() -> None:
    assert choose_fields(shop("kind"), catalogue(), 5) == choose_fields(
        shop("kind"), catalogue(), 5
    )


def test_neighbours_of_withheld_products_are_never_withheld() -> None:
    cold = np.arange(ITEMS) % 7 == 0
    pool = pool_of(catalogue(), cold, None)
    assert pool.rows.tolist() == np.flatnonzero(cold).tolist()
    assert not cold[pool.warm[pool.near]].any()
    assert pool.similarities.max() == pytest.approx(1, abs=0.3)
