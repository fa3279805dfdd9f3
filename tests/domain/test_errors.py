"""What an error carries, and how it shows a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain import errors
from endcap.domain.errors import InvalidInput, NotFound, Unavailable, shorten

STATUSES = {
    "InvalidInput": 400, "NotFound": 404, "Conflict": 409, "TooLarge": 413, "Mismatch": 422,
    "Damaged": 500, "Unavailable": 503, "Unauthorized": 401, "Forbidden": 403, "OverRate": 429,
    "InUse": 409, "OverLimit": 400, "BadToken": 400, "TooManyTags": 400, "TooManyTagKeys": 400,
}  # fmt: skip


def test_an_error_carries_code_field_value_and_facts() -> None:
    error = InvalidInput("k_out_of_range", field="k", value=0, most=100)
    assert (error.code, error.field, error.value, error.facts) == (
        "k_out_of_range", "k", 0, {"most": 100},
    )  # fmt: skip
    assert str(error) == "k must be between 1 and 100"


def test_kinds_have_their_http_status() -> None:
    kinds = {
        kind.__name__: kind.status
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.EndcapError)
    }
    assert kinds.pop("EndcapError") == 500
    assert kinds == STATUSES


def test_unavailable_says_when_to_try_again() -> None:
    error = Unavailable("missing_member", retry_after_s=7, field="x")
    assert error.retry_after_s == 7
    assert error.status == 503


def test_a_code_without_a_message_is_a_defect() -> None:
    with pytest.raises(KeyError, match="no_such_code"):
        NotFound("no_such_code")


def test_braces_in_a_value_are_not_placeholders() -> None:
    error = InvalidInput("not_a_string", field="userId", value="{field}{0}")
    assert str(error) == "userId must be a string, not '{field}{0}'"


@given(st.one_of(st.text(), st.binary(), st.floats(), st.lists(st.integers())), st.integers(2, 90))
def test_a_shown_value_is_one_short_printable_line(value: object, limit: int) -> None:
    text = shorten(value, limit)
    assert len(text) <= limit
    assert text.isprintable()


@pytest.mark.parametrize(
    ("value", "shown"),
    [("short", "short"), ("a\nb\x1b[31m", "a·b·[31m"), (12, "12"), ("x" * 81, "x" * 79 + "…"),
     ("x" * 80, "x" * 80), (None, "None"), ("né €", "né €")],
)  # fmt: skip
def test_how_a_value_is_shown(value: object, shown: str) -> None:
    assert shorten(value) == shown
