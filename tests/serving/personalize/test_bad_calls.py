"""Calls that are well formed and cannot be done: the error that the operation models, its status,
and a message that helps. ``@name`` stands for the ARN of what the world holds by that name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ARN = "arn:aws:personalize:us-east-1:123456789012:"
RECIPES = "arn:aws:personalize:::recipe/"
ROLE = "arn:aws:iam::123456789012:role/r"
NONE, EXISTS = "ResourceNotFoundException", "ResourceAlreadyExistsException"
USED, INVALID = "ResourceInUseException", "InvalidInputException"
TOKEN, TAGS, KEYS = "InvalidNextTokenException", "TooManyTagsException", "TooManyTagKeysException"

EVENT = {"eventType": "click", "itemId": "black-1", "sentAt": 1_700_000_000}
PUT = {"trackingId": "@tracking", "sessionId": "s"}
IMPORT = {"jobName": "j", "roleArn": ROLE, "datasetArn": "@mine Items",
          "dataSource": {"dataLocation": "s3://b/f.csv"}}  # fmt: skip
BATCH = {"jobName": "j", "roleArn": ROLE, "solutionVersionArn": "@personal version",
         "jobInput": {"s3DataSource": {"path": "s3://b/in.json"}},
         "jobOutput": {"s3DataDestination": {"path": "s3://b/out/"}}}  # fmt: skip
FILTER = {"name": "f", "datasetGroupArn": "@mine"}
ASK = {"campaignArn": "@personal campaign", "userId": "s0"}
RANK = {"campaignArn": "@ranking campaign", "userId": "s0", "inputList": ["black-1"]}
SCHEMA = {"name": "other"}


def avro(name: str = "Items", *fields: Any) -> str:
    return json.dumps({"type": "record", "name": name, "fields": fields})


ID = {"name": "ITEM_ID", "type": "string"}

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    # what is not there
    ("DescribeDatasetGroup", {"datasetGroupArn": f"{ARN}dataset-group/no"}, NONE, "dataset-group"),
    ("DescribeSchema", {"schemaArn": f"{ARN}schema/no"}, NONE, "schema"),
    ("DescribeDataset", {"datasetArn": f"{ARN}dataset/mine/ACTIONS"}, NONE, "dataset"),
    ("DescribeDatasetImportJob", {"datasetImportJobArn": f"{ARN}dataset-import-job/no"}, NONE,
     "dataset-import-job"),
    ("DescribeEventTracker", {"eventTrackerArn": f"{ARN}event-tracker/no"}, NONE, "event-tracker"),
    ("DescribeSolution", {"solutionArn": f"{ARN}solution/no"}, NONE, "solution"),
    ("DescribeSolutionVersion", {"solutionVersionArn": f"{ARN}solution/personal/00000000"}, NONE,
     "solution-version"),
    ("DescribeCampaign", {"campaignArn": f"{ARN}campaign/no"}, NONE, "campaign"),
    ("DescribeCampaign", {"campaignArn": f"{ARN.replace('us-east-1', 'eu-west-1')}campaign/mine"},
     NONE, "eu-west-1"),
    ("DescribeCampaign", {"campaignArn": f"{ARN.replace('1234', '9999')}campaign/mine"}, NONE,
     "campaign"),
    ("DescribeFilter", {"filterArn": f"{ARN}filter/no"}, NONE, "filter"),
    ("DescribeRecommender", {"recommenderArn": f"{ARN}recommender/no"}, NONE, "recommender"),
    ("DescribeBatchInferenceJob", {"batchInferenceJobArn": f"{ARN}batch-inference-job/no"}, NONE,
     "batch-inference-job"),
    ("DescribeBatchSegmentJob", {"batchSegmentJobArn": f"{ARN}batch-segment-job/no"}, NONE,
     "batch-segment-job"),
    ("DescribeRecipe", {"recipeArn": f"{RECIPES}aws-nothing"}, NONE, "aws-nothing"),
    ("GetSolutionMetrics", {"solutionVersionArn": f"{ARN}solution/no/0"}, NONE, "no"),
    ("DeleteCampaign", {"campaignArn": f"{ARN}campaign/no"}, NONE, "campaign"),
    ("DeleteDatasetGroup", {"datasetGroupArn": f"{ARN}dataset-group/no"}, NONE, "dataset-group"),
    ("DeleteDataset", {"datasetArn": f"{ARN}dataset/no/ITEMS"}, NONE, "dataset"),
    ("DeleteFilter", {"filterArn": f"{ARN}filter/no"}, NONE, "filter"),
    ("DeleteSchema", {"schemaArn": f"{ARN}schema/no"}, NONE, "schema"),
    ("DeleteSolution", {"solutionArn": f"{ARN}solution/no"}, NONE, "solution"),
    ("DeleteEventTracker", {"eventTrackerArn": f"{ARN}event-tracker/no"}, NONE, "event-tracker"),
    ("DeleteRecommender", {"recommenderArn": f"{ARN}recommender/no"}, NONE, "recommender"),
    ("UpdateCampaign", {"campaignArn": f"{ARN}campaign/no"}, NONE, "campaign"),
    ("UpdateSolution", {"solutionArn": f"{ARN}solution/no"}, NONE, "solution"),
    ("CreateSolutionVersion", {"solutionArn": f"{ARN}solution/no"}, NONE, "solution"),
    ("CreateSolution", {"name": "s", "datasetGroupArn": f"{ARN}dataset-group/no"}, NONE, "group"),
    ("CreateFilter", {**FILTER, "datasetGroupArn": f"{ARN}dataset-group/no",
                      "filterExpression": "x"}, NONE, "group"),
    ("CreateEventTracker", {"name": "t", "datasetGroupArn": f"{ARN}dataset-group/no"}, NONE, "no"),
    ("CreateDataset", {"name": "d", "datasetGroupArn": "@mine", "datasetType": "Items",
                       "schemaArn": f"{ARN}schema/no"}, NONE, "schema"),
    ("CreateDatasetImportJob", {**IMPORT, "datasetArn": f"{ARN}dataset/no/ITEMS"}, NONE, "no"),
    ("CreateCampaign", {"name": "c", "solutionVersionArn": f"{ARN}solution/no/0"}, NONE, "no"),
    ("ListSolutionVersions", {"solutionArn": f"{ARN}solution/no"}, NONE, "solution"),
    ("ListTagsForResource", {"resourceArn": f"{ARN}campaign/no"}, NONE, "campaign"),
    ("TagResource", {"resourceArn": f"{ARN}nothing/no", "tags": []}, NONE, "nothing"),
    ("StopSolutionVersionCreation", {"solutionVersionArn": f"{ARN}solution/no/0"}, NONE, "no"),
    ("GetRecommendations", {"campaignArn": f"{ARN}campaign/no", "userId": "u"}, NONE, "campaign"),
    ("GetRecommendations", {"recommenderArn": f"{ARN}recommender/no"}, NONE, "recommender"),
    ("GetRecommendations", {**ASK, "filterArn": f"{ARN}filter/no"}, NONE, "filter"),
    ("GetPersonalizedRanking", {**RANK, "campaignArn": f"{ARN}campaign/no"}, NONE, "campaign"),
    ("PutItems", {"datasetArn": f"{ARN}dataset/no/ITEMS", "items": [{"itemId": "i"}]}, NONE, "no"),
    ("PutUsers", {"datasetArn": f"{ARN}dataset/no/USERS", "users": [{"userId": "u"}]}, NONE, "no"),
    ("PutEvents", {**PUT, "trackingId": "nobody", "eventList": [EVENT]}, INVALID, "trackingId"),
    # ARNs of another kind
    ("DescribeCampaign", {"campaignArn": "@mine"}, INVALID, "must be the ARN of a campaign"),
    ("DescribeDatasetGroup", {"datasetGroupArn": "@personal solution"}, INVALID, "dataset-group"),
    ("CreateCampaign", {"name": "c", "solutionVersionArn": "@personal solution"}, INVALID,
     "solution-version"),
    ("GetRecommendations", {"campaignArn": "@filter", "userId": "u"}, INVALID, "campaign"),
    ("PutItems", {"datasetArn": "@mine Users", "items": [{"itemId": "i"}]}, INVALID, "ITEMS"),
    ("PutUsers", {"datasetArn": "@mine", "users": [{"userId": "u"}]}, INVALID, "dataset"),
    # what is there already
    ("CreateDatasetGroup", {"name": "mine"}, EXISTS, "mine"),
    ("CreateSchema", {"name": "mine-Items", "schema": avro("Items", ID, {
        "name": "A", "type": "int"})}, EXISTS, "mine-Items"),
    ("CreateDataset", {"name": "d", "datasetGroupArn": "@mine", "datasetType": "items",
                       "schemaArn": "@mine Items schema"}, EXISTS, "dataset"),
    ("CreateEventTracker", {"name": "second", "datasetGroupArn": "@mine"}, EXISTS, "tracker"),
    ("CreateSolution", {"name": "personal", "datasetGroupArn": "@mine",
                        "recipeArn": f"{RECIPES}aws-sims"}, EXISTS, "personal"),
    ("CreateCampaign", {"name": "personal", "solutionVersionArn": "@personal version"}, EXISTS,
     "personal"),
    ("CreateFilter", {**FILTER, "name": "black", "filterExpression":
                      'INCLUDE ItemID WHERE Items.DEPARTMENT IN ("a")'}, EXISTS, "black"),
    ("CreateDatasetImportJob", {**IMPORT, "jobName": "under-way"}, EXISTS, "under-way"),
    # what is in use or in the making
    ("DeleteDatasetGroup", {"datasetGroupArn": "@mine"}, USED, "delete these first"),
    ("DeleteSchema", {"schemaArn": "@mine Items schema"}, USED, "dataset/mine/ITEMS"),
    ("DeleteSolution", {"solutionArn": "@personal solution"}, USED, "campaign/personal"),
    ("DeleteDataset", {"datasetArn": "@mine Items"}, USED, "under-way"),
    ("DeleteSolution", {"solutionArn": "@late solution"}, USED, "can be stopped"),
    ("CreateCampaign", {"name": "c", "solutionVersionArn": "@late version"}, USED,
     "CREATE PENDING"),
    ("GetSolutionMetrics", {"solutionVersionArn": "@late version"}, USED, "CREATE PENDING"),
    ("CreateBatchInferenceJob", {**BATCH, "solutionVersionArn": "@late version"}, USED, "PENDING"),
    # rules
    ("CreateSchema", {**SCHEMA, "schema": "{"}, INVALID, "JSON"),
    ("CreateSchema", {**SCHEMA, "schema": "[]"}, INVALID, "record"),
    ("CreateSchema", {**SCHEMA, "schema": avro("Things", ID)}, INVALID, "Interactions, Items"),
    ("CreateSchema", {**SCHEMA, "schema": avro("Items", {"name": "A", "type": "int"})}, INVALID,
     "ITEM_ID"),
    ("CreateSchema", {**SCHEMA, "schema": avro("Items", ID)}, INVALID, "at least one"),
    ("CreateSchema", {**SCHEMA, "schema": avro("Items", ID, {"name": "A", "type": "bytes"})},
     INVALID, "bytes"),
    ("CreateSchema", {**SCHEMA, "schema": avro("Items", ID, {"name": "A", "type": "int"},
                                               {"name": "a", "type": "int"})}, INVALID, "twice"),
    ("CreateSchema", {**SCHEMA, "schema": avro("Interactions", ID)}, INVALID, "USER_ID"),
    ("CreateDataset", {"name": "d", "datasetGroupArn": "@mine", "datasetType": "Actions",
                       "schemaArn": "@mine Items schema"}, INVALID, "INTERACTIONS, ITEMS, USERS"),
    ("CreateDataset", {"name": "d", "datasetGroupArn": "@mine", "datasetType": "Users",
                       "schemaArn": "@mine Items schema"}, INVALID, "ITEMS"),
    ("CreateDataset", {"name": "d", "datasetGroupArn": "@shop", "datasetType": "Users",
                       "schemaArn": "@mine Users schema"}, INVALID, "ECOMMERCE"),
    ("CreateDatasetImportJob", {**IMPORT, "dataSource": {"dataLocation": "http://b/f.csv"}},
     INVALID, "s3://"),
    ("CreateDatasetImportJob", {**IMPORT, "dataSource": {}}, INVALID, "dataLocation"),
    ("CreateSolution", {"name": "s", "datasetGroupArn": "@mine"}, INVALID, "recipeArn"),
    ("CreateSolution", {"name": "s", "datasetGroupArn": "@mine",
                        "recipeArn": f"{RECIPES}aws-next-best-action"}, INVALID, "actions"),
    ("CreateRecommender", {"name": "r", "datasetGroupArn": "@mine",
                           "recipeArn": f"{RECIPES}aws-ecomm-popular-items-by-views"}, INVALID,
     "domain"),
    ("CreateRecommender", {"name": "r", "datasetGroupArn": "@shop",
                           "recipeArn": f"{RECIPES}aws-vod-most-popular"}, INVALID, "ECOMMERCE"),
    ("CreateCampaign", {"name": "c", "solutionVersionArn": "@affinity version"}, INVALID,
     "aws-item-affinity"),
    ("CreateBatchInferenceJob", {**BATCH, "solutionVersionArn": "@affinity version"}, INVALID,
     "aws-item-affinity"),
    ("CreateBatchSegmentJob", BATCH, INVALID, "aws-user-personalization"),
    ("CreateBatchInferenceJob", {**BATCH, "batchInferenceJobMode": "THEME_GENERATION"}, INVALID,
     "themes are not"),
    ("StopSolutionVersionCreation", {"solutionVersionArn": "@personal version"}, INVALID,
     "ACTIVE"),
    ("StartRecommender", {"recommenderArn": "@recommender"}, INVALID, "INACTIVE"),
    ("CreateFilter", {**FILTER, "filterExpression": "INCLUDE ItemID"}, INVALID, "WHERE"),
    ("CreateFilter", {**FILTER, "filterExpression": "INCLUDE ItemID WHERE Items.NOTHING = 1"},
     INVALID, "NOTHING"),
    ("CreateFilter", {**FILTER, "filterExpression":
                      'INCLUDE ItemID WHERE (Items.PRICE > 1)'}, INVALID, "column"),
    ("CreateFilter", {**FILTER, "filterExpression":
                      'INCLUDE ItemID WHERE Items.NAME IN ("a")'}, INVALID, "NAME"),
    # tags and tokens
    ("TagResource", {"resourceArn": "@mine", "tags": [
        {"tagKey": str(i), "tagValue": ""} for i in range(51)]}, TAGS, "50"),
    ("CreateDatasetGroup", {"name": "tagged", "tags": [
        {"tagKey": str(i), "tagValue": ""} for i in range(51)]}, TAGS, "50"),
    ("UntagResource", {"resourceArn": "@mine", "tagKeys": [str(i) for i in range(51)]}, KEYS,
     "50"),
    ("TagResource", {"resourceArn": "@mine", "tags": [{"tagKey": "aws:x", "tagValue": ""}]},
     INVALID, "aws:"),
    ("TagResource", {"resourceArn": "@mine", "tags": [{"tagKey": "k", "tagValue": "1"},
                                                     {"tagKey": "k", "tagValue": "2"}]},
     INVALID, "k"),
    ("TagResource", {"resourceArn": "@mine Items schema", "tags": []}, INVALID, "schema"),
    ("ListDatasets", {"nextToken": "nothing"}, TOKEN, "nextToken"),
    ("ListSchemas", {"nextToken": "AAAA"}, TOKEN, "nextToken"),
    # questions
    ("GetRecommendations", {"userId": "u"}, INVALID, "recommenderArn"),
    ("GetRecommendations", {**ASK, "recommenderArn": "@recommender"}, INVALID, "recommenderArn"),
    ("GetRecommendations", {"campaignArn": "@personal campaign"}, INVALID, "userId"),
    ("GetRecommendations", {"campaignArn": "@related campaign", "userId": "u"}, INVALID, "itemId"),
    ("GetRecommendations", {**ASK, "campaignArn": "@ranking campaign"}, INVALID,
     "aws-personalized-ranking"),
    ("GetRecommendations", {**ASK, "numResults": 501}, INVALID, "500"),
    ("GetRecommendations", {**ASK, "filterArn": "@filter"}, INVALID, "department"),
    ("GetRecommendations", {**ASK, "filterArn": "@filter", "filterValues": {"department": "a"}},
     INVALID, "quot"),
    ("GetRecommendations", {**ASK, "filterValues": {"department": '"a"'}}, INVALID, "without a"),
    ("GetRecommendations", {**ASK, "filterArn": "@shop filter"}, INVALID, "another"),
    ("GetRecommendations", {**ASK, "metadataColumns": {"ITEMS": ["NOTHING"]}}, INVALID, "NOTHING"),
    ("GetRecommendations", {**ASK, "metadataColumns": {"USERS": ["COUNTRY"]}}, INVALID, "ITEMS"),
    ("GetRecommendations", {**ASK, "promotions": [{"name": "p"}]}, INVALID, "promotions"),
    ("GetPersonalizedRanking", {**RANK, "campaignArn": "@personal campaign"}, INVALID,
     "aws-user-personalization"),
    ("GetPersonalizedRanking", {**RANK, "inputList": ["i"] * 501}, INVALID, "500"),
    # events, items, users
    ("PutEvents", {**PUT, "eventList": [{"eventType": "e", "sentAt": 1}]}, INVALID, "itemId"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"properties": "{"}]}, INVALID, "JSON"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"properties": "[]"}]}, INVALID, "object"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"properties": '{"colour": "red"}'}]}, INVALID,
     "colour"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"sentAt": 1_700_000_000_000}]}, INVALID,
     "seconds"),
    ("PutItems", {"datasetArn": "@mine Items", "items": [
        {"itemId": "i", "properties": '{"price": "cheap"}'}]}, INVALID, "price"),
    ("PutItems", {"datasetArn": "@mine Items", "items": [
        {"itemId": "i", "properties": '{"weight": 1}'}]}, INVALID, "weight"),
    ("PutUsers", {"datasetArn": "@mine Users", "users": [
        {"userId": "u", "properties": '{"shoe": 44}'}]}, INVALID, "shoe"),
]  # fmt: skip
ON_PATHS = {NONE: 404, USED: 409}


@pytest.fixture(scope="module")
def world(
    module_wire: Any,
    make_world: Any,
    checkerboard_home: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("bad") / "home"
    shutil.copytree(checkerboard_home, home)
    made = make_world(module_wire(describe_wait_s=0, home=home))
    made.group("mine")
    made.group("shop", domain="ECOMMERCE")
    made.datasets("mine", made.schemas)
    made.datasets("shop", made.shop_schemas, domain="ECOMMERCE")
    for name, recipe in (("personal", "aws-user-personalization"), ("related", "aws-sims"),
                         ("ranking", "aws-personalized-ranking"),
                         ("affinity", "aws-item-affinity")):  # fmt: skip
        made.version(name, "mine", recipe)
    control, arns = made.control, made.arns
    tracker = control.create_event_tracker(name="t", datasetGroupArn=arns["mine"])
    for name, group, text in (
        ("filter", "mine", "INCLUDE ItemID WHERE Items.DEPARTMENT IN ($department)"),
        ("shop filter", "shop", "INCLUDE ItemID WHERE Items.PRICE > 1"),
    ):
        told = control.create_filter(
            name="black" if group == "mine" else "cheap", datasetGroupArn=arns[group],
            filterExpression=text,
        )  # fmt: skip
        arns[name] = told["filterArn"]
    arns["recommender"] = control.create_recommender(
        name="r", datasetGroupArn=arns["shop"],
        recipeArn=f"{RECIPES}aws-ecomm-recommended-for-you",
    )["recommenderArn"]  # fmt: skip
    made.settle()
    arns["late solution"] = control.create_solution(
        name="late", datasetGroupArn=arns["mine"], recipeArn=f"{RECIPES}aws-sims"
    )["solutionArn"]
    arns["late version"] = control.create_solution_version(solutionArn=arns["late solution"])[
        "solutionVersionArn"
    ]
    control.create_dataset_import_job(
        jobName="under-way", datasetArn=arns["mine Items"], roleArn=ROLE,
        dataSource={"dataLocation": "s3://b/f.csv"},
    )  # fmt: skip
    arns["tracking"] = tracker["trackingId"]
    return made


def named(value: Any, arns: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: named(each, arns) for key, each in value.items()}
    if isinstance(value, list):
        return [named(each, arns) for each in value]
    return arns[value[1:]] if isinstance(value, str) and value.startswith("@") else value


@pytest.mark.parametrize(("operation", "given", "kind", "said"), CASES)
def test_a_call_that_cannot_be_done(
    operation: str, given: dict[str, Any], kind: str, said: str, world: Any
) -> None:
    status, told = world.wire.bridge.call(operation, named(given, world.arns))
    assert told["__type"] == kind, told
    is_path = operation.startswith(("Put", "GetRec", "GetPers"))
    assert status == (ON_PATHS.get(kind, 400) if is_path else 400)
    assert said in told["message"]
    assert len(told["message"]) > len(said) + 10


def test_nothing_of_it_was_done(world: Any) -> None:
    """After all of them: what stands is what stood before."""
    control = world.control
    groups = [group["name"] for group in control.list_dataset_groups()["datasetGroups"]]
    assert {"mine", "shop"} <= set(groups)
    assert not {"tagged", "n"} & set(groups)
    assert len(control.list_schemas()["schemas"]) == len(world.schemas) + len(world.shop_schemas)
    assert {c["name"] for c in control.list_campaigns()["campaigns"]} >= {"personal", "ranking"}
    assert control.list_tags_for_resource(resourceArn=world.arns["mine"])["tags"] == []
