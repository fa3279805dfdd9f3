"""Who deploys, and where: credentials and region, checked before anything is made. And what a
deployment does beside Terraform: files into buckets, buckets emptied, a machine run once."""

from __future__ import annotations

import difflib
import time
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from endcap.adapters.aws_clients import code_of
from endcap.domain.errors import Forbidden, InvalidInput, Unauthorized, Unavailable

EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired",
           "SSOTokenLoadError", "UnauthorizedSSOTokenError", "TokenRetrievalError")  # fmt: skip
NONE = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError",
        "ProfileNotFound", "ConfigNotFound")  # fmt: skip
HOME_REGION = "us-east-1"
CONFIG = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3})


class Identity(NamedTuple):
    account: str
    arn: str


def check_region(region: str) -> None:
    """Raises InvalidInput (unknown_region) for a name that no region of AWS has."""
    session = boto3.session.Session(region_name=HOME_REGION)
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("sts", partition)
    ]
    if region not in known:
        near = ", ".join(difflib.get_close_matches(region, known, n=3, cutoff=0))
        raise InvalidInput("unknown_region", field="region", value=region, nearest=near)


def identify(region: str) -> Identity:
    """Who these credentials are. Raises Unauthorized (aws_no_credentials, aws_expired,
    aws_refused), Forbidden (region_disabled), Unavailable (aws_unreachable)."""
    try:
        return _asked(region)
    except (ClientError, BotoCoreError) as error:
        code = code_of(error)
    if code in NONE:
        raise Unauthorized("aws_no_credentials", field="AWS")
    if code in EXPIRED:
        raise Unauthorized("aws_expired", field="AWS")
    if code in ("RegionDisabledException", "InvalidClientTokenId") and _elsewhere(region):
        raise Forbidden("region_disabled", field="region", value=region)
    if code.endswith(("ConnectionError", "TimeoutError", "ConnectTimeoutError", "SSLError")):
        raise Unavailable("aws_unreachable", field="AWS", reason=code)
    raise Unauthorized("aws_refused", field="AWS", reason=code)


def _asked(region: str) -> Identity:
    told = boto3.session.Session().client("sts", region, config=CONFIG).get_caller_identity()
    return Identity(told["Account"], told["Arn"])


def _elsewhere(region: str) -> bool:
    """Whether the same credentials are good in the region that every account has."""
    try:
        return region != HOME_REGION and bool(_asked(HOME_REGION))
    except (ClientError, BotoCoreError):
        return False


def put_file(region: str, bucket: str, key: str, path: Path) -> None:
    """A file into a bucket. Raises Unavailable (aws_call_failed)."""
    with _told("S3"):
        _client("s3", region).upload_file(str(path), bucket, key)


def filled(region: str, buckets: list[str]) -> list[str]:
    """Those buckets that hold anything, an older version or a mark of deletion too."""
    found = []
    with _told("S3"):
        s3 = _client("s3", region)
        for bucket in buckets:
            told = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
            if told.get("Versions") or told.get("DeleteMarkers"):
                found.append(bucket)
    return found


def empty(region: str, bucket: str) -> int:
    """Delete all versions of all objects; how many there were."""
    count = 0
    with _told("S3"):
        s3 = _client("s3", region)
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            gone = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for kind in ("Versions", "DeleteMarkers")
                for each in page.get(kind, [])
            ]
            if gone:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": gone, "Quiet": True})
            count += len(gone)
    return count


def run_machine(region: str, arn: str, wait_s: float) -> str:
    """Begin an execution and wait for its end; its status, RUNNING where it took longer."""
    with _told("Step Functions"):
        steps = _client("stepfunctions", region)
        execution = steps.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
        until, status = time.monotonic() + wait_s, "RUNNING"
        while status == "RUNNING" and time.monotonic() < until:
            time.sleep(1)
            status = steps.describe_execution(executionArn=execution)["status"]
    return str(status)


def _client(service: str, region: str) -> Any:
    return boto3.session.Session().client(service, region, config=CONFIG)


class _told:  # noqa: N801
    """A call of AWS that fails is a sentence."""

    def __init__(self, service: str) -> None:
        self.service = service

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ClientError | BotoCoreError):
            raise Unavailable(
                "aws_call_failed", field=self.service, reason=code_of(error)
            ) from error
