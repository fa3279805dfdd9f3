"""Inputs that are not what their shape says: the error that the operation models, and a message
that says what is wrong, where, and what would be right."""

from __future__ import annotations

from typing import Any

import pytest

ARN = "arn:aws:personalize:us-east-1:123456789012:"
GROUP, DATASET = f"{ARN}dataset-group/g", f"{ARN}dataset/g/ITEMS"
SOLUTION, CAMPAIGN, FILTER = f"{ARN}solution/s", f"{ARN}campaign/c", f"{ARN}filter/f"
VERSION, RECIPE = f"{SOLUTION}/0a1b2c3d", "arn:aws:personalize:::recipe/aws-sims"
ROLE = "arn:aws:iam::123456789012:role/r"
S3 = {"path": "s3://b/in.json"}
EVENT = {"eventType": "e", "sentAt": 1_700_000_000}
PUT = {"trackingId": "t", "sessionId": "s"}
ITEM = {"itemId": "i", "properties": "{}"}
IMPORT = {"jobName": "j", "datasetArn": DATASET, "roleArn": ROLE,
          "dataSource": {"dataLocation": "s3://b/f.csv"}}  # fmt: skip
BATCH = {"jobName": "j", "solutionVersionArn": VERSION, "roleArn": ROLE,
         "jobInput": {"s3DataSource": S3}, "jobOutput": {"s3DataDestination": S3}}  # fmt: skip
MAKE = {"name": "n", "datasetGroupArn": GROUP}

