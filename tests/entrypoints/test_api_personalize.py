"""The Personalize API in the function of the HTTP API, asked by boto3 through gateways' events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from endcap.app.control_work import TASKS
from endcap.bootstrap import open_shop
from endcap.bootstrap.jobs import CONTROL_JOB
from endcap.control.registry.arns import RECIPE
from endcap.control.registry.operations import OPERATIONS
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.statuses import ACTIVE, INACTIVE
from endcap.entrypoints.lambdas import api, personalize
from endcap.ports import JobState
from endcap.settings import load_settings
from endcap.telemetry import Telemetry

ARN = "arn:aws:personalize:us-east-1:123456789012:"
CAMPAIGN, GROUP = f"{ARN}campaign/default", f"{ARN}dataset-group/default"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:control"
ITEMS = {
    "type": "record",
    "name": "Items",
    "fields": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "DEPARTMENT", "type": "string", "categorical": True},
    ],
    "version": "1.0",
}
EVENTS = {
    "type": "record",
    "name": "Interactions",
    "fields": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "EVENT_TYPE", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
    ],
    "version": "1.0",
}


class Function:
    """One instance of the function. ``client(service)``: of boto3, whose answers are checked
    against botocore's models; ``form``: of the gateway between."""

    def __init__(self, conformity: Any, gateway_events: Any, home: Any, **settings: str) -> None:
        given = {"ENDCAP_HOME": str(home), "ENDCAP_AUTH": "gateway", **settings}
        self.settings = load_settings({"ENDCAP_DEADLINE_MS": "60000", **given})
        self.gateway, self.groups = api.built(self.settings, Telemetry())
        self.form, self.stage, self._events = "rest-v1", "/prod", gateway_events
        outer, domain = self, gateway_events.DOMAIN

        class Bridge(conformity.Bridge):  # type: ignore[misc]
            def ask(
                self, method: str, path: str, headers: Any, body: bytes, query: str = ""
            ) -> Any:
                return outer.ask(method, path, headers, body)

        self._bridge = Bridge(None, f"https://{domain}/prod/personalize")
        self._whole = Bridge(None, f"https://{domain}/personalize")

    def client(self, service: str = "personalize", **options: Any) -> Any:
        return (self._bridge if self.stage else self._whole).client(service, **options)

    def ask(self, method: str, path: str, headers: Any, body: bytes) -> Any:
        """As the gateway hands it on, whose own the header Host is."""
        assert path.startswith(self.stage)
        pairs = [(n.decode(), v.decode()) for n, v in headers if n != b"host"]
        event = self._events.FORMS[self.form](method, path[len(self.stage) :], body, pairs)
        self.groups.look()
        told = self._events.answer_of(self.gateway(event))
        return told.status, told.headers, told.raw

    def recommended(self, user: str = "s0", **more: Any) -> list[str]:
        runtime = self.client("personalize-runtime")
        told = runtime.get_recommendations(campaignArn=CAMPAIGN, userId=user, numResults=5, **more)
        return [item["itemId"] for item in told["itemList"]]

    def close(self) -> None:
        self._bridge.close()
        self._whole.close()


class Executions:
    """``Jobs`` of which a test says how they end."""

    def __init__(self) -> None:
        self.started: list[tuple[str, list[str]]] = []
        self.state = JobState("running", "", 1, 0)

    def start(self, name: str, arguments: Any) -> str:
        self.started.append((name, list(arguments)))
        return f"execution-{len(self.started)}"

    def poll(self, job_id: str) -> JobState:
        return self.state

    def stop(self, job_id: str) -> None:
        raise AssertionError(job_id)


Make = Callable[..., Function]


@pytest.fixture
def make_function(board: Any, conformity: Any, gateway_events: Any) -> Iterator[Make]:
    """Instances of the function over the checkerboard shop."""
    made: list[Function] = []

    def make(**settings: str) -> Function:
        made.append(Function(conformity, gateway_events, board.home, **settings))
        return made[-1]

    yield make
    for function in made:
        function.close()


