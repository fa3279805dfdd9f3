"""The functions of AWS Lambda as data: handler, least rights, memory and time. The package script
and Terraform read this table (``python -m endcap.entrypoints.lambdas.table`` prints it as JSON)."""

from __future__ import annotations

import json

import msgspec
from msgspec import Struct

HANDLERS = "endcap.entrypoints.lambdas"


class Action(Struct, frozen=True):
    """What a function may do beside writing its log. ``resource``: a name that Terraform knows."""

    action: str
    resource: str


class Source(Struct, frozen=True):
    """A stream that Lambda reads for a function. ``stream``, ``on_failure``: names that Terraform
    knows; the latter gets what was given up, whole records where it is a bucket. ``attempts``: -1
    for as many as ``oldest_s`` has time for, which is less than the stream keeps."""

    stream: str
    on_failure: str
    batch: int = 100
    window_s: int = 0
    attempts: int = -1
    oldest_s: int = 43_200
    bisect: bool = True
    starts_at: str = "TRIM_HORIZON"
    answers: tuple[str, ...] = ("ReportBatchItemFailures",)


class Function(Struct, frozen=True):
    """``handler``: module and function. ``package``: ``zip`` (numpy, no compiler) or ``image``
    (everything that training needs). ``model``: whether it loads what a shop has published.
    ``variables``: those it reads beside the ENDCAP_… settings. ``source``: what calls it, where
    that is a stream. ``metrics``: its own, beside those of every function (see ``observed``)."""

    handler: str
    actions: tuple[Action, ...]
    memory_mb: int = 256
    timeout_s: int = 60
    package: str = "zip"
    model: bool = False
    variables: tuple[str, ...] = ()
    source: Source | None = None
    metrics: tuple[str, ...] = ()


def _may(resource: str, *actions: str) -> tuple[Action, ...]:
    return tuple(Action(action, resource) for action in actions)


# What answers from a published model reads: pointers, model and snapshot.
PUBLISHED = (
    *_may("documents_table", "dynamodb:GetItem"),
    *_may("artifacts_bucket", "s3:GetObject", "s3:ListBucket"),
)

# What takes changes in writes: into the log, and what it has of a user it can delete.
CHANGES = _may("changes_table", "dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem")

# What brings the log into the lake drops its oldest rows, and ends what was erased.
LOG_INTO_LAKE = (
    *CHANGES,
    *_may("changes_table", "dynamodb:BatchWriteItem"),
    *_may("events_table", "dynamodb:Query", "dynamodb:BatchWriteItem"),
    *_may("interests_table", "dynamodb:Query", "dynamodb:DeleteItem"),
    *_may("users_table", "dynamodb:DeleteItem"),
)

# Versions are read before rows are written in batches; rows of erased users are taken back.
OF_USERS = ("stored_table", "user_features_table")
OF_ITEMS = ("catalog_table", "related_table", "product_features_table")
WRITTEN_EACH_NIGHT = (
    *(
        action
        for table in (*OF_USERS, *OF_ITEMS)
        for action in _may(table, "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem")
    ),
    *(action for table in OF_USERS for action in _may(table, "dynamodb:DeleteItem")),
)

