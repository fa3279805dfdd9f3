"""Every operation that is built, asked by boto3: each answer is what the service model says, and
lists come in pages. ``personalize_conformity.check`` looks at every answer on its way."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from endcap.control.registry.operations import OPERATIONS
from endcap.serving.personalize.desk import RUNTIME
from endcap.serving.personalize.refused import REFUSED
from endcap.serving.personalize.shapes import operations

RECIPES = "arn:aws:personalize:::recipe/"
ROLE = "arn:aws:iam::123456789012:role/personalize"


class Noted:
    """A client of which is known what it was asked."""

    def __init__(self, client: Any, asked: set[str]) -> None:
        self._client = client
        client.meta.events.register(
            "before-parse", lambda operation_model, **_: asked.add(operation_model.name)
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.fixture
def world(
    make_wire: Any, make_world: Any, checkerboard_home: Path, tmp_path: Path
) -> Iterator[Any]:
    shutil.copytree(checkerboard_home, tmp_path / "home")
    return make_world(make_wire(describe_wait_s=0))


@pytest.mark.server
def test_every_operation_that_is_built(world: Any) -> None:
    asked: set[str] = set()
    for name in ("control", "events", "runtime"):
        setattr(world, name, Noted(getattr(world, name), asked))
    groups_and_data(world)
    training(world)
    answers(world)
    batches(world)
    recommenders(world)
    lists(world)
    removal(world)
    assert (set(OPERATIONS) | set(RUNTIME)) - asked == set()


def groups_and_data(world: Any) -> None:
    control = world.control
    made = control.create_dataset_group(
        name="of-api", roleArn=ROLE, domain="VIDEO_ON_DEMAND",
        tags=[{"tagKey": "team", "tagValue": "shop"}],
    )  # fmt: skip
    assert made["domain"] == "VIDEO_ON_DEMAND"
    group = world.group("mine")
    told = control.describe_dataset_group(datasetGroupArn=made["datasetGroupArn"])["datasetGroup"]
    assert (told["status"], told["roleArn"]) == ("ACTIVE", ROLE)
    world.datasets("mine", world.schemas)
    assert control.describe_schema(schemaArn=world.arns["mine Items schema"])["schema"]["schema"]
    dataset = control.describe_dataset(datasetArn=world.arns["mine Items"])["dataset"]
    assert dataset["datasetType"] == "ITEMS"
    control.update_dataset(
        datasetArn=world.arns["mine Items"], schemaArn=world.arns["mine Items schema"]
    )
    job = control.create_dataset_import_job(
        jobName="j", datasetArn=world.arns["mine Items"], roleArn=ROLE,
        dataSource={"dataLocation": "s3://bucket/items.csv"}, importMode="INCREMENTAL",
    )["datasetImportJobArn"]  # fmt: skip
    told = control.describe_dataset_import_job(datasetImportJobArn=job)["datasetImportJob"]
    assert told["status"] == "CREATE PENDING"
    world.settle()
    tracker = control.create_event_tracker(name="t", datasetGroupArn=group)
    world.arns["tracker"], world.tracking_id = tracker["eventTrackerArn"], tracker["trackingId"]
    told = control.describe_event_tracker(eventTrackerArn=tracker["eventTrackerArn"])
    assert told["eventTracker"]["trackingId"] == tracker["trackingId"]
    control.tag_resource(resourceArn=group, tags=[{"tagKey": "k", "tagValue": "v"}])
    assert control.list_tags_for_resource(resourceArn=group)["tags"] == [
        {"tagKey": "k", "tagValue": "v"}
    ]
    control.untag_resource(resourceArn=group, tagKeys=["k"])


def training(world: Any) -> None:
    control = world.control
    for name, recipe in (("personal", "aws-user-personalization"),
                         ("ranking", "aws-personalized-ranking"),
                         ("related", "aws-similar-items"),
                         ("affinity", "aws-item-affinity")):  # fmt: skip
        world.version(name, "mine", recipe)
    solution, version = world.arns["personal solution"], world.arns["personal version"]
    told = control.describe_solution(solutionArn=solution)["solution"]
    assert told["latestSolutionVersion"]["solutionVersionArn"] == version
    told = control.describe_solution_version(solutionVersionArn=version)["solutionVersion"]
    assert (told["status"], told["recipeArn"]) == ("ACTIVE", f"{RECIPES}aws-user-personalization")
    metrics = control.get_solution_metrics(solutionVersionArn=version)["metrics"]
    assert metrics["coverage"] == 0.5
    control.update_solution(solutionArn=solution, performAutoTraining=False)
    second = control.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    control.stop_solution_version_creation(solutionVersionArn=second)
    world.settle()
    told = control.describe_solution_version(solutionVersionArn=second)["solutionVersion"]
    assert told["status"] == "CREATE STOPPED"
    control.update_campaign(campaignArn=world.arns["personal campaign"], minProvisionedTPS=2)
    told = control.describe_campaign(campaignArn=world.arns["personal campaign"])["campaign"]
    assert told["minProvisionedTPS"] == 2
    assert told["campaignConfig"] == {"enableMetadataWithRecommendations": True}
    made = control.create_filter(
        name="black", datasetGroupArn=world.arns["mine"],
        filterExpression='INCLUDE ItemID WHERE Items.DEPARTMENT IN ($department)',
    )["filterArn"]  # fmt: skip
    world.arns["filter"] = made
    assert control.describe_filter(filterArn=made)["filter"]["status"] == "ACTIVE"


def answers(world: Any) -> None:
    events, runtime = world.events, world.runtime
    event = {"eventType": "click", "itemId": "black-1", "sentAt": 1_700_000_000}
    events.put_events(trackingId=world.tracking_id, userId="new", sessionId="s", eventList=[event])
    item = {"itemId": "grey-1", "properties": '{"department": "grey"}'}
    events.put_items(datasetArn=world.arns["mine Items"], items=[item])
    user = {"userId": "new", "properties": '{"country": "DE"}'}
    events.put_users(datasetArn=world.arns["mine Users"], users=[user])
    campaign = world.arns["personal campaign"]
    told = runtime.get_recommendations(
        campaignArn=campaign, userId="s0", numResults=5, filterArn=world.arns["filter"],
        filterValues={"department": '"black"'},
        metadataColumns={"ITEMS": ["DEPARTMENT", "NAME"]},
    )  # fmt: skip
    assert len(told["itemList"]) == 5
    assert all(item["metadata"]["department"] == "black" for item in told["itemList"])
    assert len(told["recommendationId"]) <= 40
    related = world.arns["related campaign"]
    told = runtime.get_recommendations(campaignArn=related, itemId="black-1", numResults=3)
    assert [set(item) for item in told["itemList"]] == [{"itemId"}] * 3
    ranked = runtime.get_personalized_ranking(
        campaignArn=world.arns["ranking campaign"], userId="s0",
        inputList=["white-1", "black-1", "nothing"],
    )["personalizedRanking"]  # fmt: skip
    assert [item["itemId"] for item in ranked] == ["black-1", "white-1", "nothing"]


def batches(world: Any) -> None:
    control = world.control
    given = {
        "jobName": "b", "roleArn": ROLE, "numResults": 10,
        "jobInput": {"s3DataSource": {"path": "s3://bucket/users.json"}},
        "jobOutput": {"s3DataDestination": {"path": "s3://bucket/out/"}},
    }  # fmt: skip
    made = control.create_batch_inference_job(
        solutionVersionArn=world.arns["personal version"], **given
    )["batchInferenceJobArn"]
    told = control.describe_batch_inference_job(batchInferenceJobArn=made)["batchInferenceJob"]
    assert told["numResults"] == 10
    made = control.create_batch_segment_job(
        solutionVersionArn=world.arns["affinity version"], **given
    )["batchSegmentJobArn"]
    told = control.describe_batch_segment_job(batchSegmentJobArn=made)["batchSegmentJob"]
    assert told["status"] == "CREATE PENDING"
    world.settle()


def recommenders(world: Any) -> None:
    control = world.control
    world.group("shop", domain="ECOMMERCE")
    world.datasets("shop", world.shop_schemas, domain="ECOMMERCE")
    made = control.create_recommender(
        name="r", datasetGroupArn=world.arns["shop"],
        recipeArn=f"{RECIPES}aws-ecomm-recommended-for-you",
        recommenderConfig={"minRecommendationRequestsPerSecond": 1},
    )["recommenderArn"]  # fmt: skip
    world.settle()
    told = control.describe_recommender(recommenderArn=made)["recommender"]
    assert told["modelMetrics"]["coverage"] == 0.5
    found = world.runtime.get_recommendations(recommenderArn=made, userId="s0", numResults=3)
    assert len(found["itemList"]) == 3
    control.stop_recommender(recommenderArn=made)
    world.settle()
    assert control.describe_recommender(recommenderArn=made)["recommender"]["status"] == "INACTIVE"
    control.start_recommender(recommenderArn=made)
    world.settle()
    control.update_recommender(
        recommenderArn=made, recommenderConfig={"minRecommendationRequestsPerSecond": 2}
    )
    world.arns["recommender"] = made


def lists(world: Any) -> None:
    """Each list once whole, and in pages of one where a client can turn pages."""
    control = world.control
    names = [name for name in OPERATIONS if name.startswith("List")]
    for name in set(names) - {"ListTagsForResource"}:
        method = "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
        whole = getattr(control, method)()
        (member,) = set(whole) - {"ResponseMetadata"}
        assert whole[member], name
        pages = list(control.get_paginator(method).paginate(PaginationConfig={"PageSize": 1}))
        assert [page[member][0] for page in pages] == whole[member]
        assert "nextToken" not in pages[-1]
    told = control.list_recipes(domain="ECOMMERCE")["recipes"]
    assert {recipe["domain"] for recipe in told} == {"ECOMMERCE"}
    assert control.describe_recipe(recipeArn=f"{RECIPES}aws-sims")["recipe"]["recipeType"]


def removal(world: Any) -> None:
    control, arns = world.control, world.arns
    for name in ("personal", "ranking", "related"):
        control.delete_campaign(campaignArn=arns[f"{name} campaign"])
    for name in ("personal", "ranking", "related", "affinity"):
        control.delete_solution(solutionArn=arns[f"{name} solution"])
    control.delete_recommender(recommenderArn=arns["recommender"])
    control.delete_filter(filterArn=arns["filter"])
    control.delete_event_tracker(eventTrackerArn=arns["tracker"])
    world.settle()
    for name, kinds in (("mine", world.schemas), ("shop", world.shop_schemas)):
        for kind in kinds:
            control.delete_dataset(datasetArn=arns[f"{name} {kind}"])
        world.settle()
        for kind in kinds:
            control.delete_schema(schemaArn=arns[f"{name} {kind} schema"])
        control.delete_dataset_group(datasetGroupArn=arns[name])
    world.settle()
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.describe_dataset_group(datasetGroupArn=arns["mine"])


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_operation_that_is_refused_says_so_as_it_is_modelled(name: str, bridge: Any) -> None:
    status, told = bridge.call(name, GIVEN.get(name, {}))
    assert (status, told["__type"]) == (400, next(iter(operations()[name].errors)))
    assert f"does not do {name}: {REFUSED[name]}" in told["message"]


def test_every_operation_is_built_or_refused() -> None:
    built = set(OPERATIONS) | set(RUNTIME)
    assert built & set(REFUSED) == set()
    assert built | set(REFUSED) == set(operations())


@pytest.fixture(scope="module")
def bridge(module_wire: Any) -> Any:
    return module_wire().bridge


_ARN = "arn:aws:personalize:us-east-1:123456789012:"
_JOB = {"jobName": "j", "roleArn": ROLE, "datasetGroupArn": f"{_ARN}dataset-group/g"}
GIVEN: dict[str, Any] = {
    "CreateMetricAttribution": {
        "name": "m", "datasetGroupArn": f"{_ARN}dataset-group/g", "metrics": [],
        "metricsOutputConfig": {"roleArn": ROLE},
    },
    "DeleteMetricAttribution": {"metricAttributionArn": f"{_ARN}metric-attribution/m"},
    "DescribeMetricAttribution": {"metricAttributionArn": f"{_ARN}metric-attribution/m"},
    "CreateDataDeletionJob": {**_JOB, "dataSource": {}},
    "DescribeDataDeletionJob": {"dataDeletionJobArn": f"{_ARN}data-deletion-job/j"},
    "CreateDatasetExportJob": {
        "jobName": "j", "roleArn": ROLE, "datasetArn": f"{_ARN}dataset/g/ITEMS",
        "jobOutput": {"s3DataDestination": {"path": "s3://b/x"}},
    },
    "DescribeDatasetExportJob": {"datasetExportJobArn": f"{_ARN}dataset-export-job/j"},
    "DescribeAlgorithm": {"algorithmArn": "arn:aws:personalize:::algorithm/aws-sims"},
    "DescribeFeatureTransformation": {
        "featureTransformationArn": "arn:aws:personalize:::feature-transformation/x"
    },
    "PutActionInteractions": {
        "trackingId": "t",
        "actionInteractions": [
            {"actionId": "a", "sessionId": "s", "timestamp": 1, "eventType": "TAKEN"}
        ],
    },
    "PutActions": {"datasetArn": f"{_ARN}dataset/g/ACTIONS", "actions": [{"actionId": "a"}]},
}  # fmt: skip


def test_what_is_made_twice_or_is_not_there(world: Any) -> None:
    world.group("mine")
    with pytest.raises(ClientError) as caught:
        world.control.create_dataset_group(name="mine")
    assert caught.value.response["Error"]["Code"] == "ResourceAlreadyExistsException"
