"""A shop's whole life by the control plane; every answer holds modelled members alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import botocore
import pytest
from msgspec.structs import replace

from endcap.control.registry.batches import BatchInference, BatchSegment
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.operations import OPERATIONS
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.removal import forget
from endcap.control.registry.solutions import Solution
from endcap.control.registry.versions import Version

DATA = Path(botocore.__file__).parent / "data" / "personalize" / "2018-05-22"
HERE = "arn:aws:personalize:us-east-1:123456789012:"
RECIPE = "arn:aws:personalize:::recipe/"
DEVICE = {"name": "DEVICE", "type": ["null", "string"]}
KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
ROLE = "arn:aws:iam::123456789012:role/any"
KINDS = {"string": str, "integer": int, "boolean": bool, "double": (int, float), "timestamp": int}
REFUSED_FAMILIES = (
    "MetricAttribution", "DataDeletionJob", "DatasetExportJob", "Algorithm",
    "FeatureTransformation",
)  # fmt: skip


def service_model() -> Any:
    plain, packed = DATA / "service-2.json", DATA / "service-2.json.gz"
    return json.loads(plain.read_bytes() if plain.exists() else gzip.open(packed).read())


MODEL = service_model()


def conforms(value: Any, name: str, where: str) -> None:
    shape = MODEL["shapes"][name]
    if shape["type"] == "structure":
        assert set(value) <= set(shape["members"]), where
        assert set(shape.get("required", [])) <= set(value), where
        for key, each in value.items():
            conforms(each, shape["members"][key]["shape"], f"{where}.{key}")
    elif shape["type"] == "list":
        assert isinstance(value, list), where
        for each in value:
            conforms(each, shape["member"]["shape"], where)
    elif shape["type"] == "map":
        for key, each in value.items():
            conforms(each, shape["value"]["shape"], f"{where}.{key}")
    else:
        assert isinstance(value, KINDS[shape["type"]]), where
        assert value in shape.get("enum", [value]), where


class Checked:
    """Calls operations; holds answers against the service's model."""

    def __init__(self, plane: Any) -> None:
        self.plane = plane
        self.called: set[str] = set()

    def __call__(self, name: str, /, **given: Any) -> Any:
        answer = self.plane(name, **given)
        modelled = MODEL["operations"][name].get("output")
        if modelled is None:
            assert answer == {}
        else:
            conforms(answer, modelled["shape"], name)
        self.called.add(name)
        return answer


def trained(plane: Any, arn: str, **more: Any) -> None:
    registry = plane.control.registry
    registry.change(
        Version, arn, lambda v: replace(v, status="ACTIVE", updated_at=plane.clock(), **more)
    )


def removed(plane: Any) -> None:
    """What jobs do, without the data."""
    registry = plane.control.registry
    for work in registry.works():
        assert work.action == "delete"
        shape = next(s for s in (Group, Dataset, Solution) if registry.get(s, work.arn))
        forget(registry, registry.find(shape, work.arn))
        registry.done(work)


def test_every_operation_that_is_there_is_modelled() -> None:
    assert set(OPERATIONS) <= set(MODEL["operations"])
    left = set(MODEL["operations"]) - set(OPERATIONS)
    assert all(any(word in name for word in REFUSED_FAMILIES) for name in left)


def test_a_whole_life(plane: Any) -> None:
    call = Checked(plane)
    group = call("CreateDatasetGroup", name="shop", tags=[{"tagKey": "a", "tagValue": "b"}])
    assert call("ListTagsForResource", resourceArn=group["datasetGroupArn"]) == {
        "tags": [{"tagKey": "a", "tagValue": "b"}]
    }
    learn(call, plane, group["datasetGroupArn"])
    version = train(call, plane, group["datasetGroupArn"])
    serve(call, version, group["datasetGroupArn"])
    batches(call, plane, version)
    leave(call, plane, group["datasetGroupArn"])
    recommend(call, plane)
    assert call.called == set(OPERATIONS)