FUNCTIONS: dict[str, Function] = {
    "api": Function(
        "app.handler",
        (
            *PUBLISHED,
            *CHANGES,
            *_may("events_table", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:BatchWriteItem"),
            *_may("events_stream", "kinesis:PutRecords"),
            *_may("documents_table", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem"),
            *_may("stored_table", "dynamodb:GetItem", "dynamodb:DeleteItem"),
            *_may("interests_table", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"),
            *_may("users_table", "dynamodb:DeleteItem"),
            *_may("user_features_table", "dynamodb:DeleteItem"),
            *_may("ranker_endpoint", "sagemaker:InvokeEndpoint"),
            *_may("campaign", "personalize:GetRecommendations"),
            # Long work that the Personalize API asks for.
            *_may("control_machine", "states:StartExecution"),
            *_may("control_executions", "states:DescribeExecution", "states:StopExecution"),
        ),
        2048, 29, model=True,
        variables=("PathPrefix", "CustomerInterestTable", "PERSONALIZE_CAMPAIGN_ARN"),
    ),
    "ImportUsersFromS3": Function(
        f"{HANDLERS}.import_users.handler",
        (
            *_may("users_bucket", "s3:GetObject"),
            *_may("users_table", "dynamodb:BatchWriteItem"),
            *_may("runs_bucket", "s3:PutObject"),
        ),
        memory_mb=512,
        timeout_s=900,
        variables=("RunsUrl",),
        metrics=("usersRead", "usersWritten", "usersBad"),
    ),
    "MockRecommendations": Function(
        f"{HANDLERS}.mock_recommendations.handler", PUBLISHED, 1024, 30, model=True,
        variables=("PERSONALIZE_CAMPAIGN_ARN",), metrics=("mocked",),
    ),
    "FetchRecommendations": Function(
        f"{HANDLERS}.fetch_recommendations.handler",
        (*PUBLISHED, *_may("campaign", "personalize:GetRecommendations")),
        1024, 30, model=True, variables=("PERSONALIZE_CAMPAIGN_ARN",), metrics=("fallbacks",),
    ),
    "StoreToDynamoDB": Function(
        f"{HANDLERS}.store_to_dynamodb.handler", _may("stored_table", "dynamodb:PutItem"),
        timeout_s=30,
        metrics=("stored", "superseded", "mock", "dry_run"),
    ),
    "NotifyCompletion": Function(
        f"{HANDLERS}.notify_completion.handler",
        (
            *_may("topic", "sns:Publish"),
            *_may("mail_identity", "ses:SendEmail"),
            *_may("map_runs", "states:DescribeMapRun"),
            *_may("documents_table", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            *_may("documents_table", "dynamodb:GetItem", "dynamodb:DeleteItem"),
        ),
        metrics=("runs", "failures"),
    ),
    "Nightly": Function(
        f"{HANDLERS}.nightly.handler",
        (
            *PUBLISHED,
            *_may("documents_table", "dynamodb:PutItem", "dynamodb:DeleteItem"),
            *_may("documents_table", "dynamodb:Query"),
            *WRITTEN_EACH_NIGHT,
            *LOG_INTO_LAKE,
            *_may("artifacts_bucket", "s3:PutObject", "s3:DeleteObject"),
            *_may("lake_bucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
            *_may("lake_bucket", "s3:ListBucket"),
        ),
        memory_mb=8192,
        timeout_s=900,
        package="image",
        metrics=("steps", "drift", "promoted", "refused", "stored"),
    ),
    "Submit": Function(
        f"{HANDLERS}.submit.handler",
        (
            *PUBLISHED,
            *_may("documents_table", "dynamodb:PutItem"),
            *_may("changes_table", "dynamodb:Query", "dynamodb:GetItem"),
            *_may("events_table", "dynamodb:Query"),
            *_may("events_stream", "kinesis:PutRecords"),
            *_may("ranker_endpoint", "sagemaker:InvokeEndpoint"),
        ),
        1024, 29, model=True, variables=("PathPrefix",),
    ),
    "RecordPreference": Function(
        f"{HANDLERS}.record_preference.handler", _may("interests_table", "dynamodb:PutItem"),
        512, 29, variables=("CustomerInterestTable", "PathPrefix"),
    ),
    "Stream": Function(
        f"{HANDLERS}.stream.handler",
        (
            *_may("events_stream", "kinesis:DescribeStream", "kinesis:DescribeStreamSummary"),
            *_may("events_stream", "kinesis:GetRecords", "kinesis:GetShardIterator"),
            *_may("events_stream", "kinesis:ListShards"),
            *_may("events_table", "dynamodb:BatchWriteItem"),
            *_may("documents_table", "dynamodb:GetItem", "dynamodb:Query"),
            *_may("lake_bucket", "s3:PutObject"),
            *_may("failures_bucket", "s3:PutObject", "s3:ListBucket"),
        ),
        source=Source("events_stream", "failures_bucket"),
        metrics=("recordsKept", "recordsWithoutEvent", "recordsErased", "recordsSetAside",
                 "recordsAgain"),
    ),
    "Firehose": Function(
        f"{HANDLERS}.firehose.handler", PUBLISHED, 1024, 300, model=True,
        metrics=("recordsOk", "recordsDropped", "recordsProcessingFailed"),
    ),
}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(msgspec.to_builtins(FUNCTIONS), indent=2))  # noqa: T201
