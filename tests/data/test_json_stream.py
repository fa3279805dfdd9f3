"""Values out of a stream, whatever pieces it comes in, around those that are no JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.data import json_stream
from endcap.data.json_stream import BAD_JSON, CUT_OFF, TOO_LONG, Found, read_values

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def pieces(text: bytes, size: int) -> list[bytes]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(st.lists(VALUES, max_size=6), st.integers(1, 9), st.booleans(), st.booleans())
def test_arrays_and_lines_come_back_from_any_pieces(
    values: list[Any], size: int, lines: bool, escaped: bool
) -> None:
    texts = [json.dumps(value, ensure_ascii=escaped) for value in values]
    if lines and texts and texts[0].startswith("["):
        texts.insert(0, "{}")  # else the file would be an array
        values = [{}, *values]
    text = "\n".join(texts) if lines else f" [ {' , '.join(texts)} ] \n"
    found = list(read_values(pieces(text.encode(), size)))
    assert found == [Found(place, value) for place, value in enumerate(values, 1)]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_is_no_json_is_told_and_the_rest_is_read(size: int) -> None:
    array = b'[{"a": 1}, {"a" 2}, , "x\\",]", {"b": [1, {"c": "]}"}]}, tru]'
    found = list(read_values(pieces(array, size)))
    assert [f.wrong for f in found] == ["", BAD_JSON, BAD_JSON, "", "", BAD_JSON]
    assert found[3].value == 'x",]'
    lines = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \xff}\nnonsense\n{"b": 2}'
    found = list(read_values(pieces(lines, size)))
    assert [(f.position, f.wrong) for f in found] == [
        (1, ""), (3, BAD_JSON), (4, BAD_JSON), (5, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("text", "wrongs"),
    [(b'[{"a": 1}, {"b', ["", CUT_OFF]), (b"[1, 2", ["", CUT_OFF]), (b"[1] 2", ["", CUT_OFF]),
     (b"[]", []), (b"", []), (b" \n ", []), (b"[1,]", ["", BAD_JSON]), (b"[1]]", ["", CUT_OFF])],
)  # fmt: skip
def test_where_a_file_ends(text: bytes, wrongs: list[str], size: int) -> None:
    assert [found.wrong for found in read_values(pieces(text, size))] == wrongs


def test_memory_is_bounded_by_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MOST_VALUE_BYTES", 50)
    long = b'"' + b"x" * 200 + b'"'
    found = list(read_values(pieces(b"[1, " + long + b", 2]", 16)))
    assert [(f.value, f.wrong) for f in found] == [(1, ""), (None, TOO_LONG), (2, "")]
    found = list(read_values(pieces(b"1\n" + long + b"\n2\n", 16)))
    assert [(f.value, f.wrong) for f in found] == [(1, ""), (None, TOO_LONG), (2, "")]
    reading = json_stream._Reading()
    for piece in pieces(long * 100, 16):
        assert list(reading.values(piece)) == []
        assert len(reading.kept) <= 50 + 16