NULL, LENGTH = "must not be null", "must have length less than or equal to "
SHORT, PATTERN = "must have length greater than or equal to ", "must satisfy regular expression"
MOST, LEAST = "must have value less than or equal to ", "must have value greater than or equal to "
ENUM = "must satisfy enum value set"

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    # members that are missing
    ("CreateDatasetGroup", {}, "name", NULL),
    ("CreateDatasetGroup", {"name": None}, "name", NULL),
    ("CreateDatasetGroup", {"Name": "n"}, "name", "it is written name, not Name"),
    ("CreateSchema", {"name": "n"}, "schema", NULL),
    ("CreateDataset", {**MAKE, "schemaArn": f"{ARN}schema/x"}, "datasetType", NULL),
    ("CreateDatasetImportJob", {**IMPORT, "dataSource": None}, "dataSource", NULL),
    ("CreateSolution", {"name": "n"}, "datasetGroupArn", NULL),
    ("CreateSolutionVersion", {}, "solutionArn", NULL),
    ("CreateCampaign", {"name": "n"}, "solutionVersionArn", NULL),
    ("CreateFilter", MAKE, "filterExpression", NULL),
    ("CreateRecommender", MAKE, "recipeArn", NULL),
    ("CreateBatchInferenceJob", {**BATCH, "roleArn": None}, "roleArn", NULL),
    ("CreateBatchInferenceJob", {**BATCH, "jobInput": {}}, "jobInput.s3DataSource", NULL),
    ("CreateBatchSegmentJob", {**BATCH, "jobOutput": None}, "jobOutput", NULL),
    ("CreateEventTracker", {"name": "n"}, "datasetGroupArn", NULL),
    ("UpdateRecommender", {"recommenderArn": f"{ARN}recommender/r"}, "recommenderConfig", NULL),
    ("TagResource", {"resourceArn": GROUP}, "tags", NULL),
    ("TagResource", {"resourceArn": GROUP, "tags": [{"tagKey": "k"}]}, "tags.1.member.tagValue",
     NULL),
    ("DescribeCampaign", {"campaignarn": CAMPAIGN}, "campaignArn", "not campaignarn"),
    ("DescribeRecipe", {}, "recipeArn", NULL),
    ("GetSolutionMetrics", {}, "solutionVersionArn", NULL),
    ("DeleteFilter", {}, "filterArn", NULL),
    ("PutEvents", {**PUT}, "eventList", NULL),
    ("PutEvents", {"trackingId": "t", "eventList": [EVENT]}, "sessionId", NULL),
    ("PutEvents", {**PUT, "eventList": [{"eventType": "e"}]}, "eventList.1.member.sentAt", NULL),
    ("PutEvents", {**PUT, "eventList": [EVENT, {"sentAt": 1}]}, "eventList.2.member.eventType",
     NULL),
    ("PutItems", {"datasetArn": DATASET, "items": [{"properties": "{}"}]},
     "items.1.member.itemId", NULL),
    ("PutUsers", {"users": [{"userId": "u"}]}, "datasetArn", NULL),
    ("GetPersonalizedRanking", {"campaignArn": CAMPAIGN, "inputList": ["i"]}, "userId", NULL),
    ("GetPersonalizedRanking", {"campaignArn": CAMPAIGN, "userId": "u"}, "inputList", NULL),
    # members of another type
    ("CreateDatasetGroup", {"name": 5}, "name", "'5' at 'name'"),
    ("CreateDatasetGroup", {"name": ["n"]}, "name", "must be a string"),
    ("CreateSolution", {**MAKE, "performHPO": "true"}, "performHPO", "must be true or false"),
    ("CreateSolution", {**MAKE, "solutionConfig": "x"}, "solutionConfig", "must be an object"),
    ("CreateCampaign", {"name": "n", "solutionVersionArn": VERSION, "minProvisionedTPS": "1"},
     "minProvisionedTPS", "must be a whole number"),
    ("CreateCampaign", {"name": "n", "solutionVersionArn": VERSION, "minProvisionedTPS": True},
     "minProvisionedTPS", "must be a whole number"),
    ("CreateCampaign", {"name": "n", "solutionVersionArn": VERSION, "minProvisionedTPS": 1.5},
     "minProvisionedTPS", "must be a whole number"),
    ("ListCampaigns", {"maxResults": 2**31}, "maxResults", "must be a whole number"),
    ("TagResource", {"resourceArn": GROUP, "tags": {"a": "b"}}, "tags", "must be a list"),
    ("UntagResource", {"resourceArn": GROUP, "tagKeys": [1]}, "tagKeys.1.member", "a string"),
    ("PutEvents", {**PUT, "eventList": EVENT}, "eventList", "must be a list"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"sentAt": "2026-01-01"}]},
     "eventList.1.member.sentAt", "seconds since 1970"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"sentAt": 1e15}]}, "eventList.1.member.sentAt",
     "seconds since 1970"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"eventValue": "9.99"}]},
     "eventList.1.member.eventValue", "must be a number"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"properties": {"a": 1}}]},
     "eventList.1.member.properties", "JSON as text"),
    ("PutEvents", {**PUT, "eventList": [None]}, "eventList.1.member", NULL),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "numResults": "10"}, "numResults", "'10'"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "userId": 12}, "userId", "must be a string"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "context": ["DEVICE"]}, "context",
     "must be an object"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "filterValues": {"K": 3}}, "filterValues.K",
     "must be a string"),
    ("GetPersonalizedRanking", {"campaignArn": CAMPAIGN, "userId": "u", "inputList": "i"},
     "inputList", "must be a list"),
    # lengths
    ("CreateDatasetGroup", {"name": "n" * 64}, "name", LENGTH + "63"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"eventType": ""}]},
     "eventList.1.member.eventType", SHORT + "1"),
    ("CreateSchema", {"name": "n", "schema": "x" * 20_001}, "schema", LENGTH + "20000"),
    ("CreateFilter", {**MAKE, "filterExpression": ""}, "filterExpression", SHORT + "1"),
    ("CreateFilter", {**MAKE, "filterExpression": "x" * 2501}, "filterExpression", LENGTH + "2500"),
    ("CreateSolution", {**MAKE, "eventType": "e" * 257}, "eventType", LENGTH + "256"),
    ("TagResource", {"resourceArn": GROUP, "tags": [{"tagKey": "", "tagValue": ""}]},
     "tags.1.member.tagKey", SHORT + "1"),
    ("TagResource", {"resourceArn": GROUP, "tags": [{"tagKey": "k", "tagValue": "v" * 257}]},
     "tags.1.member.tagValue", LENGTH + "256"),
    ("TagResource", {"resourceArn": GROUP, "tags": [{"tagKey": str(i), "tagValue": ""}
                                                   for i in range(201)]}, "tags", LENGTH + "200"),
    ("DescribeDataset", {"datasetArn": DATASET + "x" * 256}, "datasetArn", LENGTH + "256"),
    ("PutEvents", {**PUT, "eventList": []}, "eventList", SHORT + "1"),
    ("PutEvents", {**PUT, "eventList": [EVENT] * 11}, "eventList", LENGTH + "10"),
    ("PutEvents", {**PUT, "trackingId": "", "eventList": [EVENT]}, "trackingId", SHORT + "1"),
    ("PutEvents", {**PUT, "sessionId": "s" * 257, "eventList": [EVENT]}, "sessionId",
     LENGTH + "256"),
    ("PutEvents", {**PUT, "userId": "u" * 257, "eventList": [EVENT]}, "userId", LENGTH + "256"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"itemId": ""}]}, "eventList.1.member.itemId",
     SHORT + "1"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"impression": ["i"] * 26}]},
     "eventList.1.member.impression", LENGTH + "25"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"recommendationId": "r" * 41}]},
     "eventList.1.member.recommendationId", LENGTH + "40"),
    ("PutEvents", {**PUT, "eventList": [EVENT | {"properties": "p" * 1025}]},
     "eventList.1.member.properties", LENGTH + "1024"),
    ("PutItems", {"datasetArn": DATASET, "items": [ITEM] * 11}, "items", LENGTH + "10"),
    ("PutItems", {"datasetArn": DATASET, "items": [{"itemId": "i" * 257}]},
     "items.1.member.itemId", LENGTH + "256"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "userId": "u" * 257}, "userId",
     LENGTH + "256"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "filterValues": {str(i): "1"
                                                                     for i in range(26)}},
     "filterValues", LENGTH + "25"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "filterValues": {"K": "v" * 1001}},
     "filterValues.K", LENGTH + "1000"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "promotions": [{}, {}]}, "promotions",
     LENGTH + "1"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "metadataColumns": {"A": [], "B": []}},
     "metadataColumns", LENGTH + "1"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "metadataColumns": {"{0}": ["c" * 151]}},
     "metadataColumns.{0}.1.member", LENGTH + "150"),
    # ranges
    ("ListDatasets", {"maxResults": 0}, "maxResults", LEAST + "1"),
    ("ListDatasets", {"maxResults": 101}, "maxResults", MOST + "100"),
    ("ListRecommenders", {"maxResults": -1}, "maxResults", LEAST + "1"),
    ("CreateCampaign", {"name": "n", "solutionVersionArn": VERSION, "minProvisionedTPS": 0},
     "minProvisionedTPS", LEAST + "1"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "numResults": -1}, "numResults", LEAST + "0"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "promotions": [{"percentPromotedItems": 0}]},
     "promotions.1.member.percentPromotedItems", LEAST + "1"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN,
                            "promotions": [{"percentPromotedItems": 101}]},
     "promotions.1.member.percentPromotedItems", MOST + "100"),
    # choices
    ("CreateSchema", {"name": "n", "schema": "{}", "domain": "SHOP"}, "domain",
     f"{ENUM}: [ECOMMERCE, VIDEO_ON_DEMAND]"),
    ("CreateDatasetGroup", {"name": "n", "domain": "ecommerce"}, "domain", ENUM),
    ("CreateDatasetImportJob", {**IMPORT, "importMode": "PARTIAL"}, "importMode",
     f"{ENUM}: [FULL, INCREMENTAL]"),
    ("CreateSolutionVersion", {"solutionArn": SOLUTION, "trainingMode": "ALL"}, "trainingMode",
     ENUM),
    ("CreateBatchInferenceJob", {**BATCH, "batchInferenceJobMode": "X"}, "batchInferenceJobMode",
     ENUM),
    ("ListRecipes", {"domain": "SHOP"}, "domain", ENUM),
    ("ListRecipes", {"recipeProvider": "MINE"}, "recipeProvider", f"{ENUM}: [SERVICE]"),
    ("CreateSolution", {**MAKE, "solutionConfig": {"optimizationObjective": {
        "objectiveSensitivity": "MAX"}}},
     "solutionConfig.optimizationObjective.objectiveSensitivity", ENUM),
    # patterns
    ("CreateDatasetGroup", {"name": "-n"}, "name", PATTERN),
    ("CreateDatasetGroup", {"name": "a b"}, "name", "letters, digits, - and _"),
    ("CreateDatasetGroup", {"name": "ü"}, "name", PATTERN),
    ("CreateDatasetGroup", {"name": "n\n"}, "name", PATTERN),
    ("CreateDatasetGroup", {"name": "n", "roleArn": "me"}, "roleArn", "such as arn:aws:iam::"),
    ("CreateDatasetGroup", {"name": "n", "kmsKeyArn": "k"}, "kmsKeyArn", PATTERN),
    ("CreateDataset", {**MAKE, "schemaArn": "x", "datasetType": "Items"}, "schemaArn", PATTERN),
    ("CreateDataset", {**MAKE, "schemaArn": f"{ARN}schema/x", "datasetType": "It ems"},
     "datasetType", "Interactions, Items or Users"),
    ("CreateDatasetImportJob", {**IMPORT, "dataSource": {"dataLocation": "/data/x"}},
     "dataSource.dataLocation", "file:///folder"),
    ("CreateBatchInferenceJob",
     {**BATCH, "jobInput": {"s3DataSource": {"path": "bucket/x"}}}, "jobInput.s3DataSource.path",
     PATTERN),
    ("DescribeDatasetGroup", {"datasetGroupArn": "g"}, "datasetGroupArn",
     "such as arn:aws:personalize"),
    ("DescribeSolution", {"solutionArn": "arn:aws:s3:::x"}, "solutionArn", PATTERN),
    ("ListSolutions", {"datasetGroupArn": "arn:aws:personalize"}, "datasetGroupArn", PATTERN),
    ("TagResource", {"resourceArn": GROUP, "tags": [{"tagKey": "a\tb", "tagValue": ""}]},
     "tags.1.member.tagKey", PATTERN),
    ("ListCampaigns", {"nextToken": "é"}, "nextToken", PATTERN),
    ("GetRecommendations", {"campaignArn": "c"}, "campaignArn", PATTERN),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "filterArn": "f"}, "filterArn", PATTERN),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "filterValues": {"a-b": "1"}}, "filterValues",
     "Map keys must satisfy"),
    ("GetRecommendations", {"campaignArn": CAMPAIGN, "context": {"a b": "1"}}, "context",
     "Map keys must satisfy"),
    ("CreateSolution", {**MAKE, "solutionConfig": {"trainingDataConfig": {"excludedDatasetColumns":
     {"Items": ["1x"]}}}},
     "solutionConfig.trainingDataConfig.excludedDatasetColumns.Items.1.member", PATTERN),
]  # fmt: skip


