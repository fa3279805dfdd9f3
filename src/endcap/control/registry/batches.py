"""Batch jobs: recommendations for many users, or the users for an item, from file to file."""

from __future__ import annotations

from typing import Any, ClassVar

from endcap.control.registry.arns import BATCH_INFERENCE, BATCH_SEGMENT
from endcap.control.registry.resource import Resource


class Batch(Resource, frozen=True, kw_only=True, omit_defaults=True):
    version_arn: str
    input: str  # s3://… or file://…
    output: str  # a folder there
    files: dict[str, Any] = {}  # ``jobInput`` and ``jobOutput`` as they came
    role_arn: str = ""
    filter_arn: str = ""
    num_results: int = 0  # 0: as many as the API's default
    done: int = 0  # lines answered; known when it has ended
    failed: int = 0  # lines with an error of their own


class BatchInference(Batch, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = BATCH_INFERENCE

    config: dict[str, Any] = {}  # ``batchInferenceJobConfig`` as it came
    mode: str = "BATCH_INFERENCE"


class BatchSegment(Batch, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = BATCH_SEGMENT
