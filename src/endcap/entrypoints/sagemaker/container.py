"""The folders of a training container, as Amazon SageMaker lays them out below /opt/ml.

Source: "How Amazon SageMaker Provides Training Information", Amazon SageMaker developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from endcap.data.sources import Source
from endcap.domain.errors import InvalidInput, NotFound

ROOT = Path("/opt/ml")
MOST_FAILURE = 1024  # characters of the reason that SageMaker keeps
# Channel → table of its files. The channel TOGETHER holds users.*, items.*, interactions.*.
CHANNELS = {"users": "users", "items": "items", "interactions": "events", "events": "events"}
TOGETHER = ("training", "train")
NAMES = {"users": "users", "items": "items", "interactions": "events"}
_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Container:
    root: Path = ROOT

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def config(self, name: str) -> dict[str, Any]:
        """input/config/NAME.json; empty where there is none. Raises InvalidInput (bad_config)."""
        path = self.root / "input" / "config" / f"{name}.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        except FileNotFoundError:
            return {}
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidInput("bad_config", field=path.name, reason=str(error)) from None

    def only_host(self) -> None:
        """Raises InvalidInput (one_instance_only): the events would be cut into parts."""
        hosts = self.config("resourceconfig").get("hosts", ())
        if len(hosts) > 1:
            raise InvalidInput("one_instance_only", field="InstanceCount", value=len(hosts))

    def channels(self) -> dict[str, Path]:
        """The folder of each channel by name, those that the job was given.

        Raises InvalidInput (unknown_channel, bad_channel_mode), NotFound (no_channel).
        """
        told: Mapping[str, Any] = self.config("inputdataconfig")
        data = self.root / "input" / "data"
        there = sorted(p.name for p in data.iterdir() if p.is_dir()) if data.is_dir() else []
        permitted = (*CHANNELS, *TOGETHER)
        for name in told or there:
            if name not in permitted:
                listed = ", ".join(permitted)
                raise InvalidInput("unknown_channel", value=name, permitted=listed)
            mode = (told.get(name) or {}).get("TrainingInputMode", "File")
            if mode not in ("File", "FastFile"):
                raise InvalidInput("bad_channel_mode", field=name, value=mode)
        found = {name: data / name for name in told or there}
        for name, folder in found.items():
            if not folder.is_dir():
                raise NotFound("no_channel", value=name)
        return found

    def fail(self, reason: str) -> None:
        """Leave why the job failed, where SageMaker looks for it."""
        folder = self.root / "output"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "failure").write_text(reason[:MOST_FAILURE], encoding="utf-8")


def sources_of(channels: Mapping[str, Path]) -> list[Source]:
    """What is imported of the channels. Raises NotFound (no_channel): there are no events."""
    found = [
        Source(CHANNELS[name], str(path)) for name, path in channels.items() if name in CHANNELS
    ]
    for name in TOGETHER:
        if name in channels:
            found += [
                Source(table, str(path))
                for stem, table in NAMES.items()
                for path in sorted(channels[name].glob(f"{stem}.*"))
            ]
    if not any(source.table == "events" for source in found):
        raise NotFound("no_channel", value="interactions")
    return found


def digest_of(folder: Path) -> dict[str, Any]:
    """How much a channel holds, and a SHA-256 over the names and contents of its files: what a
    version says of the data that it learnt from."""
    whole, size, count = sha256(), 0, 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        one = sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                one.update(chunk)
                size += len(chunk)
        whole.update(path.relative_to(folder).as_posix().encode() + b"\0" + one.digest())
        count += 1
    return {"files": count, "bytes": size, "sha256": whole.hexdigest()}
