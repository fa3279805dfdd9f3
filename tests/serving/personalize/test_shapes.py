"""The table of shapes is what the installed botocore's models say."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from endcap.serving.personalize.generate import HERE, SERVICES, model, rendered
from endcap.serving.personalize.refused import REFUSED
from endcap.serving.personalize.shapes import TARGET, by_path, compiled, operations


def test_the_table_is_current() -> None:
    assert HERE.read_text("utf-8") == rendered(), "python -m endcap.serving.personalize.generate"


def test_all_operations_of_the_three_services_are_there() -> None:
    session = botocore.session.get_session()
    services = [session.get_service_model(name) for name in SERVICES]
    assert set(operations()) == {name for told in services for name in told.operation_names}
    assert len(operations()) == 79
    assert len(by_path()) == 8
    assert model("personalize")["metadata"]["targetPrefix"] + "." == TARGET


def test_what_is_refused_is_an_operation() -> None:
    assert set(REFUSED) <= set(operations())


@pytest.mark.parametrize("service", SERVICES)
def test_shapes_are_as_botocore_reads_them(service: str) -> None:
    told = botocore.session.get_session().get_service_model(service)
    for name in told.operation_names:
        theirs, ours = told.operation_model(name), operations()[name]
        assert list(ours.errors) == list(dict.fromkeys(shape.name for shape in theirs.error_shapes))
        _same(ours.input, theirs.input_shape)
        assert (ours.output is None) == (theirs.output_shape is None)
        if ours.output is not None:
            _same(ours.output, theirs.output_shape)


def _same(ours: Any, theirs: Any) -> None:
    assert (ours.name, ours.type) == (theirs.name, theirs.type_name)
    told = theirs.metadata
    assert (ours.least, ours.most) == (told.get("min"), told.get("max"))
    assert list(ours.choices) == told.get("enum", [])
    if ours.type == "structure":
        assert set(ours.required) == set(theirs.required_members)
        assert set(ours.members) == set(theirs.members)
        for name, member in theirs.members.items():
            _same(ours.members[name], member)
    elif ours.type == "list":
        _same(ours.member, theirs.member)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$",
            ["Größe 5", "a\u3000b", "²", ""],
            ["a\n", "a\tb", "!"],
        ),
        (r"\p{ASCII}{0,1500}", ["abc", ""], ["é", "a" * 1501]),
        (r"^[a-zA-Z0-9][a-zA-Z0-9\-_]*", ["a", "0-_"], ["-a", "a\n", "é", ""]),
        (r"rate\(\d+ days?\)", ["rate(7 days)"], ["rate(٣ days)", "rate(7 hours)"]),
    ],
)
def test_patterns_are_held_against_the_whole_text(
    pattern: str, good: list[str], bad: list[str]
) -> None:
    assert [text for text in good if not compiled(pattern).fullmatch(text)] == []
    assert [text for text in bad if compiled(pattern).fullmatch(text)] == []
