"""All resources of one kind, and one by its ARN, by the operations themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from endcap.control.registry import arns
from endcap.control.registry.arns import parse
from endcap.control.registry.control import Control
from endcap.control.registry.operations import OPERATIONS
from endcap.domain.errors import InvalidInput

# kind → the operations' word for it
WORDS = {
    arns.GROUP: "DatasetGroup",
    arns.SCHEMA: "Schema",
    arns.DATASET: "Dataset",
    arns.IMPORT: "DatasetImportJob",
    arns.TRACKER: "EventTracker",
    arns.SOLUTION: "Solution",
    arns.VERSION: "SolutionVersion",
    arns.CAMPAIGN: "Campaign",
    arns.RECOMMENDER: "Recommender",
    arns.FILTER: "Filter",
    arns.BATCH_INFERENCE: "BatchInferenceJob",
    arns.BATCH_SEGMENT: "BatchSegmentJob",
    arns.RECIPE: "Recipe",
}


def arn_member(kind: str) -> str:
    """Under which member a resource tells its ARN, and is asked for by it."""
    word = WORDS[kind]
    return f"{word[0].lower()}{word[1:]}Arn"


def browse(control: Control, kind: str, at: int) -> Iterator[dict[str, Any]]:
    """What a list says of each resource of a kind, of all pages."""
    token: dict[str, Any] = {}
    while True:
        answer = OPERATIONS[f"List{WORDS[kind]}s"](control, token, at)
        yield from next(found for found in answer.values() if isinstance(found, list))
        if "nextToken" not in answer:
            return
        token = {"nextToken": answer["nextToken"]}


def look_up(control: Control, arn: str, at: int) -> Mapping[str, Any]:
    """What describing it says; of whatever region it is. Raises NotFound, InvalidInput (bad_arn,
    not_described)."""
    found = parse(arn, "ARN")
    if found.kind not in WORDS:
        permitted = ", ".join(WORDS)
        raise InvalidInput("not_described", field="ARN", value=arn, permitted=permitted)
    there = control if found.kind == arns.RECIPE else control.elsewhere(found.place)
    answer = OPERATIONS[f"Describe{WORDS[found.kind]}"](there, {arn_member(found.kind): arn}, at)
    described: Mapping[str, Any] = next(iter(answer.values()))
    return described
