"""Requests and answers of the Personalize API as an unmodified boto3 client sees them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from endcap.control.registry.arns import Place
from endcap.domain.errors import (
    BadToken,
    Conflict,
    EndcapError,
    InUse,
    InvalidInput,
    NotFound,
    OverLimit,
    Unavailable,
)

WHEN = 1_700_000_000_123_456  # µs
ARN = "arn:aws:personalize:us-east-1:123456789012:"
GROUP = {"name": "mine", "datasetGroupArn": f"{ARN}dataset-group/mine", "status": "ACTIVE",
         "creationDateTime": WHEN, "lastUpdatedDateTime": WHEN}  # fmt: skip


def error_of(call: Any, **given: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    told = caught.value.response
    return (
        told["Error"]["Code"],
        told["ResponseMetadata"]["HTTPStatusCode"],
        told["Error"]["Message"],
    )


def test_an_operation_of_json_1_1(make_wire: Any) -> None:
    wire = make_wire({"DescribeDatasetGroup": {"datasetGroup": GROUP}})
    arn = f"{ARN}dataset-group/mine"
    told = wire.client().describe_dataset_group(datasetGroupArn=arn)
    assert told["datasetGroup"]["name"] == "mine"
    assert told["datasetGroup"]["creationDateTime"] == datetime(
        2023, 11, 14, 22, 13, 20, 123_000, UTC
    )
    assert len(told["ResponseMetadata"]["RequestId"]) == 36
    assert wire.table.asked == [("DescribeDatasetGroup", Place(), {"datasetGroupArn": arn})]


@pytest.mark.parametrize("url", ["http://x/personalize", "http://x/personalize/"])
def test_all_services_at_one_url(url: str, make_wire: Any) -> None:
    items = [{"itemId": "a", "score": 0.5}, {"itemId": "b"}]
    wire = make_wire(
        {"ListSchemas": {"schemas": []}, "DeleteSchema": None},
        {"GetRecommendations": {"itemList": items, "recommendationId": "RID-1"}, "PutEvents": None},
    )
    wire.bridge._url = url
    assert wire.client().list_schemas()["schemas"] == []
    wire.client().delete_schema(schemaArn=f"{ARN}schema/mine")
    told = wire.client("personalize-runtime").get_recommendations(campaignArn=f"{ARN}campaign/c")
    assert told["itemList"] == items
    wire.client("personalize-events").put_events(
        trackingId="t",
        sessionId="s",
        eventList=[{"eventType": "click", "sentAt": datetime.fromtimestamp(1_700_000_000, UTC)}],
    )
    event = {"eventType": "click", "sentAt": 1_700_000_000}
    given = {"trackingId": "t", "sessionId": "s", "eventList": [event]}
    assert wire.table.asked[-1] == ("PutEvents", Place(), given)


def test_the_region_of_the_signature_is_the_region_of_the_resources(make_wire: Any) -> None:
    wire = make_wire({"ListSchemas": {"schemas": []}}, arn_account="111122223333")
    for region in ("eu-central-1", "cn-north-1", "us-gov-west-1"):
        wire.client(region=region).list_schemas()
    assert [place for _, place, _ in wire.table.asked] == [
        Place("eu-central-1", "111122223333", "aws"),
        Place("cn-north-1", "111122223333", "aws-cn"),
        Place("us-gov-west-1", "111122223333", "aws-us-gov"),
    ]


def test_nothing_is_signed_then_the_region_is_the_settings(make_wire: Any) -> None:
    wire = make_wire({"ListSchemas": {"schemas": []}}, arn_region="eu-west-3")
    headers = [(b"x-amz-target", b"AmazonPersonalize.ListSchemas")]
    status, told, body = wire.bridge.ask("POST", "/personalize", headers, b"")
    assert (status, body) == (200, b'{"schemas":[]}')
    assert told["content-type"] == "application/x-amz-json-1.1"
    assert wire.table.asked[0][1] == Place("eu-west-3")


def test_what_no_json_has_and_no_model_knows_is_left_out(make_wire: Any) -> None:
    version = f"{ARN}solution/s/0a1b2c3d"
    metrics = {"coverage": 0.5, "precision_at_5": float("nan")}
    answer = {"solutionVersionArn": version, "metrics": metrics, "secret": 1}
    wire = make_wire({"GetSolutionMetrics": answer})
    told = wire.client().get_solution_metrics(solutionVersionArn=version)
    assert told["metrics"] == {"coverage": 0.5}
    assert "secret" not in told


ERRORS = [
    (NotFound("no_resource", field="arn", value="x", kind="campaign"), "ResourceNotFoundException"),
    (Conflict("resource_exists", value="x", kind="campaign"), "ResourceAlreadyExistsException"),
    (InUse("no_resource", value="x", kind="campaign"), "ResourceInUseException"),
    (OverLimit("no_resource", value="x", kind="campaign"), "LimitExceededException"),
    (InvalidInput("bad_arn", field="arn", value="x"), "InvalidInputException"),
    (BadToken("bad_arn", field="nextToken", value="x"), "InvalidInputException"),  # not modelled
]


@pytest.mark.parametrize(("error", "kind"), ERRORS, ids=lambda x: getattr(x, "code", x))
def test_errors_as_they_are_modelled(error: EndcapError, kind: str, make_wire: Any) -> None:
    wire = make_wire({"CreateCampaign": error})
    given = {"name": "c", "solutionVersionArn": f"{ARN}solution/s/0a1b2c3d"}
    assert error_of(wire.client().create_campaign, **given) == (kind, 400, str(error))


def test_errors_of_paths_have_their_own_status(make_wire: Any) -> None:
    missing = NotFound("no_resource", field="arn", value="x", kind="campaign")
    wire = make_wire({}, {"GetRecommendations": missing, "PutEvents": missing})
    runtime = wire.client("personalize-runtime")
    told = error_of(runtime.get_recommendations, campaignArn=f"{ARN}campaign/c")
    assert told[:2] == ("ResourceNotFoundException", 404)
    events = wire.client("personalize-events")
    event = {"eventType": "e", "sentAt": 1}
    told = error_of(events.put_events, trackingId="t", sessionId="s", eventList=[event])
    assert told[:2] == ("InvalidInputException", 400)


def test_a_token_that_is_none_and_a_list_that_models_no_other_error(make_wire: Any) -> None:
    bad = BadToken("bad_arn", field="nextToken", value="x")
    wire = make_wire({"ListSchemas": bad, "ListCampaigns": bad})
    for call in (wire.client().list_schemas, wire.client().list_campaigns):
        assert error_of(call, nextToken="x")[0] == "InvalidNextTokenException"
    assert error_of(wire.client().list_schemas, maxResults=500)[0] == "InvalidNextTokenException"
    assert error_of(wire.client().list_campaigns, maxResults=500)[0] == "InvalidInputException"


def test_a_defect_is_a_failure_without_its_text(make_wire: Any) -> None:
    wire = make_wire({"ListSchemas": ZeroDivisionError("user u1 divides")})
    kind, status, text = error_of(wire.client().list_schemas)
    assert (kind, status) == ("InternalFailure", 500)
    assert "u1" not in text


def test_what_cannot_be_asked_now_may_be_asked_again(make_wire: Any) -> None:
    wire = make_wire({"ListSchemas": Unavailable("documents_busy", field="x")})
    assert error_of(wire.client().list_schemas)[:2] == ("ServiceUnavailable", 503)


def test_rare_operations_say_that_they_are_not_done(make_wire: Any) -> None:
    wire = make_wire()
    kind, status, text = error_of(wire.client().list_metric_attributions)
    assert (kind, status) == ("InvalidInputException", 400)
    assert "ListMetricAttributions" in text
    assert "not kept" in text


@pytest.mark.parametrize(
    ("method", "path", "target", "status"),
    [
        ("POST", "/personalize", "AmazonPersonalize.Nothing", 400),
        ("POST", "/personalize", "ListSchemas", 400),
        ("POST", "/personalize", "", 400),
        ("POST", "/personalize", "AmazonPersonalize.PutEvents", 400),
        ("GET", "/personalize", "AmazonPersonalize.ListSchemas", 404),
        ("POST", "/personalize/nothing", "", 404),
        ("GET", "/personalize/events", "", 404),
    ],
)
def test_what_is_no_operation(
    method: str, path: str, target: str, status: int, make_wire: Any
) -> None:
    wire = make_wire()
    headers = [(b"x-amz-target", target.encode())]
    told, headers_told, body = wire.bridge.ask(method, path, headers, b"{}")
    assert (told, headers_told["x-amzn-errortype"]) == (status, "UnknownOperationException")
    assert b"AmazonPersonalize" in body or b"/recommendations" in body


def test_a_describe_call_waits_for_the_end(make_wire: Any) -> None:
    arn = f"{ARN}dataset-group/mine"
    told = [{"datasetGroup": GROUP | {"status": status}}
            for status in ("CREATE PENDING", "CREATE IN_PROGRESS", "ACTIVE")]  # fmt: skip
    wire = make_wire({"DescribeDatasetGroup": told})
    answer = wire.client().describe_dataset_group(datasetGroupArn=arn)
    assert answer["datasetGroup"]["status"] == "ACTIVE"
    assert len(wire.table.asked) == 3


def test_a_describe_call_does_not_wait_for_ever(make_wire: Any) -> None:
    arn = f"{ARN}dataset-group/mine"
    told = {"datasetGroup": GROUP | {"status": "CREATE IN_PROGRESS"}}
    wire = make_wire({"DescribeDatasetGroup": told}, describe_wait_s=0.2)
    answer = wire.client().describe_dataset_group(datasetGroupArn=arn)
    assert answer["datasetGroup"]["status"] == "CREATE IN_PROGRESS"
    assert len(wire.table.asked) in (2, 3)


def test_a_server_that_ends_keeps_nobody_waiting(make_wire: Any) -> None:
    arn = f"{ARN}dataset-group/mine"
    told = {"datasetGroup": GROUP | {"status": "CREATE IN_PROGRESS"}}
    wire = make_wire({"DescribeDatasetGroup": told}, describe_wait_s=50)
    with pytest.raises(ClientError):
        wire.client().list_schemas()  # the first request opens what is to be closed
    wire.api.close()
    wire.client().describe_dataset_group(datasetGroupArn=arn)
    assert len(wire.table.asked) == 1


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("/personalize", "/personalize"), ("/personalize/", "/personalize"),
     ("/personalize/events", "/personalize/events"), ("/personalize/u1", "")],
)  # fmt: skip
def test_traces_name_the_path(path: str, pattern: str, make_wire: Any) -> None:
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    assert make_wire({}).whole.pattern(scope) == pattern


def test_a_describe_call_tells_when_it_is_gone(make_wire: Any) -> None:
    arn = f"{ARN}dataset-group/mine"
    gone = NotFound("no_resource", field="datasetGroupArn", value=arn, kind="dataset-group")
    told = [{"datasetGroup": GROUP | {"status": "DELETE PENDING"}}, gone]
    wire = make_wire({"DescribeDatasetGroup": told})
    call = wire.client().describe_dataset_group
    assert error_of(call, datasetGroupArn=arn)[0] == "ResourceNotFoundException"
