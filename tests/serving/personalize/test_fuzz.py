"""Bodies that nobody thought of: every answer is one that the model knows, and none is a failure
of ours."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.control.registry.operations import OPERATIONS
from endcap.serving.personalize.desk import RUNTIME
from endcap.serving.personalize.shapes import Shape, operations

ARN = "arn:aws:personalize:us-east-1:123456789012:"
BUILT = sorted({*OPERATIONS, *RUNTIME})
KINDS = ("schema", "dataset-group", "dataset", "dataset-import-job", "event-tracker", "solution",
         "campaign", "filter", "recommender", "batch-inference-job", "nothing")  # fmt: skip
KEYS = ("mine", "personal", "mine/ITEMS", "mine/USERS", "mine/INTERACTIONS", "personal/0a1b2c3d",
        "personal/$LATEST", "Ünknown", "a" * 300, "..", "%s{0}")  # fmt: skip
TEXTS = (
    "", "a", "mine", "ITEMS", "Interactions", "click", "black-1", "s3://b/x", "file:///etc/passwd",
    "file://../../x", "\x00", "\u2028", "🛒" * 5, "a" * 70, "{}",
    '{"price": 1e309}', '{"a": NaN}',
    '{"type":"record","name":"Items","fields":[{"name":"ITEM_ID","type":"string"},'
    '{"name":"A","type":["null","int"]}]}',
    "INCLUDE ItemID WHERE Items.PRICE > 1", 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
    "$LATEST", "%", "{0}", "{field}", "null", "1e5", "-1",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 25, 101, 0.5, 1e9, 1_700_000_000, 1e18, -1e308, 2**31 - 1, 2**63)

arns = st.builds(
    lambda kind, key: f"{ARN}{kind}/{key}", st.sampled_from(KINDS), st.sampled_from(KEYS)
) | st.sampled_from(["arn:aws:personalize:::recipe/aws-sims", "arn:aws:personalize::::x"])
texts = st.sampled_from(TEXTS) | st.text(max_size=12)
anything = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | texts | arns,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=6,
)


@cache
def values(shape: Shape) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - a kind each
    """What fits ``shape``, or nearly."""
    if shape.type == "structure":
        required = {name: values(shape.members[name]) for name in shape.required}
        optional = {n: values(m) for n, m in shape.members.items() if n not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if shape.type == "list":
        assert shape.member is not None
        return st.lists(values(shape.member), min_size=1, max_size=3)
    if shape.type == "map":
        assert shape.key is not None
        assert shape.value is not None
        return st.dictionaries(values(shape.key), values(shape.value), max_size=3)
    if shape.type == "boolean":
        return st.booleans()
    if shape.type != "string":
        return st.sampled_from(NUMBERS) | st.integers(1, 100)
    if shape.choices:
        return st.sampled_from(shape.choices)
    return arns if shape.name in ("Arn", "RoleArn") else texts


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, Any]:
    """An operation with an input of about its shape, at one place perhaps of none at all."""
    name = draw(st.sampled_from(BUILT))
    body = draw(values(operations()[name].input))
    if body and draw(st.booleans()):
        body[draw(st.sampled_from(sorted(body)))] = draw(anything)
    return name, body


@pytest.fixture(scope="module")
def world(
    module_wire: Any,
    make_world: Any,
    checkerboard_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("fuzz") / "home"
    shutil.copytree(checkerboard_home, home)
    made = make_world(module_wire(describe_wait_s=0, home=home))
    made.group("mine")
    made.datasets("mine", made.schemas)
    made.version("personal", "mine", "aws-user-personalization")
    made.version("ranking", "mine", "aws-personalized-ranking")
    tracker = made.control.create_event_tracker(name="t", datasetGroupArn=made.arns["mine"])
    made.tracking_id = tracker["trackingId"]
    return made


QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
@given(asked=bodies())
def test_inputs_of_about_their_shape(asked: tuple[str, Any], world: Any) -> None:
    name, body = asked
    status, _ = world.wire.bridge.call(name, body)
    assert status < 500


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(body=values(operations()["PutEvents"].input), text=anything)
def test_events_that_reach_a_tracker(body: Any, text: Any, world: Any) -> None:
    body["trackingId"] = world.tracking_id
    for event in body["eventList"]:
        event["properties"] = json.dumps(text) or "{}"
    assert world.wire.bridge.call("PutEvents", body)[0] < 500


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
@given(data=st.data())
def test_questions_that_reach_a_campaign(data: st.DataObject, world: Any) -> None:
    name = data.draw(st.sampled_from(["GetRecommendations", "GetPersonalizedRanking"]))
    body = data.draw(values(operations()[name].input))
    body.pop("recommenderArn", None)
    body["campaignArn"] = world.arns[
        data.draw(st.sampled_from(["personal", "ranking"])) + " campaign"
    ]
    if data.draw(st.booleans()):
        body.pop("filterArn", None)
        body.pop("filterValues", None)
    assert world.wire.bridge.call(name, body)[0] < 500


@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
@given(
    raw=st.binary(max_size=60) | st.text('{}[]":,\\u0eE+-1tfn', max_size=40).map(str.encode),
    name=st.sampled_from(BUILT),
)
def test_bytes(raw: bytes, name: str, world: Any) -> None:
    assert world.wire.bridge.call(name, raw)[0] < 500


HEADER = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=40)


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET)
@given(
    path=st.sampled_from(["", "/", "/events", "//", "/../v1/health", "/%00", "/é"]),
    target=HEADER | st.sampled_from([f"AmazonPersonalize.{name}" for name in BUILT[:3]]),
    authorization=HEADER.map(lambda text: f"AWS4-HMAC-SHA256 Credential={text}") | HEADER,
    method=st.sampled_from(["POST", "GET", "PUT", "HEAD", "DELETE"]),
)
def test_requests(path: str, target: str, authorization: str, method: str, world: Any) -> None:
    headers = [(b"x-amz-target", target.encode("latin-1")),
               (b"authorization", authorization.encode("latin-1"))]  # fmt: skip
    ask = world.wire.bridge.ask
    assert ask(method, f"/personalize{path}", headers, b"{}")[0] < 500