def learn(call: Any, plane: Any, group: str) -> None:
    dataset = plane.dataset(group)
    plane.dataset(group, "Items")
    users = call("CreateSchema", name="users", schema=plane.schema_text("Users"))
    call("CreateDataset", name="u", datasetGroupArn=group, datasetType="users", **users)
    call("DescribeSchema", schemaArn=f"{HERE}schema/Interactions-shop")
    call("CreateSchema", name="unused", schema=plane.schema_text("Interactions", DEVICE))
    call("UpdateDataset", datasetArn=dataset, schemaArn=f"{HERE}schema/unused")
    update = call("DescribeDataset", datasetArn=dataset)["dataset"]["latestDatasetUpdate"]
    assert (update["schemaArn"], update["status"]) == (f"{HERE}schema/unused", "ACTIVE")
    job = call(
        "CreateDatasetImportJob",
        jobName="first",
        datasetArn=dataset,
        dataSource={"dataLocation": "s3://bucket/events.csv"},
        roleArn=ROLE,
        importMode="INCREMENTAL",
    )
    said = call("DescribeDatasetImportJob", **job)["datasetImportJob"]
    assert said["status"] == "CREATE PENDING"
    assert said["dataSource"] == {"dataLocation": "s3://bucket/events.csv"}
    assert (said["roleArn"], said["importMode"]) == (ROLE, "INCREMENTAL")
    assert len(call("ListDatasetImportJobs", datasetArn=dataset)["datasetImportJobs"]) == 1
    work = plane.control.registry.works()
    assert [(each.action, each.arn) for each in work] == [
        ("create", f"{HERE}dataset-import-job/first")
    ]
    assert plane.woken == [1]
    plane.control.registry.done(work[0])
    plane.control.registry.move(ImportJob, work[0].arn, plane.clock(), "ACTIVE")
    tracker = call("CreateEventTracker", name="clicks", datasetGroupArn=group)
    said = call("DescribeEventTracker", eventTrackerArn=tracker["eventTrackerArn"])
    assert said["eventTracker"]["trackingId"] == tracker["trackingId"]
    assert said["eventTracker"]["accountId"] == "123456789012"
    assert len(tracker["trackingId"]) == 36
    call("ListEventTrackers", datasetGroupArn=group)
    call("ListDatasets")
    call("ListSchemas")


def train(call: Any, plane: Any, group: str) -> str:
    config = {"algorithmHyperParameters": {"bptt": "32"}, "eventValueThreshold": "3.5"}
    solution = call(
        "CreateSolution",
        name="mine",
        datasetGroupArn=group,
        recipeArn=f"{RECIPE}aws-user-personalization",
        solutionConfig=config,
        performHPO=True,
        eventType="Purchase",
    )
    said = call("DescribeSolution", **solution)["solution"]
    assert said["solutionConfig"] == config
    assert (said["performHPO"], said["performAutoTraining"]) == (True, False)
    assert "latestSolutionVersion" not in said
    made = call("CreateSolutionVersion", name="v", **solution)
    arn: str = made["solutionVersionArn"]
    assert arn.rsplit("/", 1)[0] == solution["solutionArn"]
    assert len(arn.rsplit("/", 1)[1]) == 8
    said = call("DescribeSolutionVersion", **made)["solutionVersion"]
    assert (said["status"], said["eventType"]) == ("CREATE PENDING", "Purchase")
    plane.control.registry.done(plane.control.registry.works()[0])
    metrics = {"coverage": 0.123456, "precision_at_5": 1.0}
    trained(plane, arn, metrics=metrics, tuned={"x": "1"}, model="v0001")
    assert call("GetSolutionMetrics", **made)["metrics"] == {
        "coverage": 0.1235, "precision_at_5": 1.0,
    }  # fmt: skip
    said = call("DescribeSolutionVersion", **made)["solutionVersion"]
    assert said["tunedHPOParams"] == {"algorithmHyperParameters": {"x": "1"}}
    assert len(call("ListSolutionVersions", **solution)["solutionVersions"]) == 1
    update = {"autoTrainingConfig": {"schedulingExpression": "rate(3 days)"}}
    call("UpdateSolution", performAutoTraining=True, solutionUpdateConfig=update, **solution)
    said = call("DescribeSolution", **solution)["solution"]
    assert said["latestSolutionVersion"]["solutionVersionArn"] == arn
    assert said["latestSolutionUpdate"]["solutionUpdateConfig"] == update
    assert said["solutionConfig"] == {**config, **update}
    assert plane.control.registry.works() == []  # nothing trains by itself
    call("ListSolutions", datasetGroupArn=group)
    return arn


