"""What the control plane refuses, with which class and code: one line each."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.control.registry.batches import BatchInference
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.following import follow_latest
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.solutions import Solution
from endcap.control.registry.versions import Version
from endcap.domain.errors import (
    Conflict,
    EndcapError,
    InUse,
    InvalidInput,
    NotFound,
    TooManyTagKeys,
    TooManyTags,
)

HERE = "arn:aws:personalize:us-east-1:123456789012:"
RECIPE = "arn:aws:personalize:::recipe/"
GROUP, VIDEO, OTHER = (f"{HERE}dataset-group/{name}" for name in ("shop", "video", "other"))
DATASET, SOLUTION = f"{HERE}dataset/shop/INTERACTIONS", f"{HERE}solution/mine"
READY, TRAINING, FAILED = (f"{SOLUTION}/{name}" for name in ("ready", "training", "failed"))
SEGMENTS = f"{HERE}solution/segments/ready"
ROLE = "arn:aws:iam::123456789012:role/any"
TAGS = [{"tagKey": f"k{n}", "tagValue": ""} for n in range(51)]


@pytest.fixture
def full(plane: Any) -> Any:
    return filled(plane)


@pytest.fixture(scope="module")
def unchanged(shared: Any) -> Any:
    return filled(shared)


def filled(plane: Any) -> Any:
    """One resource of every kind, in group ``shop``; a video group, and a group that is empty."""
    registry = plane.control.registry
    for name, domain in (("shop", ""), ("other", ""), ("video", "VIDEO_ON_DEMAND")):
        plane.group(name, domain)
    plane.dataset(GROUP)
    plane.dataset(GROUP, "Items")
    plane("CreateEventTracker", name="clicks", datasetGroupArn=GROUP)
    for name, recipe in (("mine", "aws-user-personalization"), ("segments", "aws-item-affinity")):
        plane("CreateSolution", name=name, datasetGroupArn=GROUP, recipeArn=f"{RECIPE}{recipe}")
        arn = f"{HERE}solution/{name}"
        for status in ("ready", "training", "failed"):
            registry.create(
                Version(
                    arn=f"{arn}/{status}",
                    name=status,
                    status={"ready": "ACTIVE", "training": "CREATE PENDING"}.get(
                        status, "CREATE FAILED"
                    ),
                    solution_arn=arn,
                    group_arn=GROUP,
                    recipe_arn=f"{RECIPE}{recipe}",
                )
            )
    plane("CreateCampaign", name="front", solutionVersionArn=READY)
    for name, kind in (("items", "ItemID"), ("users", "UserID")):
        text = f"INCLUDE {kind} WHERE {kind[:4]}s.{PLAIN[kind]} > 1"
        if kind == "UserID":
            plane.dataset(GROUP, "Users")
        plane("CreateFilter", name=name, datasetGroupArn=GROUP, filterExpression=text)
    registry.create(
        Recommender(
            arn=f"{HERE}recommender/top", name="top", group_arn=VIDEO,
            recipe_arn=f"{RECIPE}aws-vod-top-picks",
        )
    )  # fmt: skip
    return plane


PLAIN = {"ItemID": "PRICE", "UserID": "AGE"}


def filtered(text: str, name: str = "f") -> tuple[str, dict[str, Any]]:
    return "CreateFilter", {"name": name, "datasetGroupArn": GROUP, "filterExpression": text}


def solved(**given: Any) -> tuple[str, dict[str, Any]]:
    recipe = {"recipeArn": f"{RECIPE}aws-sims"}
    return "CreateSolution", {"name": "s", "datasetGroupArn": GROUP, **recipe, **given}


def imported(location: str, **given: Any) -> tuple[str, dict[str, Any]]:
    source = {"dataLocation": location} if location else {}
    return "CreateDatasetImportJob", {
        "jobName": "j", "datasetArn": DATASET, "dataSource": source, "roleArn": ROLE, **given,
    }  # fmt: skip


def batched(kind: str = "Inference", **given: Any) -> tuple[str, dict[str, Any]]:
    where = {
        "jobInput": {"s3DataSource": {"path": given.pop("source", "s3://b/in")}},
        "jobOutput": {"s3DataDestination": {"path": given.pop("target", "s3://b/out/")}},
    }
    version = SEGMENTS if kind == "Segment" else READY
    asked = {"jobName": "b", "roleArn": ROLE, "solutionVersionArn": version, **where, **given}
    return f"CreateBatch{kind}Job", asked


def recommended(**given: Any) -> tuple[str, dict[str, Any]]:
    recipe = {"recipeArn": f"{RECIPE}aws-vod-top-picks"}
    return "CreateRecommender", {"name": "r", "datasetGroupArn": VIDEO, **recipe, **given}


def version_of(**given: Any) -> tuple[str, dict[str, Any]]:
    return "CreateSolutionVersion", {"solutionArn": SOLUTION, **given}


def campaign(version: str, **given: Any) -> tuple[str, dict[str, Any]]:
    return "CreateCampaign", {"name": "c", "solutionVersionArn": version, **given}


def columns(**named: Any) -> dict[str, Any]:
    return {"trainingDataConfig": {"excludedDatasetColumns": named}}


CALLS: list[tuple[tuple[str, dict[str, Any]], type[EndcapError], str]] = [
    # names that are taken
    (("CreateDatasetGroup", {"name": "shop"}), Conflict, "resource_exists"),
    (solved(name="mine"), Conflict, "resource_exists"),
    (campaign(READY, name="front"), Conflict, "resource_exists"),
    (filtered("INCLUDE ItemID WHERE Items.PRICE > 2", "items"), Conflict, "resource_exists"),
    (("CreateEventTracker", {"name": "more", "datasetGroupArn": GROUP}), Conflict,
     "tracker_exists"),
    (version_of(name="ready"), Conflict, "version_name_taken"),
    # what is not there
    *[((name, {field: f"{HERE}{kind}/none"}), NotFound, "no_resource") for name, field, kind in (
        ("DescribeCampaign", "campaignArn", "campaign"),
        ("DescribeFilter", "filterArn", "filter"),
        ("DescribeSolution", "solutionArn", "solution"),
        ("DescribeSolutionVersion", "solutionVersionArn", "solution/mine"),
        ("DescribeRecommender", "recommenderArn", "recommender"),
        ("DescribeEventTracker", "eventTrackerArn", "event-tracker"),
        ("DescribeDatasetImportJob", "datasetImportJobArn", "dataset-import-job"),
        ("DescribeBatchInferenceJob", "batchInferenceJobArn", "batch-inference-job"),
        ("DescribeBatchSegmentJob", "batchSegmentJobArn", "batch-segment-job"),
        ("GetSolutionMetrics", "solutionVersionArn", "solution/mine"),
        ("StopSolutionVersionCreation", "solutionVersionArn", "solution/mine"),
        ("ListSolutionVersions", "solutionArn", "solution"),
        ("UpdateCampaign", "campaignArn", "campaign"),
        ("UpdateSolution", "solutionArn", "solution"),
        ("StartRecommender", "recommenderArn", "recommender"),
        ("StopRecommender", "recommenderArn", "recommender"),
        ("DeleteCampaign", "campaignArn", "campaign"),
        ("DeleteDataset", "datasetArn", "dataset/shop"),
        ("DeleteDatasetGroup", "datasetGroupArn", "dataset-group"),
        ("DeleteEventTracker", "eventTrackerArn", "event-tracker"),
        ("DeleteFilter", "filterArn", "filter"),
        ("DeleteRecommender", "recommenderArn", "recommender"),
        ("DeleteSchema", "schemaArn", "schema"),
        ("DeleteSolution", "solutionArn", "solution"),
        ("ListTagsForResource", "resourceArn", "campaign"),
        ("ListTagsForResource", "resourceArn", "metric-attribution"),
    )],
    (version_of(solutionArn=f"{HERE}solution/none"), NotFound, "no_resource"),
    (campaign(f"{SOLUTION}/none"), NotFound, "no_resource"),
    (campaign(f"{HERE}solution/none/$LATEST"), NotFound, "no_resource"),
    (("DescribeRecipe", {"recipeArn": f"{RECIPE}none"}), NotFound, "no_such_recipe"),
    (("DescribeRecipe", {"recipeArn": f"{HERE}recipe/aws-sims"}), NotFound, "no_such_recipe"),
    (batched(filterArn=f"{HERE}filter/none"), NotFound, "no_resource"),
    (imported("s3://b/k", datasetArn=f"{HERE}dataset/shop/NONE"), NotFound, "no_resource"),
    # of another kind
    (("DescribeCampaign", {"campaignArn": SOLUTION}), InvalidInput, "arn_of_other_kind"),
    (("DescribeSolution", {"solutionArn": READY}), InvalidInput, "arn_of_other_kind"),
    (("DescribeRecipe", {"recipeArn": GROUP}), InvalidInput, "arn_of_other_kind"),
    (("ListTagsForResource", {"resourceArn": f"{HERE}schema/Items-shop"}), InvalidInput,
     "not_taggable"),
    (("ListTagsForResource", {"resourceArn": "x"}), InvalidInput, "bad_arn"),
    # recipes
    (solved(recipeArn=f"{RECIPE}aws-next-best-action"), InvalidInput, "recipe_refused"),
    (solved(recipeArn=f"{RECIPE}aws-vod-top-picks"), InvalidInput, "recipe_of_domain"),
    (solved(recipeArn=f"{RECIPE}none"), NotFound, "no_such_recipe"),
    (("CreateSolution", {"name": "s", "datasetGroupArn": GROUP}), InvalidInput, "recipe_missing"),
    (recommended(recipeArn=f"{RECIPE}aws-sims"), InvalidInput, "recipe_of_no_domain"),
    (recommended(recipeArn=f"{RECIPE}aws-ecomm-recommended-for-you"), InvalidInput,
     "recipe_of_no_domain"),
    (recommended(datasetGroupArn=GROUP), InvalidInput, "group_of_no_domain"),
    (recommended(), InvalidInput, "lacks_dataset"),
    # settings of solutions
    (solved(solutionConfig={"eventValueThreshold": "much"}), InvalidInput, "bad_event_threshold"),
    (solved(solutionConfig={"eventValueThreshold": "nan"}), InvalidInput, "bad_event_threshold"),
    (solved(solutionConfig=columns(ITEMS=["NONE"])), InvalidInput, "unknown_training_column"),
    (solved(solutionConfig=columns(Interactions=["user_id"])), InvalidInput,
     "training_column_needed"),
    (solved(tags=[{"tagKey": "a", "tagValue": ""}] * 2), InvalidInput, "tag_twice"),
    (solved(tags=[{"tagKey": "AWS:a", "tagValue": ""}]), InvalidInput, "tag_reserved"),
    (solved(tags=TAGS), TooManyTags, "too_many_tags"),
    (("UntagResource", {"resourceArn": GROUP, "tagKeys": [t["tagKey"] for t in TAGS]}),
     TooManyTagKeys, "too_many_tag_keys"),
    # versions
    (version_of(trainingMode="UPDATE", solutionArn=f"{HERE}solution/segments"), InvalidInput,
     "update_of_recipe"),
    (campaign(TRAINING), InUse, "not_ready"),
    (campaign(FAILED), InvalidInput, "version_not_active"),
    (campaign(SEGMENTS), InvalidInput, "only_batch"),
    (("GetSolutionMetrics", {"solutionVersionArn": TRAINING}), InUse, "not_ready"),
    (("GetSolutionMetrics", {"solutionVersionArn": FAILED}), InvalidInput, "version_not_active"),
    (("StopSolutionVersionCreation", {"solutionVersionArn": READY}), InvalidInput,
     "not_stoppable"),
    (("StartRecommender", {"recommenderArn": f"{HERE}recommender/top"}), InvalidInput,
     "not_stoppable"),
    # filters
    (filtered("INCLUDE"), InvalidInput, "filter_syntax"),
    (filtered("INCLUDE ItemID WHERE Items.NONE = 1"), InvalidInput, "filter_unknown_column"),
    (filtered("INCLUDE ItemID WHERE (Items.PRICE = 1)"), InvalidInput, "filter_syntax"),
    (("CreateFilter", {"name": "f", "datasetGroupArn": OTHER,
                       "filterExpression": "INCLUDE ItemID WHERE Items.PRICE = 1"}),
     InvalidInput, "lacks_dataset"),
    # files
    (imported(""), InvalidInput, "bad_location"),
    (imported("https://host/file.csv"), InvalidInput, "bad_location"),
    (imported("file://relative.csv"), InvalidInput, "bad_location"),
    (imported("/etc/passwd"), InvalidInput, "bad_location"),
    (batched(source="http://host/in"), InvalidInput, "bad_location"),
    (batched("Segment", target="ftp://host/"), InvalidInput, "bad_location"),
    # batch jobs
    (batched(solutionVersionArn=SEGMENTS), InvalidInput, "only_batch"),
    (batched("Segment", solutionVersionArn=READY), InvalidInput, "not_segment"),
    (batched(filterArn=f"{HERE}filter/users"), InvalidInput, "filter_of_users"),
    (batched("Segment", filterArn=f"{HERE}filter/items"), InvalidInput, "filter_of_items"),
    (batched(solutionVersionArn=TRAINING), InUse, "not_ready"),
    (batched(batchInferenceJobMode="THEME_GENERATION"), InvalidInput, "themes_refused"),
    # in use
    (("DeleteDatasetGroup", {"datasetGroupArn": GROUP}), InUse, "in_use"),
    (("DeleteDatasetGroup", {"datasetGroupArn": VIDEO}), InUse, "in_use"),
    (("DeleteSchema", {"schemaArn": f"{HERE}schema/Items-shop"}), InUse, "in_use"),
    (("DeleteSolution", {"solutionArn": SOLUTION}), InUse, "in_use"),
    (("DeleteSolution", {"solutionArn": f"{HERE}solution/segments"}), InUse, "in_use"),
    (("DeleteDataset", {"datasetArn": DATASET}), InUse, "in_use"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "code"), CALLS, ids=[f"{call[0]}-{code}" for call, _, code in CALLS]
)
def test_refused(unchanged: Any, call: Any, kind: type[EndcapError], code: str) -> None:
    before = {
        each: unchanged.control.registry.documents.query(each, limit=500)
        for each in ("campaign", "filter", "solution", "solution-version", "work", "tags")
    }
    with pytest.raises(kind) as caught:
        unchanged(call[0], **call[1])
    assert caught.value.code == code
    assert type(caught.value) is kind
    for each, documents in before.items():
        assert unchanged.control.registry.documents.query(each, limit=500) == documents


def test_a_schema_can_only_grow(full: Any) -> None:
    def other(name: str, *more: Any, without: str = "") -> str:
        text = full.schema_text("Interactions", *more, without=without)
        return str(full("CreateSchema", name=name, schema=text)["schemaArn"])

    for name, made, code in (
        ("less", {"without": "EVENT_TYPE"}, "schema_narrower"),
        ("full", {}, "schema_not_nullable"),
    ):
        more = [] if made else [{"name": "DEVICE", "type": "string"}]
        with pytest.raises(InvalidInput) as caught:
            full("UpdateDataset", datasetArn=DATASET, schemaArn=other(name, *more, **made))
        assert caught.value.code == code
    assert full("DescribeDataset", datasetArn=DATASET)["dataset"]["schemaArn"].endswith("-shop")


@pytest.mark.parametrize(
    ("shape", "arn", "calls"),
    [
        (Group, GROUP, [solved(), ("CreateEventTracker", {"name": "t", "datasetGroupArn": GROUP}),
                        filtered("INCLUDE ItemID WHERE Items.PRICE > 2")]),
        (Dataset, DATASET, [imported("s3://b/k")]),
        (Solution, SOLUTION, [version_of(), campaign(READY),
                              ("UpdateSolution", {"solutionArn": SOLUTION})]),
        (Recommender, f"{HERE}recommender/top",
         [("StopRecommender", {"recommenderArn": f"{HERE}recommender/top"}),
          ("DeleteRecommender", {"recommenderArn": f"{HERE}recommender/top"})]),
    ],
)  # fmt: skip
def test_what_goes_takes_nothing_new(full: Any, shape: Any, arn: str, calls: Any) -> None:
    full.control.registry.move(shape, arn, 1, "DELETE IN_PROGRESS")
    for name, given in calls:
        with pytest.raises(InUse) as caught:
            full(name, **given)
        assert caught.value.code == "not_ready"


def test_what_jobs_work_at_is_not_deleted(full: Any) -> None:
    registry = full.control.registry
    for arn in (TRAINING, f"{HERE}solution/segments/training"):
        registry.move(Version, arn, 1, "CREATE STOPPED")
    name, given = imported("s3://b/k")
    full(name, **given)
    with pytest.raises(InUse, match="dataset-import-job/j"):
        full("DeleteDataset", datasetArn=DATASET)
    registry.move(ImportJob, f"{HERE}dataset-import-job/j", 1, "CREATE FAILED", "why")
    full("DeleteDataset", datasetArn=DATASET)
    name, given = batched(filterArn=f"{HERE}filter/items")
    full(name, **given)
    full("DeleteCampaign", campaignArn=f"{HERE}campaign/front")
    for name, given in (
        ("DeleteFilter", {"filterArn": f"{HERE}filter/items"}),
        ("DeleteSolution", {"solutionArn": SOLUTION}),
    ):
        with pytest.raises(InUse, match="batch-inference-job/b"):
            full(name, **given)
    registry.move(BatchInference, f"{HERE}batch-inference-job/b", 1, "ACTIVE")
    full("DeleteFilter", filterArn=f"{HERE}filter/items")
    full("DeleteSolution", solutionArn=SOLUTION)


def test_campaigns_of_the_newest_version_follow_it(full: Any) -> None:
    latest = f"{SOLUTION}/$LATEST"
    config = {"syncWithLatestSolutionVersion": True}
    full("CreateCampaign", name="newest", solutionVersionArn=latest, campaignConfig=config)
    registry = full.control.registry
    registry.move(Version, TRAINING, 7, "ACTIVE")
    version = registry.find(Version, TRAINING)
    assert follow_latest(registry, version, 8) == [f"{HERE}campaign/newest"]
    said = {
        name: full("DescribeCampaign", campaignArn=f"{HERE}campaign/{name}")["campaign"]
        for name in ("newest", "front")
    }
    assert said["newest"]["solutionVersionArn"] == TRAINING
    assert said["newest"]["campaignConfig"] == config
    assert said["front"]["solutionVersionArn"] == READY
