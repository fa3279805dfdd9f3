"""Batch jobs: asked for here, done by a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.control.registry.answers import shown, state
from endcap.control.registry.arns import BATCH_INFERENCE, BATCH_SEGMENT
from endcap.control.registry.batches import Batch, BatchInference, BatchSegment
from endcap.control.registry.control import Control
from endcap.control.registry.filters import Filter
from endcap.control.registry.operations.imports import check_location
from endcap.control.registry.operations.recipes import recipe_of
from endcap.control.registry.operations.versions import active_version
from endcap.control.registry.paging import listed
from endcap.control.registry.recipes import SEGMENTATION
from endcap.control.registry.resource import CREATE
from endcap.control.registry.statuses import PENDING
from endcap.control.registry.tags import add_tags, read_tags
from endcap.domain.errors import InvalidInput
from endcap.domain.filter_parser import parse
from endcap.domain.filters import of_users

INFERENCE = "BATCH_INFERENCE"


def create_batch_inference_job(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    mode = given.get("batchInferenceJobMode", INFERENCE)
    if mode != INFERENCE or "themeGenerationConfig" in given:
        raise InvalidInput("themes_refused", field="batchInferenceJobMode", value=mode)
    members = _members(control, given, at, segments=False)
    job = BatchInference(
        arn=control.registry.arn(BATCH_INFERENCE, given["jobName"]),
        config=given.get("batchInferenceJobConfig", {}),
        mode=mode,
        **members,
    )
    return {"batchInferenceJobArn": _asked(control, job, given, at)}


def create_batch_segment_job(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    members = _members(control, given, at, segments=True)
    arn = control.registry.arn(BATCH_SEGMENT, given["jobName"])
    return {"batchSegmentJobArn": _asked(control, BatchSegment(arn=arn, **members), given, at)}


def describe_batch_inference_job(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    field = "batchInferenceJobArn"
    job = control.registry.find(BatchInference, given[field], field)
    more = {"batchInferenceJobConfig": job.config} if job.config else {}
    return {"batchInferenceJob": {**_inference(job), **_files(job), **more}}


def describe_batch_segment_job(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    field = "batchSegmentJobArn"
    job = control.registry.find(BatchSegment, given[field], field)
    return {"batchSegmentJob": {**_segment(job), **_files(job)}}


def list_batch_inference_jobs(
    control: Control, given: Mapping[str, Any], at: int
) -> dict[str, Any]:
    arn = given.get("solutionVersionArn", "")
    found = (job for job in control.registry.all(BatchInference) if arn in ("", job.version_arn))
    return listed(control, "batchInferenceJobs", given, found, _inference)


def list_batch_segment_jobs(control: Control, given: Mapping[str, Any], at: int) -> dict[str, Any]:
    arn = given.get("solutionVersionArn", "")
    found = (job for job in control.registry.all(BatchSegment) if arn in ("", job.version_arn))
    return listed(control, "batchSegmentJobs", given, found, _segment)


def _members(
    control: Control, given: Mapping[str, Any], at: int, *, segments: bool
) -> dict[str, Any]:
    """What both kinds of jobs have. Raises NotFound, InUse, InvalidInput."""
    source = given["jobInput"]["s3DataSource"]["path"]
    target = given["jobOutput"]["s3DataDestination"]["path"]
    version = active_version(control.registry, given["solutionVersionArn"])
    recipe = recipe_of(version.recipe_arn)
    if (recipe.type == SEGMENTATION) != segments:
        code = "not_segment" if segments else "only_batch"
        raise InvalidInput(code, field="solutionVersionArn", value=recipe.name)
    filter_arn = given.get("filterArn", "")
    if filter_arn:
        _check_filter(control, filter_arn, version.group_arn, segments=segments)
    return {
        "name": given["jobName"],
        "status": PENDING,
        "version_arn": version.arn,
        "input": check_location(source, "jobInput.s3DataSource.path"),
        "output": check_location(target, "jobOutput.s3DataDestination.path"),
        "files": {name: given[name] for name in ("jobInput", "jobOutput")},
        "role_arn": given["roleArn"],
        "filter_arn": filter_arn,
        "num_results": given.get("numResults", 0),
        "created_at": at,
        "updated_at": at,
    }


def _check_filter(control: Control, arn: str, group_arn: str, *, segments: bool) -> None:
    """Raises NotFound, InvalidInput: filter_of_other_group, filter_of_users, filter_of_items."""
    found = control.registry.find(Filter, arn, "filterArn")
    if found.group_arn != group_arn:
        raise InvalidInput("filter_of_other_group", field="filterArn", value=arn)
    if of_users(parse(found.expression, extended=False)) != segments:
        raise InvalidInput("filter_of_items" if segments else "filter_of_users", field="filterArn")


def _asked(control: Control, job: Batch, given: Mapping[str, Any], at: int) -> str:
    tags = read_tags(given.get("tags", ()))
    control.registry.create(job)
    add_tags(control.registry, job.arn, tags)
    control.begin(job, CREATE, at)
    return job.arn


def _inference(job: BatchInference) -> dict[str, Any]:
    return shown(batchInferenceJobArn=job.arn, batchInferenceJobMode=job.mode, **_of_both(job))


def _segment(job: BatchSegment) -> dict[str, Any]:
    return shown(batchSegmentJobArn=job.arn, **_of_both(job))


def _of_both(job: Batch) -> dict[str, Any]:
    return shown(jobName=job.name, solutionVersionArn=job.version_arn, **state(job))


def _files(job: Batch) -> dict[str, Any]:
    return shown(
        filterArn=job.filter_arn,
        numResults=job.num_results or None,
        roleArn=job.role_arn,
        **job.files,
    )
