"""Import jobs: files into a dataset."""

from __future__ import annotations

from typing import ClassVar

from endcap.control.registry.arns import IMPORT
from endcap.control.registry.resource import Resource

FULL, INCREMENTAL = "FULL", "INCREMENTAL"
MODES = (FULL, INCREMENTAL)


class ImportJob(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = IMPORT

    dataset_arn: str
    location: str  # s3://… or file://…: a file, or a folder of files
    mode: str = FULL
    role_arn: str = ""
    publish_attribution: bool = False
    rows: int = 0  # that were taken in; known when it has ended
    refused: int = 0  # rows that could not be
