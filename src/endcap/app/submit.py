"""``POST /submit``: recommendations with names and probabilities; the asking itself is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from endcap.app.answers import NOT_ASKED, Asked, answer
from endcap.app.shop import Shop
from endcap.domain.records import Submitted, UserErased, decode
from endcap.domain.values import PERSONAL, Answer, Query
from endcap.engine.guarding import Deadline
from endcap.engine.probability import RANKER, Probabilities, probabilities

GET_RECOMMENDATIONS = "get_recommendations"


class Product(NamedTuple):
    """One recommended product. What the catalogue does not say is an empty text."""

    product_id: str
    probability: float
    product_name: str
    department: str
    aisle: str


class Submission(NamedTuple):
    """The answer to one submission. ``source``: how its probabilities were found."""

    products: tuple[Product, ...]
    answer: Answer
    source: str


def query_of(user_id: str, k: int, at: int) -> Query:
    """What a submission asks."""
    return Query(PERSONAL, at=at, k=k, user_id=user_id, likely=True)


def submission(
    shop: Shop,
    user_id: str,
    k: int,
    at: int,
    deadline: Deadline | None = None,
    asked: Asked = NOT_ASKED,
) -> Submission:
    """The ``k`` products for a shopper, from what the shopper did up to now. ``asked`` as in
    ``answer``, of ``query_of``."""
    found = answer(shop, query_of(user_id, k, at), deadline, asked=asked)
    state = shop.now.state
    rows = np.array([state.items.row(item.id) for item in found.items], np.int32)
    if found.likely:
        likely = Probabilities(np.array(found.likely, np.float32), RANKER)
    else:
        likely = probabilities(shop.now, at, rows, found.strategy)
    products = tuple(
        product(shop, item.id, int(row), value)
        for item, row, value in zip(found.items, rows, likely.values.tolist(), strict=True)
    )
    shop.telemetry.count("submissions_total", probability=likely.source)
    return Submission(products, found, likely.source)


def product(shop: Shop, item_id: str, row: int, probability: float) -> Product:
    known = shop.now.state.item_attributes(row)
    name, department, aisle = (text(known.get(n)) for n in ("name", "department", "aisle"))
    return Product(item_id, round(probability, 6), name or item_id, department, aisle)


def text(value: object) -> str:
    """An attribute as a person reads it; a list of texts by its first."""
    if isinstance(value, list):
        value = value[0] if value else None
    return "" if value is None else str(value)


def submissions(shop: Shop, since: int) -> Iterator[Submitted]:
    """What was submitted from offset ``since`` of the log on, without users erased later.

    The keeper drops the log's oldest segments; submissions go with them.
    """
    erased: dict[str, int] = {}
    end = shop.log.end()
    for _, payload in shop.log.read(since, end):
        record = decode(payload)
        if isinstance(record, UserErased):
            erased[record.user_id] = record.at
    for _, payload in shop.log.read(since, end):
        record = decode(payload)
        if not isinstance(record, Submitted) or not record.user_id:  # "": purged from the log
            continue
        if record.at > erased.get(record.user_id, -1):
            yield record
