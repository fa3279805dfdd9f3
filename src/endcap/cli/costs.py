"""``endcap costs``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.output import print_json, print_table, say
from endcap.deployment.phases import FIRST, NEEDS, after
from endcap.deployment.traffic import Choices, Traffic

if TYPE_CHECKING:
    from endcap.deployment.costs import Estimate

AMOUNT = click.FloatRange(min=0)
PHASE = click.option(
    "--phase",
    "phases",
    type=click.Choice(list(NEEDS)),
    multiple=True,
    help="A phase; may be given again.",
)
TRAFFIC = {
    "requests": "Answers asked for in a month.",
    "events": "Events in a month.",
    "events_per_call": "Events that a call of the API brings.",
    "users": "Users.",
    "items": "Items of the catalogue.",
    "event_days": "Days for which an event stays in its table.",
}


def traffic_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a month's traffic."""
    for name, about in reversed(TRAFFIC.items()):
        default = getattr(Traffic(), name)
        word = "--" + name.replace("_", "-")
        command = click.option(word, type=AMOUNT, default=default, show_default=True, help=about)(
            command
        )
    return command


@click.command(
    "costs",
    help="Estimate what a month on AWS costs, by service, from traffic and phases and a dated "
    "table of prices; no account is asked. Without --phase: core, pipeline, application, web.",
)
@PHASE
@traffic_options
@click.option("--full-nights", is_flag=True, help="Features by Glue and training by SageMaker.")
@click.option("--endpoint", is_flag=True, help="With an endpoint of SageMaker.")
@click.option("--waf", is_flag=True, help="With web application firewalls.")
@click.option("--mysql", is_flag=True, help="With a MySQL database as the source of etl.")
@click.option("--lines", "all_lines", is_flag=True, help="Show every line, not only services.")
@click.option("--json", "as_json", is_flag=True, help="Print all as JSON.")
def command(
    phases: tuple[str, ...],
    full_nights: bool,
    endpoint: bool,
    waf: bool,
    mysql: bool,
    all_lines: bool,
    as_json: bool,
    **amounts: float,
) -> None:
    from endcap.deployment.costs import estimate
    from endcap.deployment.prices import prices

    choices = Choices(
        nightly="full" if full_nights else "small",
        waf=waf,
        sagemaker_endpoint=endpoint,
        mysql=mysql,
    )
    standing = after((), phases or FIRST)
    made = estimate(Traffic(**amounts), standing, choices, prices())
    if as_json:
        print_json(made)
    else:
        show(made, all_lines=all_lines)


def show(made: Estimate, *, all_lines: bool = False) -> None:
    """The estimate as a table on stdout, beside what others state."""
    from endcap.deployment.costs import by_service

    say(
        f"USD a month for {made.traffic.requests:,.0f} requests and {made.traffic.events:,.0f} "
        f"events, prices of {made.region} as of {made.as_of}"
    )
    if all_lines:
        print_table(
            ("part", "service", "what", "quantity", "unit", "USD"),
            [
                (ln.part, ln.service, ln.what, f"{ln.quantity:,.3f}", ln.unit, f"{ln.usd:.2f}")
                for ln in made.lines
            ],
        )
    parts = list(made.parts)
    rows = [
        [service, *(f"{shares[p]:.2f}" if p in shares else "" for p in parts), f"{usd:.2f}"]
        for service, shares, usd in by_service(made)
    ]
    rows.append(["all", *(f"{made.parts[p]:.2f}" for p in parts), f"{made.usd:.2f}"])
    print_table(("service", *parts, "USD"), rows)
    for other in made.beside:
        say(f"{other.name}: {other.usd:.2f} here; set-ups of this kind state {other.stated}")
    for sentence in made.differs:
        say(f"- {sentence}")
