"""Snapshots: what they hold, and the two ways to make one."""

from endcap.engine.snapshot_folder import Snapshot, SnapshotMeta
from endcap.engine.snapshot_lake import build_snapshot
from endcap.engine.snapshot_merge import extend_snapshot

__all__ = ["Snapshot", "SnapshotMeta", "build_snapshot", "extend_snapshot"]
