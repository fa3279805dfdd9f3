"""Which stream ENDCAP_STREAM names: the one in the shop's folder, or one of Amazon Kinesis; and
where its answers take their candidates."""

from __future__ import annotations

from endcap.bootstrap.places import make
from endcap.bootstrap.vectors import vectors_of
from endcap.control.dataset_groups import folder
from endcap.domain.errors import InvalidInput
from endcap.ports import Documents, Stream, VectorIndex
from endcap.settings import Settings


def stream_of(settings: Settings, group: str, documents: Documents) -> Stream:
    """The stream that ENDCAP_STREAM names. Raises InvalidInput (aws_extra_missing,
    aws_not_configured), Damaged."""
    if settings.stream == "folder":
        from endcap.adapters.stream_folder import FolderStream

        return FolderStream(
            make(folder(settings.home, group) / "stream"),
            shards=settings.stream_shards,
            segment_bytes=int(settings.segment_mb * 2**20),
            retention_hours=settings.stream_retention_hours,
        )
    try:
        from endcap.adapters import kinesis
    except ModuleNotFoundError:
        raise InvalidInput("aws_extra_missing", field="ENDCAP_STREAM") from None
    name = settings.stream.removeprefix("kinesis://")
    return kinesis.KinesisStream(name, kinesis.client(), documents)


def neighbours_of(settings: Settings, group: str) -> VectorIndex | None:
    """Where answers to a stream take their candidates; None: from the model itself. Raises as
    ``vectors_of``."""
    return None if settings.stream_neighbours == "off" else vectors_of(settings, group, "items")


def erase_stream(settings: Settings, group: str, user_id: str) -> int:
    """Of the stream in the shop's folder; what Kinesis holds goes with its retention."""
    from endcap.adapters.stream_folder import FolderStream

    root = folder(settings.home, group) / "stream"
    return FolderStream(root).erase(user_id) if root.exists() else 0
