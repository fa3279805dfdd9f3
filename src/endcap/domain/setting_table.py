"""Every setting: its default, what is permitted, what it is for. ``endcap.settings`` reads them."""

from __future__ import annotations

import re

from endcap.domain.setting import Setting
from endcap.domain.setting import number as _number
from endcap.domain.setting import text as _text

# The environment variable is ENDCAP_ and the name in upper case.
SETTINGS: dict[str, Setting] = {
    "home": _text("~/.endcap", "folder that holds all state"),
    "group": _text("default", "dataset group (one shop) that commands act on"),
    "workers": _number(2, 1, 64, "worker processes of `endcap serve`"),
    "segment_mb": _number(64, 1, 1024, "size at which the log begins a new segment"),
    "history_events": _number(500, 10, 10_000, "newest events kept for each shopper"),
    "repeat_horizon_hours": _number(
        72, 1, 8760, "how long event ids and idempotency keys are remembered"
    ),
    "snapshot_tail_mb": _number(16, 1, 1024, "log tail that makes the keeper write a snapshot"),
    "keeper_interval_s": _number(2, 0.05, 3600, "seconds between two rounds of the keeper"),
    "popular_half_life_days": _number(14, 0.01, 3650, "decay of the popularity counts"),
    "trending_half_life_days": _number(1, 0.001, 365, "decay of the counts that trending compares"),
    "memory_mb": _number(1024, 128, 1_000_000, "memory that SQL over the lake may take"),
    "threads": _number(0, 0, 256, "threads of training and SQL; 0: one for each core"),
    "max_body_kb": _number(1024, 1, 102_400, "largest request body"),
    "max_waiting": _number(
        10_000, 1, 1_000_000, "most requests of a worker that wait for the disk; more are refused"
    ),
    "max_waiting_mb": _number(64, 0.01, 100_000, "most bytes of bodies that wait for the disk"),
    "log_retention_hours": _number(
        24, 0, 87_600, "how long the log is kept at least, beyond what a restart needs"
    ),
    "purge_hours": _number(
        24, 0, 87_600, "time after which the files of the lake lose what an erased user did"
    ),
    "keep_snapshots": _number(
        4, 2, 1000, "snapshots kept, and the log beneath them: how far back answers can be repeated"
    ),
    "retention_days": _number(0, 0, 36_500, "days after which events leave the lake; 0: never"),
    "lake_hours": _number(24, 1, 87_600, "how long earlier versions of the lake can be read"),
    "lake": _text("", "where the lake's files lie: s3://BUCKET/PREFIX; empty: below the home"),
    "artifacts": _text(
        "", "where models, snapshots and reports lie: s3://BUCKET/PREFIX; empty: below the home"
    ),
    "log": _text(
        "folder",
        "where the log of changes lies: folder, below the home, or dynamodb, a table beside "
        "ENDCAP_DOCUMENTS=dynamodb://PREFIX",
    ),
    "documents": _text(
        "",
        "where control documents lie: dynamodb://PREFIX, of tables whose names begin with the "
        "prefix; empty: below the home",
    ),
    "tables": _text(
        "",
        "DynamoDB tables with names of their own, as events=NAME, with commas between; also "
        "named by CustomerInterestTable, EcommerceUsersTable, storeRecommendationsTable",
    ),
    "event_days": _number(
        90, 0, 36_500, "days for which the table of events in DynamoDB keeps one; 0: for ever"
    ),
    "cache_mb": _number(
        4096, 16, 100_000_000, "local copies of artifacts that lie on S3; the oldest go first"
    ),
    "max_batch": _number(500, 1, 10_000, "most events, items or users in one request"),
    "deadline_ms": _number(250, 1, 600_000, "time after which popular items are answered instead"),
    "keep_versions": _number(5, 2, 1000, "model versions kept beside the one that serves"),
    "seed": _number(0, 0, 2**31 - 1, "seed of everything that draws at random"),
    "auth": _text(
        "open",
        "open: no key is asked for, on loopback addresses only; gateway: that is up to the API "
        "gateway before a function",
    ),
    "rate_per_s": _number(1000, 0, 1_000_000, "requests a second for one key or token; 0: any"),
    "burst": _number(2000, 1, 1_000_000, "requests at once for one key or token"),
    "cors_origins": _text("", "origins whose pages may ask, with commas between them"),
    "jwks": _text("", "file or https URL with the signing keys of tokens (JWKS)"),
    "jwt_issuer": _text("", "the claim iss that tokens must have"),
    "jwt_audience": _text("", "the claim aud (or client_id) that tokens must have"),
    "otel": _text("off", "on: traces go where the OTEL_… variables say; needs endcap[otel]"),
    "database_password": _text("", "password of the database that `endcap import` reads"),
    "stream": _text("folder", "where `endcap stream` reads and writes: folder, or kinesis://NAME"),
    "stream_neighbours": _text("off", "on: answers to a stream are what ENDCAP_VECTORS finds"),
    "stream_shards": _number(4, 1, 256, "shards that a new stream in the folder gets"),
    "stream_retention_hours": _number(
        24, 0, 87_600, "how long the stream in the folder keeps what every consumer has read"
    ),
    "jobs": _text(
        "subprocess",
        "where long work is done (`endcap pipeline start`, and under control that of the "
        "Personalize API): subprocess, or stepfunctions://nightly=ARN,users=ARN,control=ARN",
    ),
    "sender": _text(
        "log",
        "who is told of each run: log, an https URL, sns://TOPIC_ARN or ses://FROM?to=ADDRESS",
    ),
    "vectors": _text(
        "folder",
        "where vectors are loaded to: folder, embedded (a PostgreSQL of its own), or a URL",
    ),
    "vectors_ms": _number(
        50, 1, 60_000, "time that related?by=embedding waits for PostgreSQL before the model"
    ),
    "ranker": _text(
        "inside",
        "where the ranker is asked: inside (this process), or sagemaker://ENDPOINT of SageMaker",
    ),
    "ranker_ms": _number(
        100, 1, 60_000, "time that an answer waits for that endpoint before this process ranks"
    ),
    "campaign": _text(
        "",
        "a campaign of Amazon Personalize that answers before the engine: ARN, or shadow:ARN to "
        "compare the two; also named by PERSONALIZE_CAMPAIGN_ARN",
    ),
    "campaign_ms": _number(200, 1, 60_000, "time that an answer waits for that campaign"),
    "import_roots": _text(
        "", "folders, with : between them, that import jobs may read and batch jobs may write to"
    ),
    "open_shops": _number(
        8, 1, 1000, "dataset groups that a worker holds open; the one asked longest ago is closed"
    ),
    "jobs_at_once": _number(2, 1, 64, "jobs of the control plane that run at the same time"),
    "solution_search_s": _number(
        20, 0, 86_400, "work that a solution's search for settings may take without performHPO"
    ),
    "describe_wait_s": _number(
        10, 0, 50, "how long a describe call of a resource in the making waits for its end"
    ),
    "arn_account": _text("123456789012", "the account in the ARNs of the Personalize API"),
    "arn_region": _text("us-east-1", "the region in those ARNs, where a request names none"),
    "personalize_keys": _text(
        "",
        "who may call the Personalize API, as ACCESS_KEY_ID:SECRET with commas between; empty: "
        "signatures are not looked at",
    ),
    "log_level": _text("info", "debug, info, warning or error"),
}

