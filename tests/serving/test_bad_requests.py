"""Every bad request gets its own clear answer, and changes nothing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

_spec = importlib.util.spec_from_file_location(
    "bad_requests", Path(__file__).with_name("bad_requests.py")
)
assert _spec is not None and _spec.loader is not None
_table = importlib.util.module_from_spec(_spec)
sys.modules["bad_requests"] = _table
_spec.loader.exec_module(_table)


def name_of(bad: Any) -> str:
    return f"{bad.method} {bad.target[:60]} {bad.code} {bad.field}"


@pytest.mark.parametrize("bad", _table.BAD, ids=name_of)
def test_a_bad_request_is_refused(ask: Any, bad: Any) -> None:
    before = ask.shop.log.end()
    told = ask(bad.method, bad.target, bad.body, bad.headers, bad.parts)
    found = (told.status, told.headers["endcap-error-code"], told.headers.get("endcap-error-field"))
    assert found == (bad.status, bad.code, bad.field), told.raw
    assert told.headers["content-type"] == "application/json"
    assert list(told.body) == ["error"]
    assert bad.says in told.body["error"]
    if bad.says.startswith(("Missing", "k must", "No stored")):
        assert told.body == {"error": bad.says}
    assert ask.shop.log.end() == before


def test_the_table_is_wide() -> None:
    assert len(_table.BAD) >= 60
