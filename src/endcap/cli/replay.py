"""``endcap replay``."""

from __future__ import annotations

import click
from msgspec.structs import replace

from endcap.cli.answers import filter_given
from endcap.cli.output import note, print_json, print_table
from endcap.domain.errors import InvalidInput
from endcap.domain.times import iso
from endcap.domain.values import (
    EVENT_TYPES,
    EXCLUDE_NONE,
    PERSONAL,
    POPULAR,
    RELATED,
    RELATIONS,
    RERANK,
    SEEN_POLICIES,
    TRENDING,
    Attributes,
    Query,
)
from endcap.settings import Settings

SURFACES = {
    "personalized": PERSONAL,
    "related": RELATED,
    "trending": TRENDING,
    "popular": POPULAR,
    "rerank": RERANK,
}


@click.command(
    "replay",
    help="Give an earlier answer again, from the log and the model version of its time. ANSWER_ID "
    "came in the header Endcap-Answer-Id; the query must be repeated as it was asked. Works while "
    "the snapshot and the log beneath the answer are kept.",
)
@click.argument("answer_id")
@click.option(
    "--surface", type=click.Choice(list(SURFACES)), default="personalized", show_default=True,
    help="Which route gave the answer.",
)  # fmt: skip
@click.option("--user", help="The user of the query (personalized, rerank).")
@click.option("--item", help="The item of the query (related).")
@click.option("--items", help="The items of the query (rerank), separated by commas.")
@click.option("--k", type=click.IntRange(1, 100), help="As asked; 5 when nothing was said.")
@click.option("--seen", type=click.Choice(SEEN_POLICIES), help="As asked.")
@click.option("--event-type", type=click.Choice(EVENT_TYPES), help="As asked.")
@click.option("--by", type=click.Choice(RELATIONS), help="As asked (related).")
@click.option("--department", help="As asked.")
@click.option("--aisle", help="As asked.")
@click.option("--filter", "filter_text", help="As asked.")
@click.option(
    "--filter-value", "filter_values", multiple=True, metavar="NAME=VALUE", help="As asked."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    answer_id: str,
    surface: str,
    user: str | None,
    item: str | None,
    items: str | None,
    k: int | None,
    seen: str | None,
    event_type: str | None,
    by: str | None,
    department: str | None,
    aisle: str | None,
    filter_text: str | None,
    filter_values: tuple[str, ...],
    as_json: bool,
) -> None:
    ids = tuple(dict.fromkeys((items or "").split(","))) if items else ()
    given = {"department": department, "aisle": aisle}
    context: Attributes = {name: value for name, value in given.items() if value}
    need(surface, user=user, item=item, items=items)
    query = Query(
        SURFACES[surface], at=0, k=k or len(ids) or 5, user_id=user, item_id=item, item_ids=ids,
        event_type=event_type, seen=seen, context=context, by=by,
        filter=filter_given(filter_text, filter_values, of_item=surface == "related"),
    )  # fmt: skip
    if query.filter is not None and query.surface in (RELATED, TRENDING, POPULAR):
        query = replace(query, seen=EXCLUDE_NONE)  # as their routes ask
    print_replayed(settings, answer_id, query, as_json=as_json)


def need(surface: str, **given: str | None) -> None:
    """Raises InvalidInput (missing_member) for an option that the surface cannot do without."""
    needed = {"personalized": ("user",), "related": ("item",), "rerank": ("user", "items")}
    for name in needed.get(surface, ()):
        if not given[name]:
            raise InvalidInput("missing_member", field=f"--{name}")


def print_replayed(settings: Settings, answer_id: str, query: Query, *, as_json: bool) -> None:
    from endcap.app.replaying import replay
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    found = replay(open_shop(settings), answer_id, query)
    listed = [(item.id, item.score) for item in found.answer.items]
    if as_json:
        items = [{"id": item_id, "score": score} for item_id, score in listed]
        about = {"answeredAt": iso(found.made.at), "logOffset": found.made.offset}
        print_json({"answerId": answer_id, **about, "items": items})
        return
    print_table(["#", "item", "score"], [[n, *row] for n, row in enumerate(listed, start=1)])
    version = found.made.version or "no model yet"
    note(f"answered {iso(found.made.at)} by {version}, with the log up to {found.made.offset}")
