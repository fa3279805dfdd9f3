"""Items that are put into an answer because somebody wants them sold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from endcap.domain.errors import InvalidInput

MOST = 1
T = TypeVar("T")


class Promotion(NamedTuple):
    """``given``: with ``filterArn`` and ``filterValues``, which say what is promoted."""

    name: str
    percent: int
    given: Mapping[str, Any]

    def count(self, n: int) -> int:
        """How many of n items, half of one counts as one."""
        return (n * self.percent + 50) // 100


def promotion_of(given: Mapping[str, Any]) -> Promotion | None:
    """What ``promotions`` of a request asks for. Raises InvalidInput: too_many_promotions,
    promotion_lacks."""
    asked: Sequence[Mapping[str, Any]] = given.get("promotions") or ()
    if len(asked) > MOST:
        raise InvalidInput("too_many_promotions", field="promotions", most=MOST, count=len(asked))
    if not asked:
        return None
    (one,) = asked
    for member in ("filterArn", "percentPromotedItems"):
        if one.get(member) is None:
            raise InvalidInput("promotion_lacks", field=f"promotions.1.member.{member}")
    return Promotion(one.get("name") or "", int(one["percentPromotedItems"]), one)


def mixed(usual: Sequence[T], promoted: Sequence[T], seed: int) -> list[T]:
    """Both in one list: each in its own order, the promoted ones at places that ``seed`` draws."""
    n = len(usual) + len(promoted)
    drawn = np.random.default_rng(seed).choice(n, len(promoted), replace=False) if n else ()
    places = {int(place) for place in drawn}
    one, other = iter(usual), iter(promoted)
    return [next(other) if place in places else next(one) for place in range(n)]