@pytest.fixture(scope="module")
def bridge(module_wire: Any) -> Any:
    return module_wire().bridge


@pytest.mark.parametrize(("operation", "given", "at", "said"), CASES)
def test_an_input_that_is_not_its_shape(
    operation: str, given: dict[str, Any], at: str, said: str, bridge: Any
) -> None:
    status, told = bridge.call(operation, given)
    assert (status, told["__type"]) == (400, "InvalidInputException")
    assert told["message"].startswith("1 validation error detected: Value ")
    assert f"at '{at}'" in told["message"]
    assert said in told["message"]


def test_all_that_is_wrong_is_told_at_once(bridge: Any) -> None:
    given = {"name": "", "datasetGroupArn": "g", "filterExpression": 5}
    message = bridge.call("CreateFilter", given)[1]["message"]
    assert message.startswith("4 validation errors detected: ")
    for at in ("name", "datasetGroupArn", "filterExpression"):
        assert f"at '{at}'" in message


def test_many_that_are_wrong_are_counted(bridge: Any) -> None:
    events = [{"eventType": "e", "sentAt": "now"}] * 10
    message = bridge.call("PutEvents", {**PUT, "eventList": events})[1]["message"]
    assert message.startswith("10 validation errors detected: ")
    assert len(message) < 2000


