"""What a month on AWS costs, by service, before anything is applied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from endcap.deployment.phases import ordered
from endcap.deployment.prices import Prices
from endcap.deployment.traffic import Choices, Traffic
from endcap.deployment.uses import API, EVENTS, PARTS, PIPELINE, STANDING, uses
from endcap.domain.errors import InvalidInput

# What set-ups of this kind state for themselves, beside ours: (name, what they state, our parts).
STATED = (
    ("API", "single-digit USD", (API,)),
    ("pipeline", "55 to 110 USD", (EVENTS, PIPELINE, STANDING)),
)
DIFFERS = (
    "Free allowances are not subtracted: a young account pays less.",
    "The pipeline's figure here carries every event of the month, its table, its log and its "
    "traces; without events it is what stands under pipeline and standing.",
    "An endpoint of SageMaker and databases are counted apart (optional): the engine answers "
    "without them.",
    "Prices of one region; others differ by up to a quarter. Taxes and support are left out.",
)


class Line(Struct, frozen=True):
    """USD of a month for ``quantity`` ``unit``s of a service."""

    part: str
    service: str
    what: str
    quantity: float
    unit: str
    price: float
    usd: float


class Stated(Struct, frozen=True):
    """Our figure beside what others state."""

    name: str
    stated: str
    usd: float


class Estimate(Struct, frozen=True):
    """``services`` and ``parts``: USD of a month, largest first; ``lines`` add up to ``usd``."""

    usd: float
    services: dict[str, float]
    parts: dict[str, float]
    beside: tuple[Stated, ...]
    differs: tuple[str, ...]
    region: str
    as_of: str
    phases: list[str]
    traffic: Traffic
    choices: Choices
    lines: list[Line]


def estimate(
    traffic: Traffic, phases: Collection[str], choices: Choices, table: Prices
) -> Estimate:
    """Raises InvalidInput (no_price) for an instance whose price is not in the table."""
    lines = []
    for use in uses(traffic, phases, choices):
        price = table.price.get(use.price)
        if price is None:
            known = [k for k in table.price if k.startswith("ml_")]
            permitted = ", ".join(k.removesuffix("_hour").replace("_", ".") for k in known)
            raise InvalidInput(
                "no_price", field="sagemaker_instance_type",
                value=choices.sagemaker_instance_type, permitted=permitted,
            )  # fmt: skip
        usd = use.quantity * price.usd
        lines.append(
            Line(use.part, price.service, use.what, use.quantity, price.unit, price.usd, usd)
        )
    parts = _sums((line.part, line.usd) for line in lines)
    return Estimate(
        sum(line.usd for line in lines),
        _sums((line.service, line.usd) for line in lines),
        {part: parts[part] for part in PARTS if part in parts},
        tuple(
            Stated(name, stated, sum(parts.get(part, 0.0) for part in own))
            for name, stated, own in STATED
        ),
        DIFFERS,
        table.region,
        table.as_of,
        ordered(phases),
        traffic,
        choices,
        lines,
    )


def by_service(made: Estimate) -> list[tuple[str, dict[str, float], float]]:
    """(service, USD by part, USD), the most expensive first."""
    return [
        (service, _sums((ln.part, ln.usd) for ln in made.lines if ln.service == service), usd)
        for service, usd in made.services.items()
    ]


def markdown(made: Estimate) -> str:
    """The table by service as the documentation shows it."""
    parts = list(made.parts)
    rows = ["| service | " + " | ".join(parts) + " | USD a month |"]
    rows.append("|---|" + "---:|" * (len(parts) + 1))
    rows += [
        f"| {service} | {' | '.join(_cell(shares, part) for part in parts)} | {usd:.2f} |"
        for service, shares, usd in by_service(made)
    ]
    sums = " | ".join(f"**{made.parts[part]:.2f}**" for part in parts)
    return "\n".join([*rows, f"| **all** | {sums} | **{made.usd:.2f}** |"])


def _cell(shares: Mapping[str, float], part: str) -> str:
    return f"{shares[part]:.2f}" if part in shares else ""


def _sums(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, usd in pairs:
        found[name] = found.get(name, 0.0) + usd
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
