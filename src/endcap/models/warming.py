"""Compiling what training needs before somebody trains: all of it, on a toy shop.

Compiled code is kept in numba's folder, so that one process can do it for all later ones.
"""

from __future__ import annotations

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.values import Attributes
from endcap.models.content import ContentIndex
from endcap.models.content_fields import choose_fields
from endcap.models.recipe import Recipe
from endcap.models.tallies import USER, Tallies

SHOPPERS, PRODUCTS, EVENTS, TASTES, DAYS = 400, 60, 8_000, 4, 90
BUDGET_S = 20.0  # of estimated work: each family is tried


def compile_training() -> Recipe:
    """Fit everything once, on one core; the recipe that the toy shop gave."""
    data, catalogue = toy_shop()
    recipe = Recipe.fit(data, catalogue, seed=0, threads=1, budget_s=BUDGET_S)
    Tallies.fit(data, USER)
    content = ContentIndex.build(data.item_ids, catalogue, choose_fields(data, catalogue, 0))
    content.similar(0, 5)
    return recipe


def toy_shop() -> tuple[Interactions, list[Attributes]]:
    """Shoppers of four tastes, in no hurry; drawn with a seed of its own."""
    draw = np.random.default_rng(0)
    each = PRODUCTS // TASTES
    user = np.sort(draw.integers(0, SHOPPERS, EVENTS)).astype(np.int32)
    ts = draw.integers(0, DAYS * 86_400 * 1_000_000, EVENTS)
    order = np.lexsort((ts, user))
    place = np.minimum(*draw.integers(0, each, (2, EVENTS)))
    data = Interactions(
        user=user,
        item=(user % TASTES * each + place).astype(np.int32),
        type=draw.choice(3, EVENTS, p=(0.8, 0.1, 0.1)).astype(np.uint8),
        ts=ts[order],
        user_ids=[f"u{row:03}" for row in range(SHOPPERS)],
        item_ids=[f"i{row:03}" for row in range(PRODUCTS)],
    )
    catalogue: list[Attributes] = [
        {"name": f"thing {row}", "department": f"d{row // each}", "price": float(row)}
        for row in range(PRODUCTS)
    ]
    return data, catalogue
