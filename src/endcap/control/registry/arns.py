"""Amazon Resource Names: made from kind and name alone, so that clients can make them as well."""

from __future__ import annotations

import re
from typing import NamedTuple

from endcap.domain.errors import InvalidInput

SCHEMA, GROUP, DATASET, IMPORT = "schema", "dataset-group", "dataset", "dataset-import-job"
TRACKER, SOLUTION, CAMPAIGN, FILTER = "event-tracker", "solution", "campaign", "filter"
RECOMMENDER, RECIPE = "recommender", "recipe"
BATCH_INFERENCE, BATCH_SEGMENT = "batch-inference-job", "batch-segment-job"
VERSION = "solution-version"  # of the registry; its ARN begins as its solution's

_ARN = re.compile(r"arn:([a-z\d-]+):personalize:([a-z\d-]*):(\d{12}|):([a-z-]+)/(.+)")


class Place(NamedTuple):
    """Where resources are said to stand."""

    region: str = "us-east-1"
    account: str = "123456789012"
    partition: str = "aws"


class Parsed(NamedTuple):
    """``key``: what follows the kind: ``shop/INTERACTIONS``, ``mine/0a1b2c3d``."""

    place: Place
    kind: str
    key: str


def arn_of(place: Place, kind: str, key: str) -> str:
    """Recipes belong to nobody: their ARNs name neither region nor account."""
    if kind == RECIPE:
        return f"arn:{place.partition}:personalize:::recipe/{key}"
    word = SOLUTION if kind == VERSION else kind
    return f"arn:{place.partition}:personalize:{place.region}:{place.account}:{word}/{key}"


def parse(arn: str, field: str = "arn") -> Parsed:
    """Raises InvalidInput (bad_arn)."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise InvalidInput("bad_arn", field=field, value=arn)
    partition, region, account, kind, key = found.groups()
    if kind == SOLUTION and "/" in key:
        kind = VERSION
    return Parsed(Place(region, account, partition), kind, key)
