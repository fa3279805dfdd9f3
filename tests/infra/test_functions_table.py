"""What Terraform reads of the functions is what the code says."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from endcap.entrypoints.lambdas.table import FUNCTIONS

COMMITTED = Path(__file__).parents[2] / "infra" / "functions.json"


def test_what_is_committed_is_what_the_table_prints() -> None:
    printed = json.dumps(msgspec.to_builtins(FUNCTIONS), indent=2) + "\n"
    assert COMMITTED.read_text("utf-8") == printed, (
        "run `python -m endcap.entrypoints.lambdas.table > infra/functions.json`"
    )
