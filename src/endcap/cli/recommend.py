"""``endcap recommend``."""

from __future__ import annotations

import time

import click

from endcap.cli.answers import filter_given, print_answer
from endcap.domain.values import PERSONAL, SEEN_POLICIES, Attributes, Query
from endcap.settings import Settings


@click.command(
    "recommend",
    help="Recommend items to USER from the live history, as the server would. A user that nobody "
    "knows gets what is popular.",
)
@click.argument("user")
@click.option(
    "--k", type=click.IntRange(1, 100), default=5, show_default=True, help="How many items."
)
@click.option(
    "--seen",
    type=click.Choice(SEEN_POLICIES),
    help="Which items of the user's history to leave out; the shop's own policy by default.",
)
@click.option("--department", help="Items of this department come first.")
@click.option("--aisle", help="Items of this aisle come first.")
@click.option("--filter", "filter_text", help="Which items may be in the answer (docs/filters.md).")
@click.option(
    "--filter-value",
    "filter_values",
    multiple=True,
    metavar="NAME=VALUE",
    help='A value for $NAME of the filter: a number, a text, or several like "a","b". May be '
    "given more than once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    user: str,
    k: int,
    seen: str | None,
    department: str | None,
    aisle: str | None,
    filter_text: str | None,
    filter_values: tuple[str, ...],
    as_json: bool,
) -> None:
    given = {"department": department, "aisle": aisle}
    context: Attributes = {name: value for name, value in given.items() if value}
    at = time.time_ns() // 1000
    query = Query(
        surface=PERSONAL, at=at, k=k, user_id=user, seen=seen, context=context,
        filter=filter_given(filter_text, filter_values),
    )  # fmt: skip
    print_answer(settings, query, {"userId": user}, "items", as_json=as_json)
