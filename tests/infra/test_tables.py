"""What Terraform reads of the tables is what the code keeps things in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from endcap.adapters.dynamodb_tables import TABLES

LIST = Path(__file__).parents[2] / "infra" / "tables.json"


def test_the_list_is_what_the_code_prints() -> None:
    """Where it differs: python -m endcap.adapters.dynamodb_tables > infra/tables.json"""
    words = [sys.executable, "-m", "endcap.adapters.dynamodb_tables"]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert LIST.read_text("utf-8") == printed
    assert set(json.loads(printed)) == set(TABLES)
