"""The parsers on their own: what they take, whatever they are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from endcap.app.totals import total
from endcap.domain.errors import InvalidInput
from endcap.serving.bodies import is_deeper
from endcap.serving.parameters import decode_segment, parse_query
from endcap.serving.prometheus import exposition
from endcap.serving.requests import header_value
from endcap.serving.times import DAY_US, read_time
from endcap.serving.yaml_text import to_yaml
from endcap.telemetry import Telemetry


def code_or(parse: Callable[[], Any]) -> Any:
    """What it gives, or the code with which it refuses."""
    try:
        return parse()
    except InvalidInput as error:
        return error.code


NOW = 1_800_000_000_000_000
AT = 1_755_369_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-08-16T18:30:00Z", AT),
        ("2025-08-16t18:30:00z", AT),
        ("2025-08-16 18:30:00", AT),
        ("2025-08-16T18:30", AT),
        ("2025-08-16T20:30:00+02:00", AT),
        ("2025-08-16T13:00:00-0530", AT),
        ("2025-08-16T18:30:00.5Z", AT + 500_000),
        ("2025-08-16T18:30:00,000001Z", AT + 1),
        ("2025-08-16T18:30:00.123456789Z", AT + 123_456),
        ("2025-08-16T18:29:60Z", AT),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert read_time(text, "ts", NOW) == expected


@given(
    st.datetimes(datetime(1970, 1, 3), datetime(2027, 1, 1)),
    st.integers(-23 * 60, 23 * 60),
)
def test_any_time_with_an_offset_reads_as_python_does(moment: datetime, minutes: int) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    expected = (moment - epoch) // timedelta(microseconds=1)
    assert read_time(moment.isoformat(), "ts", NOW) == expected


@given(st.text(max_size=45))
def test_other_texts_are_refused_or_in_range(text: str) -> None:
    found = code_or(lambda: read_time(text, "ts", NOW))
    assert found in ("bad_time", "time_out_of_range") or 0 <= int(found) <= NOW + DAY_US


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_a_query_string_round_trips(parameters: dict[str, str]) -> None:
    for encode in (quote, quote_plus):
        pairs = (f"{encode(k, safe='')}={encode(v, safe='')}" for k, v in parameters.items())
        assert parse_query("&".join(pairs).encode()) == parameters


@given(st.binary(max_size=60))
def test_any_query_string_is_read_or_refused(raw: bytes) -> None:
    found = code_or(lambda: parse_query(raw))
    assert isinstance(found, dict) or found in ("bad_encoding", "duplicate_parameter")


def test_a_plus_in_a_path_is_a_plus() -> None:
    assert decode_segment(b"a+b%2Fc", "userId") == "a+b/c"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('[]{}"\\ab', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=25,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(values, st.integers(0, 6), st.booleans())
def test_depth_is_measured_without_recursion(value: object, most: int, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert is_deeper(raw, most) == (depth(value) > most)


@given(values)
def test_yaml_says_what_json_says(value: object) -> None:
    assert yaml.safe_load(to_yaml({"value": value})) == {"value": value}


@given(st.text(max_size=400))
def test_any_text_makes_a_sound_header(text: str) -> None:
    found = header_value(text)
    assert len(found) <= 256 * 10
    assert all(32 <= byte < 127 for byte in found)


def test_exposition() -> None:
    telemetry = Telemetry()
    telemetry.count("answers_total", 2, surface='a"b\n')
    telemetry.gauge("log_tail_bytes", 5)
    telemetry.observe("request_seconds", 0.003, route="x")
    lines = exposition(total([telemetry.reading()])).splitlines()
    assert 'endcap_answers_total{surface="a\\"b\\n"} 2' in lines
    assert "endcap_log_tail_bytes 5" in lines
    assert 'endcap_request_seconds_bucket{route="x",le="0.0025"} 0' in lines
    assert 'endcap_request_seconds_bucket{route="x",le="0.005"} 1' in lines
    assert 'endcap_request_seconds_bucket{route="x",le="+Inf"} 1' in lines
    assert 'endcap_request_seconds_sum{route="x"} 0.003' in lines
