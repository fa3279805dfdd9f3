"""An interval, and the closed formulas that give one."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from endcap.domain.errors import InvalidInput


class Interval(NamedTuple):
    """Both ends belong to it. NaN where there was nothing to estimate from."""

    low: float
    high: float


def check_level(level: float) -> float:
    """``level`` if it is a confidence level. Raises InvalidInput (level_out_of_range)."""
    if not 0.0 < level < 1.0:
        raise InvalidInput("level_out_of_range", field="level", value=level)
    return level


def wilson(successes: float, trials: float, level: float = 0.95) -> Interval:
    """The score interval of a proportion p = successes / trials, at z = Φ⁻¹((1 + level) / 2):

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n)

    Stays inside 0 to 1 and is honest at 0 and at n successes. NaN without trials.
    Source: Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927). Raises InvalidInput (level_out_of_range, successes_out_of_range).
    """
    z = NormalDist().inv_cdf((1.0 + check_level(level)) / 2.0)
    if not 0 <= successes <= trials:
        raise InvalidInput(
            "successes_out_of_range", field="successes", value=successes, trials=trials
        )
    if trials == 0:
        return Interval(math.nan, math.nan)
    p, z2n = successes / trials, z * z / trials
    centre = (p + z2n / 2.0) / (1.0 + z2n)
    half = z * math.sqrt(p * (1.0 - p) / trials + z2n / (4.0 * trials)) / (1.0 + z2n)
    # Rounding must not push an end past the proportion itself (p = 0 and p = 1).
    return Interval(max(0.0, min(centre - half, p)), min(1.0, max(centre + half, p)))