def serve(call: Any, version: str, group: str) -> None:
    config = {"itemExplorationConfig": {"explorationWeight": "0.3"}}
    latest = version.rsplit("/", 1)[0] + "/$LATEST"
    made = call(
        "CreateCampaign",
        name="front",
        solutionVersionArn=latest,
        minProvisionedTPS=1,
        campaignConfig=config,
    )
    said = call("DescribeCampaign", **made)["campaign"]
    assert said["solutionVersionArn"] == version
    assert (said["minProvisionedTPS"], said["campaignConfig"]) == (1, config)
    assert "latestCampaignUpdate" not in said
    call("UpdateCampaign", minProvisionedTPS=3, **made)
    said = call("DescribeCampaign", **made)["campaign"]
    assert (said["minProvisionedTPS"], said["campaignConfig"]) == (3, config)
    assert said["latestCampaignUpdate"]["minProvisionedTPS"] == 3
    assert len(call("ListCampaigns", solutionArn=version.rsplit("/", 1)[0])["campaigns"]) == 1
    text = "EXCLUDE ItemID WHERE Items.CATEGORY_L1 IN ($c)"
    made = call("CreateFilter", name="f", datasetGroupArn=group, filterExpression=text)
    assert call("DescribeFilter", **made)["filter"]["filterExpression"] == text
    assert len(call("ListFilters", datasetGroupArn=group)["Filters"]) == 1


def batches(call: Any, plane: Any, version: str) -> None:
    files = {
        "jobInput": {"s3DataSource": {"path": "s3://b/in.json", "kmsKeyArn": KEY}},
        "jobOutput": {"s3DataDestination": {"path": "s3://b/out/"}},
        "roleArn": ROLE,
    }
    made = call(
        "CreateBatchInferenceJob",
        jobName="night",
        solutionVersionArn=version,
        filterArn=f"{HERE}filter/f",
        numResults=7,
        batchInferenceJobConfig={"itemExplorationConfig": {"explorationWeight": "0"}},
        **files,
    )
    said = call("DescribeBatchInferenceJob", **made)["batchInferenceJob"]
    assert {k: said[k] for k in files} == files
    assert (said["numResults"], said["batchInferenceJobMode"]) == (7, "BATCH_INFERENCE")
    assert len(call("ListBatchInferenceJobs", solutionVersionArn=version)["batchInferenceJobs"])
    solution = call(
        "CreateSolution",
        name="segments",
        datasetGroupArn=f"{HERE}dataset-group/shop",
        recipeArn=f"{RECIPE}aws-item-affinity",
    )
    made = call("CreateSolutionVersion", **solution)
    call("StopSolutionVersionCreation", **made)
    said = call("DescribeSolutionVersion", **made)["solutionVersion"]
    assert said["status"] == "CREATE STOPPING"
    made = call("CreateSolutionVersion", **solution)
    trained(plane, made["solutionVersionArn"])
    made = call("CreateBatchSegmentJob", jobName="users", **made, **files)
    said = call("DescribeBatchSegmentJob", **made)["batchSegmentJob"]
    assert {k: said[k] for k in files} == files
    assert "numResults" not in said
    call("ListBatchSegmentJobs")