LOG_LEVELS = ("debug", "info", "warning", "error")

_NAMED = r"\w+=[A-Za-z0-9_.-]{3,255}"
_MACHINE = r"(nightly|users|control)=arn:aws[a-z-]*:states:[^,=]+"
_S3 = (re.compile(r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"), "empty or s3://BUCKET/PREFIX")

# name → (the form of a text, in words)
FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "log_level": (re.compile("|".join(LOG_LEVELS)), "one of " + ", ".join(LOG_LEVELS)),
    "otel": (re.compile("off|on"), "one of off, on"),
    "auth": (re.compile("open|required|gateway"), "one of open, required, gateway"),
    "cors_origins": (
        re.compile(r"(\s*https?://[^\s,/*?#@]+\s*(,|$))*"),
        "origins like https://shop.example, with commas between them",
    ),
    "stream_neighbours": (re.compile("off|on"), "one of off, on"),
    "stream": (
        re.compile(r"folder|kinesis://[A-Za-z0-9_.-]{1,128}", re.ASCII),
        "folder or kinesis://NAME",
    ),
    "sender": (
        re.compile(
            r"log|https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/\S*)?"
            r"|sns://arn:aws[a-z-]*:sns:\S+|ses://[^\s@?]+@[^\s@?]+\?to=[^\s&]+"
        ),
        "log, an https URL, sns://TOPIC_ARN or ses://FROM?to=ADDRESS,ADDRESS",
    ),
    "jobs": (
        re.compile(rf"subprocess|stepfunctions://{_MACHINE}(,{_MACHINE})*", re.ASCII),
        "subprocess or stepfunctions://nightly=ARN,users=ARN,control=ARN",
    ),
    "vectors": (
        re.compile(r"folder|embedded|postgres(ql)?://\S+"),
        "folder, embedded or a URL like postgresql://USER@HOST/DATABASE",
    ),
    "log": (re.compile("folder|dynamodb"), "one of folder, dynamodb"),
    "ranker": (
        re.compile(r"inside|sagemaker://[A-Za-z0-9](-*[A-Za-z0-9]){0,62}", re.ASCII),
        "inside or sagemaker://ENDPOINT",
    ),
    "campaign": (
        re.compile(r"|(shadow:)?arn:aws[a-z-]*:personalize:\S+:campaign/\S+"),
        "empty, ARN or shadow:ARN",
    ),
    "arn_account": (re.compile(r"\d{12}", re.ASCII), "12 digits"),
    "arn_region": (re.compile(r"[a-z]{2}(-[a-z]+)+-\d", re.ASCII), "a region like eu-central-1"),
    "personalize_keys": (
        re.compile(r"|[^\s:,/]+:[^\s,]+(,[^\s:,/]+:[^\s,]+)*"),
        "ACCESS_KEY_ID:SECRET, with commas between",
    ),
    "documents": (re.compile(r"|dynamodb://[A-Za-z0-9_-]{0,64}"), "empty or dynamodb://PREFIX"),
    "tables": (
        re.compile(rf"|{_NAMED}(,{_NAMED})*", re.ASCII),
        "names like events=NAME, with commas between",
    ),
    "lake": _S3,
    "artifacts": _S3,
    "jwks": (re.compile(r"(?!http:).*", re.IGNORECASE), "a file or an https URL"),
}