@pytest.fixture
def executions(monkeypatch: pytest.MonkeyPatch) -> Executions:
    """In place of Step Functions."""
    jobs = Executions()
    monkeypatch.setattr("endcap.bootstrap.jobs.control_jobs_of", lambda _: jobs)
    return jobs


def with_dataset(function: Function, kind: str, schema: Any, group: str = GROUP) -> str:
    control, name = function.client(), f"{kind}-{group.rpartition('/')[2]}"
    made = control.create_schema(name=name, schema=json.dumps(schema))
    dataset = control.create_dataset(
        name=name, schemaArn=made["schemaArn"], datasetGroupArn=group, datasetType=kind
    )
    return str(dataset["datasetArn"])


def refused(call: Callable[..., Any], **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("form", ["http-v2", "http-v2-stage", "rest-v1", "function-url"])
def test_clients_are_answered_behind_every_gateway(make_function: Make, form: str) -> None:
    function = make_function()
    function.form = form
    if form in ("http-v2", "function-url"):
        function.stage = ""
    assert len(function.client().list_recipes()["recipes"]) > 5
    (group,) = function.client().list_dataset_groups()["datasetGroups"]
    assert group["datasetGroupArn"] == GROUP
    assert all(item.startswith("black") for item in function.recommended())
    ranked = function.client("personalize-runtime").get_personalized_ranking
    assert refused(ranked, campaignArn=CAMPAIGN, userId="s0", inputList=["white-1"])[0] == (
        "InvalidInputException"
    )


def test_a_path_below_that_nothing_answers_is_told_as_the_api_tells_it(
    make_function: Make,
) -> None:
    status, headers, raw = make_function().ask("GET", "/prod/personalize", [], b"")
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert b"X-Amz-Target" in raw


@pytest.mark.parametrize("form", ["http-v2-stage", "rest-v1", "function-url"])
def test_signatures_hold_with_the_stage_in_the_path(make_function: Make, form: str) -> None:
    function = make_function(ENDCAP_PERSONALIZE_KEYS="AKIDTEST:secret", ENDCAP_AUTH="required")
    function.form = form
    if form == "function-url":
        function.stage = ""
        function._whole._url = f"https://{function._events.URL_DOMAIN}/personalize"
    assert function.client().list_recipes()["recipes"]
    stranger = function.client(aws_secret_access_key="another")
    assert refused(stranger.list_recipes)[0] == "InvalidSignatureException"


def test_events_and_items_count_in_the_next_answer(make_function: Make) -> None:
    function = make_function()
    events, control = function.client("personalize-events"), function.client()
    with_dataset(function, "Interactions", EVENTS)
    items = with_dataset(function, "Items", ITEMS)
    tracker = control.create_event_tracker(name="clicks", datasetGroupArn=GROUP)["trackingId"]
    event = {"eventType": "view", "itemId": "white-3", "sentAt": time.time()}
    events.put_events(trackingId=tracker, userId="visitor", sessionId="session", eventList=[event])
    assert all(item.startswith("white") for item in function.recommended("visitor"))
    put = {"itemId": "white-1", "properties": '{"department": "rare"}'}
    events.put_items(datasetArn=items, items=[put])
    rare = control.create_filter(
        name="rare", datasetGroupArn=GROUP,
        filterExpression='INCLUDE ItemID WHERE Items.DEPARTMENT IN ("rare")',
    )["filterArn"]  # fmt: skip
    assert function.recommended("visitor", filterArn=rare) == ["white-1"]
    control.delete_filter(filterArn=rare)
    assert refused(control.describe_filter, filterArn=rare)[0] == "ResourceNotFoundException"


def test_a_group_that_the_api_made_has_its_own_data(make_function: Make) -> None:
    function = make_function()
    made = function.client().create_dataset_group(name="second")["datasetGroupArn"]
    items = with_dataset(function, "Items", ITEMS, made)
    put = {"itemId": "only-here", "properties": '{"department": "x"}'}
    function.client("personalize-events").put_items(datasetArn=items, items=[put])
    function.groups.look()
    second = open_shop(function.settings, "second").now.state
    assert second.items.row("only-here") >= 0
    assert open_shop(function.settings).now.state.items.row("only-here") < 0


def test_what_needs_a_job_is_refused_where_nothing_begins_one(make_function: Make) -> None:
    function = make_function()
    control = function.client()
    solution = control.create_solution(
        name="s", datasetGroupArn=GROUP,
        recipeArn="arn:aws:personalize:::recipe/aws-user-personalization",
    )["solutionArn"]  # fmt: skip
    code, message = refused(control.create_solution_version, solutionArn=solution)
    assert code == "InvalidInputException"
    assert "set ENDCAP_JOBS to stepfunctions://control=ARN" in message
    assert not control.list_solution_versions(solutionArn=solution)["solutionVersions"]
    assert refused(control.delete_solution, solutionArn=solution)[0] == "InvalidInputException"


def test_those_refused_are_those_that_jobs_do() -> None:
    assert set(OPERATIONS) >= personalize.NEED_JOBS
    assert len(personalize.NEED_JOBS) == len(TASKS)


def version_of(function: Function) -> str:
    control = function.client()
    solution = control.create_solution(
        name="s", datasetGroupArn=GROUP,
        recipeArn="arn:aws:personalize:::recipe/aws-user-personalization",
    )["solutionArn"]  # fmt: skip
    return str(control.create_solution_version(solutionArn=solution)["solutionVersionArn"])


def status_of(function: Function, version: str) -> dict[str, Any]:
    told = function.client().describe_solution_version(solutionVersionArn=version)
    found: dict[str, Any] = told["solutionVersion"]
    return found


def test_long_work_is_begun_at_once_and_given_up_after_the_third_time(
    make_function: Make, executions: Executions
) -> None:
    function = make_function(ENDCAP_JOBS=f"stepfunctions://control={MACHINE}")
    version = version_of(function)
    assert executions.started == [(CONTROL_JOB, [version])]
    assert status_of(function, version)["status"] == "CREATE PENDING"  # without a wait
    assert len(executions.started) == 1
    executions.state = JobState("failed", "Task timed out", 1, 2)
    for _ in range(3):
        told = status_of(function, version)
    assert executions.started == [(CONTROL_JOB, [version])] * 3
    assert told["status"] == "CREATE FAILED"
    assert "Task timed out" in told["failureReason"]


def test_one_instance_at_a_time_begins_work(make_function: Make, executions: Executions) -> None:
    function = make_function(ENDCAP_JOBS=f"stepfunctions://control={MACHINE}")
    documents = function.groups.desk().control.registry.documents
    until = time.time_ns() // 1000 + 3_600_000_000
    documents.put(personalize.TURN, personalize.ROUND, {"until": until})
    version = version_of(function)
    status_of(function, version)
    assert executions.started == []  # another one is at it
    documents.put(personalize.TURN, personalize.ROUND, {"until": 0})
    status_of(function, version)
    assert executions.started == [(CONTROL_JOB, [version])]


def test_what_is_a_status_alone_needs_no_job(make_function: Make) -> None:
    function = make_function()
    control = function.client()
    registry = function.groups.desk().control.registry
    arn = registry.arn("recommender", "one")
    registry.create(
        Recommender(
            arn=arn, name="one", group_arn=GROUP, status=ACTIVE, model="v0001",
            created_at=1_700_000_000_000_000,
            recipe_arn=registry.arn(RECIPE, "aws-ecomm-recommended-for-you"),
        )
    )  # fmt: skip
    control.stop_recommender(recommenderArn=arn)
    told = control.describe_recommender(recommenderArn=arn)["recommender"]
    assert told["status"] == INACTIVE
    assert registry.works() == []


def test_the_setting_names_the_machine() -> None:
    from endcap.bootstrap.jobs import control_jobs_of, jobs_of, machines_of

    settings = load_settings({"ENDCAP_JOBS": f"stepfunctions://control={MACHINE}"})
    assert machines_of(settings) == {"control": MACHINE}
    assert type(control_jobs_of(settings)).__name__ == "StepFunctionsJobs"
    assert type(jobs_of(settings, "default")).__name__ == "StepFunctionsJobs"
    assert machines_of(replace(settings, jobs="subprocess")) == {}