def leave(call: Any, plane: Any, group: str) -> None:
    registry = plane.control.registry
    for work in registry.works():
        registry.done(work)
    registry.move(BatchInference, f"{HERE}batch-inference-job/night", 1, "ACTIVE")
    registry.move(BatchSegment, f"{HERE}batch-segment-job/users", 1, "CREATE FAILED", "why")
    said = call("DescribeBatchSegmentJob", batchSegmentJobArn=f"{HERE}batch-segment-job/users")
    assert said["batchSegmentJob"]["failureReason"] == "why"
    for version in list(registry.all(Version, "segments/")):
        registry.move(Version, version.arn, 1, "CREATE STOPPED")
    call("TagResource", resourceArn=group, tags=[{"tagKey": "c", "tagValue": ""}])
    call("UntagResource", resourceArn=group, tagKeys=["a", "never"])
    assert call("ListTagsForResource", resourceArn=group)["tags"] == [
        {"tagKey": "c", "tagValue": ""}
    ]
    call("DeleteCampaign", campaignArn=f"{HERE}campaign/front")
    for name in ("mine", "segments"):
        call("DeleteSolution", solutionArn=f"{HERE}solution/{name}")
    call("DeleteEventTracker", eventTrackerArn=f"{HERE}event-tracker/clicks")
    call("DeleteFilter", filterArn=f"{HERE}filter/f")
    for kind in ("INTERACTIONS", "ITEMS", "USERS", "EVENT_INTERACTIONS"):
        call("DeleteDataset", datasetArn=f"{HERE}dataset/shop/{kind}")
    said = call("DescribeDataset", datasetArn=f"{HERE}dataset/shop/ITEMS")["dataset"]
    assert said["status"] == "DELETE PENDING"
    removed(plane)
    call("DeleteDatasetGroup", datasetGroupArn=group)
    said = call("DescribeDatasetGroup", datasetGroupArn=group)["datasetGroup"]
    assert said["status"] == "DELETE PENDING"
    removed(plane)
    for name in ("unused", "users", "Interactions-shop", "Items-shop"):
        call("DeleteSchema", schemaArn=f"{HERE}schema/{name}")
    documents = registry.documents
    kinds = {"dataset-group", "schema", "dataset", "solution", "solution-version", "campaign",
             "filter", "event-tracker", "dataset-import-job", "batch-inference-job",
             "batch-segment-job", "tags", "work"}  # fmt: skip
    assert {kind: documents.query(kind) for kind in kinds} == {kind: [] for kind in kinds}


def recommend(call: Any, plane: Any) -> None:
    group = plane.group("domain", "ECOMMERCE")
    plane.dataset(group, domain="ECOMMERCE")
    recipe = f"{RECIPE}aws-ecomm-popular-items-by-views"
    config = {"minRecommendationRequestsPerSecond": 2}
    made = call("CreateRecommender", name="r", datasetGroupArn=group, recipeArn=recipe,
                recommenderConfig=config)  # fmt: skip
    registry = plane.control.registry
    registry.change(
        Recommender,
        made["recommenderArn"],
        lambda r: replace(r, status="ACTIVE", metrics={"coverage": 0.5}),
    )
    said = call("DescribeRecommender", **made)["recommender"]
    assert (said["recommenderConfig"], said["modelMetrics"]) == (config, {"coverage": 0.5})
    call("UpdateRecommender", recommenderConfig={"enableMetadataWithRecommendations": True}, **made)
    call("StopRecommender", **made)
    assert [work.action for work in registry.works()] == ["stop"]
    registry.move(Recommender, made["recommenderArn"], 1, "INACTIVE")
    call("StartRecommender", **made)
    assert [work.action for work in registry.works()] == ["start"]
    registry.move(Recommender, made["recommenderArn"], 1, "ACTIVE")
    call("ListRecommenders", datasetGroupArn=group)
    call("DeleteRecommender", **made)
    said = call("DescribeRecommender", **made)["recommender"]
    assert said["status"] == "DELETE PENDING"
    assert said["latestRecommenderUpdate"]["status"] == "ACTIVE"
    call("ListDatasetGroups")
    first = call("ListRecipes", maxResults=5)
    assert len(first["recipes"]) == 5
    call("ListRecipes", maxResults=5, nextToken=first["nextToken"])
    call("DescribeRecipe", recipeArn=recipe)


@pytest.mark.parametrize(("domain", "count"), [("ECOMMERCE", 5), ("VIDEO_ON_DEMAND", 5), ("", 24)])
def test_recipes_by_domain(plane: Any, domain: str, count: int) -> None:
    given = {"domain": domain} if domain else {}
    found = plane("ListRecipes", **given)["recipes"]
    assert len(found) == count
    assert {each.get("domain", "") for each in found} <= {"ECOMMERCE", "VIDEO_ON_DEMAND", ""}
    for each in found:
        said = plane("DescribeRecipe", recipeArn=each["recipeArn"])["recipe"]
        assert said["recipeType"].isupper()
