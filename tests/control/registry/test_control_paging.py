"""Lists in pages: everything once, in order, whatever the size of a page and whoever adds."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.control.registry.arns import Place
from endcap.control.registry.groups import Group
from endcap.control.registry.paging import listed
from endcap.domain.errors import BadToken


def group(name: str, at: int) -> Group:
    arn = f"arn:aws:personalize:us-east-1:123456789012:dataset-group/{name}"
    return Group(arn=arn, name=name, shop=name, created_at=at)


def name_of(found: Group) -> dict[str, Any]:
    return {"name": found.name}


groups = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.integers(0, 4), max_size=25
).map(lambda made: [group(name, at) for name, at in made.items()])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(groups, st.integers(1, 7), st.data())
def test_pages_hold_everything_once(plane: Any, found: Any, most: int, data: Any) -> None:
    got: list[str] = []
    token: dict[str, str] = {}
    while True:
        shuffled = data.draw(st.permutations(found))
        answer = listed(plane.control, "groups", {"maxResults": most, **token}, shuffled, name_of)
        got += [each["name"] for each in answer["groups"]]
        if "nextToken" not in answer:
            break
        assert len(answer["groups"]) == most
        token = {"nextToken": answer["nextToken"]}
    assert got == [g.name for g in sorted(found, key=lambda g: (g.created_at, g.name))]


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_other_text_is_a_token(plane: Any, text: str) -> None:
    if text:
        with pytest.raises(BadToken):
            listed(plane.control, "groups", {"nextToken": text}, [], name_of)


def test_a_token_is_of_one_question(plane: Any) -> None:
    made = [group("a", 1), group("b", 2)]
    first = listed(plane.control, "groups", {"maxResults": 1, "of": "x"}, made, name_of)
    token = {"nextToken": first["nextToken"]}
    again = listed(plane.control, "groups", {**token, "of": "x", "maxResults": 9}, made, name_of)
    assert again == {"groups": [{"name": "b"}]}
    there = plane.control.elsewhere(Place("eu-west-1"))
    for control, member, asked in (
        (plane.control, "groups", {"of": "y"}),
        (plane.control, "groups", {}),
        (plane.control, "others", {"of": "x"}),
        (there, "groups", {"of": "x"}),
    ):
        with pytest.raises(BadToken):
            listed(control, member, {**token, **asked}, made, name_of)
