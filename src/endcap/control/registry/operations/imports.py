"""Import jobs: asked for here, done by a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import IMPORT
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.imports import FULL, ImportJob
from endcap.control.registry.operations.datasets import ready_dataset
from endcap.control.registry.paging import listed
from endcap.control.registry.resource import CREATE
from endcap.control.registry.statuses import PENDING
from endcap.control.registry.tags import add_tags, read_tags
from endcap.domain.errors import InvalidInput

_LOCATION = re.compile(r"s3://[^/\s]+/?.*|file:///.+", re.DOTALL)


def create_dataset_import_job(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    registry, tags = control.registry, read_tags(given.get("tags", ()))
    location = check_location(
        given["dataSource"].get("dataLocation", ""), "dataSource.dataLocation"
    )
    dataset: Dataset = ready_dataset(registry, given["datasetArn"])
    job = ImportJob(
        arn=registry.arn(IMPORT, given["jobName"]),
        name=given["jobName"],
        status=PENDING,
        dataset_arn=dataset.arn,
        location=location,
        mode=given.get("importMode", FULL),
        role_arn=given.get("roleArn", ""),
        publish_attribution=given.get("publishAttributionMetricsToS3", False),
        created_at=at,
        updated_at=at,
    )
    registry.create(job)
    add_tags(registry, job.arn, tags)
    control.begin(job, CREATE, at)
    return {"datasetImportJobArn": job.arn}


def describe_dataset_import_job(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    field = "datasetImportJobArn"
    job = control.registry.find(ImportJob, given[field], field)
    return {
        "datasetImportJob": {
            **_summary(job),
            **shown(
                datasetArn=job.dataset_arn,
                dataSource={"dataLocation": job.location},
                roleArn=job.role_arn,
                publishAttributionMetricsToS3=job.publish_attribution,
            ),
        }
    }


def list_dataset_import_jobs(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("datasetArn", "")
    found = (job for job in control.registry.all(ImportJob) if arn in ("", job.dataset_arn))
    return listed(control, "datasetImportJobs", given, found, _summary)


def check_location(location: str, field: str) -> str:
    """Raises InvalidInput (bad_location)."""
    if not _LOCATION.fullmatch(location):
        raise InvalidInput("bad_location", field=field, value=location)
    return location


def _summary(job: ImportJob) -> dict[str, Any]:
    return shown(jobName=job.name, datasetImportJobArn=job.arn, importMode=job.mode, **state(job))
