"""One line of a batch file: a question of the form that the recipe takes, and its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from endcap.app.asked_filters import filtering_of, with_values
from endcap.app.backed_answers import Question, items_for
from endcap.app.backing import Backing
from endcap.app.families import version_of
from endcap.app.group_columns import group_columns
from endcap.app.recommending import DEFAULT_RESULTS, MOST_INPUT, MOST_RESULTS, context_of
from endcap.app.segments import Target, segments, target_of_attributes, target_of_item
from endcap.app.shops import Opened
from endcap.control.registry.batches import Batch
from endcap.control.registry.recipes import ITEM_AFFINITY, RANKING, SEGMENTATION
from endcap.control.registry.store import Registry
from endcap.domain.errors import EndcapError, InvalidInput
from endcap.domain.filters import ITEM, USER

Told = dict[str, Any]  # a line of the answer file


class Line(NamedTuple):
    """``raw``: None where it is longer than is read."""

    number: int
    raw: bytes | None


def answer_lines(
    opened: Opened,
    registry: Registry,
    job: Batch,
    backing: Backing,
    lines: Sequence[Line],
    at: int,
) -> Iterator[Told]:
    """One for each line, in their order. What is wrong with a line stands in its own answer."""
    if backing.recipe.type == SEGMENTATION:
        yield from _segments(opened, registry, job, backing, lines, at)
        return
    for line in lines:
        given: Any = None
        try:
            given = read(line)
            yield told(given, _answer(opened, registry, job, backing, given, at))
        except EndcapError as error:
            yield refused(line, given, error)


def read(line: Line) -> dict[str, Any]:
    """Raises InvalidInput (batch_line)."""
    if line.raw is None:
        raise InvalidInput("batch_line", field=f"line {line.number}", reason="too long")
    try:
        return msgspec.json.decode(line.raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidInput(
            "batch_line", field=f"line {line.number}", reason="no JSON object"
        ) from None


def told(given: Mapping[str, Any], output: Mapping[str, Any]) -> Told:
    return {"input": given, "output": output, "error": None}


def refused(line: Line, given: Any, error: EndcapError) -> Told:
    """``input``: the line itself where it could not be read."""
    shown = given
    if given is None:
        shown = (line.raw or b"")[:1000].decode("utf-8", "replace")
    return {"input": shown, "output": None, "error": str(error)}


def _answer(
    opened: Opened,
    registry: Registry,
    job: Batch,
    backing: Backing,
    given: Mapping[str, Any],
    at: int,
) -> dict[str, Any]:
    recipe = backing.recipe
    ranks = recipe.type == RANKING
    user_id, item_id = text_of(given, "userId"), text_of(given, "itemId")
    if recipe.user and not user_id and not recipe.item:
        raise InvalidInput("recipe_needs", field="userId", value=recipe.name)
    if recipe.item and not item_id:
        raise InvalidInput("recipe_needs", field="itemId", value=recipe.name)
    items = listed(given) if ranks else ()
    asked = filtering_of(
        registry, opened, backing.group_arn, filters_of(job, given), at,
        about_item=item_id is not None,
    )  # fmt: skip
    n = len(items) if ranks else min(job.num_results or DEFAULT_RESULTS, MOST_RESULTS)
    context = context_of(mapping_of(given, "context"))
    question = Question(n, user_id, item_id, items, asked, context)
    opened.shop.recall(user_id or "")
    found = items_for(opened.shop, opened.kept, backing, question, at) if n else []
    output: dict[str, Any] = {"recommendedItems": [each.item_id for each in found]}
    if recipe.scored:
        output["scores"] = [each.share for each in found]
    return output


def filters_of(job: Batch, given: Mapping[str, Any]) -> dict[str, Any]:
    """The job's filter with the line's values."""
    if not job.filter_arn:
        return {}
    return {"filterArn": job.filter_arn, "filterValues": mapping_of(given, "filterValues")}


def text_of(given: Mapping[str, Any], name: str) -> str | None:
    """Raises InvalidInput (not_a_string)."""
    value = given.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise InvalidInput("not_a_string", field=name, value=value)
    return value or None


def mapping_of(given: Mapping[str, Any], name: str) -> dict[str, str]:
    """Raises InvalidInput (batch_member)."""
    value = given.get(name) or {}
    if not isinstance(value, dict):
        raise InvalidInput("batch_member", field=name, permitted="an object")
    return {key: one if isinstance(one, str) else str(one) for key, one in value.items()}


def listed(given: Mapping[str, Any]) -> tuple[str, ...]:
    """``itemList``. Raises InvalidInput (batch_member, input_too_long)."""
    items = given.get("itemList")
    if not isinstance(items, list) or not items:
        raise InvalidInput("batch_member", field="itemList", permitted="a list of item ids")
    if len(items) > MOST_INPUT:
        raise InvalidInput("input_too_long", field="itemList", most=MOST_INPUT, count=len(items))
    return tuple(str(item) for item in items)


def _segments(
    opened: Opened,
    registry: Registry,
    job: Batch,
    backing: Backing,
    lines: Sequence[Line],
    at: int,
) -> Iterator[Told]:
    """Users, worked out for all lines in one walk over them."""
    version = version_of(opened.shop, opened.kept, backing.model, backing.recipe.family)
    asking = [_asking(opened, registry, backing, line, at) for line in lines]
    asked = filtering_of(registry, opened, backing.group_arn, filters_of(job, {}), at, entity=USER)
    targets = [target for _, target in asking if isinstance(target, Target)]
    found = iter(segments(version, targets, job.num_results or DEFAULT_RESULTS, at, asked))
    for line, (given, target) in zip(lines, asking, strict=True):
        if isinstance(target, EndcapError):
            yield refused(line, given, target)
        else:
            yield _of_attributes(given) | told(given, {"recommendedUsers": next(found).user_ids})


def _asking(
    opened: Opened, registry: Registry, backing: Backing, line: Line, at: int
) -> tuple[Any, Target | EndcapError]:
    """(the line, None where it cannot be read; whom it is about, or what is wrong with it)."""
    given: Any = None
    try:
        given = read(line)
        return given, _target(opened, registry, backing, given, at)
    except EndcapError as error:
        return given, error


def _of_attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """Answers to attributes name them beside ``input`` too, as the API's documents show it."""
    return {"itemAttributes": given["itemAttributes"]} if "itemAttributes" in given else {}


def _target(
    opened: Opened, registry: Registry, backing: Backing, given: Mapping[str, Any], at: int
) -> Target:
    recipe = backing.recipe
    version = version_of(opened.shop, opened.kept, backing.model, recipe.family)
    if recipe.family == ITEM_AFFINITY:
        item_id = text_of(given, "itemId")
        if not item_id:
            raise InvalidInput("recipe_needs", field="itemId", value=recipe.name)
        return target_of_item(version, item_id)
    text = text_of(given, "itemAttributes")
    if not text:
        raise InvalidInput("recipe_needs", field="itemAttributes", value=recipe.name)
    columns = group_columns(registry, opened, backing.group_arn, at)
    wanted = with_values(f"INCLUDE ItemID WHERE {text}", columns, {}, False, ITEM)
    return target_of_attributes(version, wanted, at)