def test_what_is_secret_is_not_shown(bridge: Any) -> None:
    given = {"campaignArn": CAMPAIGN, "userId": "u" * 300, "inputList": [5]}
    message = bridge.call("GetPersonalizedRanking", given)[1]["message"]
    assert "uuu" in message  # its own asker reads it
    message = bridge.call("PutEvents", {**PUT, "userId": "u" * 300, "eventList": [EVENT]})[1]
    assert "uuu" not in message["message"]  # the model calls it sensitive


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "JSON"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"null", "body"),
        (b'{"name": NaN}', "JSON"),
        (b'{"name": "\xff"}', "UTF-8"),
        (b'{"name": "\\ud800"}', "JSON"),
        (b"{" * 50_000, "nested"),
        (b'{"name": ' + b"[" * 17 + b"]" * 17 + b"}", "nested"),
        (b'{"name": 1e999}', "JSON"),
        (b'{"name": "' + b"n" * 2_000_000 + b'"}', "1048576"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("operation", ["CreateDatasetGroup", "GetRecommendations"])
def test_a_body_that_cannot_be_read(operation: str, body: bytes, said: str, bridge: Any) -> None:
    status, told = bridge.call(operation, body)
    assert (status, told["__type"]) == (400, "InvalidInputException")
    assert said in told["message"]


def test_members_beyond_the_model_do_not_matter(bridge: Any) -> None:
    assert bridge.call("ListSchemas", {"more": {"deep": [1]}, "maxResults": 5})[0] == 200
    assert bridge.call("ListSchemas", b"")[0] == 200
    assert bridge.call("ListSchemas", b'{"maxResults": 5.0, "nextToken": null}')[0] == 200
