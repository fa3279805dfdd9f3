"""Asking an opened shop and printing its answer: what ``recommend`` and ``related`` share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from endcap.cli.output import note, print_json, print_table
from endcap.domain.errors import InvalidInput
from endcap.domain.filter_values import needs_item, read_filtering
from endcap.domain.filters import Filtering
from endcap.domain.values import Answer, Query
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop


def print_answer(
    settings: Settings, query: Query, asked: dict[str, str], member: str, *, as_json: bool
) -> None:
    """Answer ``query`` and print it. ``asked`` and ``member`` are words of the HTTP answer.

    Raises InvalidInput (empty_id) for an id without characters.
    """
    from endcap.app.answers import answer
    from endcap.bootstrap import open_shop, prepare_kernels

    for name, value in asked.items():
        if not value:
            raise InvalidInput("empty_id", field=name, value=value)
    prepare_kernels(settings)
    shop = open_shop(settings)
    found = answer(shop, query)
    if as_json:
        items = [{"id": item.id, "score": item.score} for item in found.items]
        about = {
            "strategy": found.strategy,
            "modelVersion": found.model_version,
            "newestEventAge": found.newest_event_age_s,
        }
        print_json({**asked, member: items, **about})
        return
    _print_items(shop, found)


def filter_given(
    text: str | None, values: Sequence[str], *, of_item: bool = False
) -> Filtering | None:
    """What ``--filter`` and ``--filter-value NAME=VALUE`` say; None: nothing. ``of_item``: the
    answer is about an item, so that the filter may speak of it.

    Raises InvalidInput: filter_without_text, filter_option, filter_needs_item, and what
    ``read_filtering`` raises.
    """
    if text is None:
        if values:
            raise InvalidInput("filter_without_text", field="--filter-value")
        return None
    given = {}
    for value in values:
        name, equals, said = value.partition("=")
        if not equals or not name:
            raise InvalidInput("filter_option", field="--filter-value", value=value)
        given[name] = said
    found = read_filtering(text, given, field="--filter")
    if needs_item(found) and not of_item:
        raise InvalidInput("filter_needs_item", field="--filter", value=text)
    return found


def _print_items(shop: Shop, found: Answer) -> None:
    rows = []
    for rank, item in enumerate(found.items, start=1):
        row = shop.now.state.items.row(item.id)
        name = shop.now.state.item_attributes(row).get("name") if row >= 0 else None
        rows.append([rank, item.id, name, item.score])
    print_table(["#", "item", "name", "score"], rows)
    model = found.model_version or "no model yet"
    age = found.newest_event_age_s
    fresh = "" if age is None else f", newest event {_duration(age)} old"
    note(f"strategy {found.strategy}, {model}{fresh}")


def _duration(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
