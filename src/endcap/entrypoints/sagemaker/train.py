"""The training job: ``train`` in the container of Amazon SageMaker.

Channels with files of events become a version like one of ``endcap train``, written to
/opt/ml/model; or a reserved version of the shop that the ENDCAP_… variables name is trained, as the
nightly pipeline asks for it. SIGTERM, as before a spot instance goes, ends the job; what was done
lies in /opt/ml/checkpoints, and the next job goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec

from endcap.domain.errors import Conflict, EndcapError, InvalidInput, NotFound
from endcap.domain.messages import MESSAGES
from endcap.entrypoints.sagemaker.container import ROOT, Container, digest_of, sources_of
from endcap.entrypoints.sagemaker.hyperparameters import Chosen, read
from endcap.settings import load_settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.control.solution_versions import SolutionVersion
    from endcap.data.importer import Progress

MENDABLE = (InvalidInput, NotFound, Conflict)
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 128 + signal.SIGTERM
# Errors whose values come from the job's own description; all others may quote a row of the data.
OPEN = ("bad_config", "bad_channel_mode", "bad_hyperparameter", "hyperparameter_missing",
        "no_channel", "one_instance_only", "unknown_channel", "unknown_hyperparameter",
        "unknown_version", "lake_version_gone")  # fmt: skip
LEAST_S, LEAST_SHARE = 1.0, 0.05  # between two lines of one stage


class Interrupted(BaseException):
    """The job was asked to end."""


class Teller:
    """Lines that a metric definition of CloudWatch can parse. They name no user and no item."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = ("", 0.0, -LEAST_S)
        self.ended = False

    def progress(self, stage: str, share: float) -> None:
        """Raises Interrupted where the job was asked to end and something swallowed that."""
        if self.ended:
            raise Interrupted
        now = time.monotonic() - self._began
        before, told, at = self._last
        if stage == before and (share - told < LEAST_SHARE or now - at < LEAST_S):
            return
        self._last = (stage, share, now)
        self.say(f'progress={share:.3f} stage="{stage}" seconds={now:.1f}')

    def imported(self, made: Progress) -> None:
        self.progress(f"import: {made.phase}", made.bytes_done / max(made.bytes_total, 1))

    def metric(self, name: str, value: float) -> None:
        self.say(f"metric {name}={value:.6f}")

    def say(self, line: str) -> None:
        print(f"endcap {line}", flush=True)  # noqa: T201


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m endcap.entrypoints.sagemaker train")
    parser.add_argument("--root", type=Path, default=ROOT)
    container, teller = Container(parser.parse_args(words).root), Teller()
    try:
        with interruptible(teller):
            train(container, teller, os.environ)
    except Interrupted:
        reason = "interrupted; a job with the same input and checkpoints goes on where this was"
        return ended(container, reason, INTERRUPTED)
    except EndcapError as error:
        return ended(container, told(error), BAD_INPUT if isinstance(error, MENDABLE) else FAILED)
    except Exception as error:  # its text may quote the data
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        return ended(container, f"unexpected {type(error).__name__} in {where}", FAILED)
    return DONE


def ended(container: Container, reason: str, code: int) -> int:
    print(f"error: {reason}", file=sys.stderr, flush=True)  # noqa: T201
    container.fail(reason)
    return code


def told(error: EndcapError) -> str:
    """The error's code and sentence; what may come from the data is left out."""
    if error.code in OPEN:
        return f"{error.code}: {error}"
    facts = {name: v if isinstance(v, int | float) else "…" for name, v in error.facts.items()}
    return f"{error.code}: {MESSAGES[error.code].format(field='…', value='…', **facts)}"


@contextmanager
def interruptible(teller: Teller) -> Iterator[None]:
    """SIGTERM inside raises Interrupted."""

    def end(_: int, __: FrameType | None) -> None:
        teller.ended = True
        raise Interrupted

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def train(container: Container, teller: Teller, environment: Mapping[str, str]) -> None:
    """The whole job. Raises what the readers of the container, the import and training raise."""
    container.only_host()
    chosen = read(container.config("hyperparameters"))
    teller.progress("begin", 0.0)
    with tempfile.TemporaryDirectory(prefix="endcap-") as scratch:
        run = of_shop if chosen.version else of_files
        shop, version = run(container, chosen, teller, environment, Path(scratch))
        write(container, shop, version)
    for name, value in {**version.metrics, **ranker_metrics(version)}.items():
        teller.metric(name, value)
    teller.progress("done", 1.0)


def of_files(
    container: Container,
    chosen: Chosen,
    teller: Teller,
    environment: Mapping[str, str],
    scratch: Path,
) -> tuple[Shop, SolutionVersion]:
    """A version of a shop that is made of the channels and goes again."""
    channels = container.channels()
    sources, mapping = sources_of(channels), chosen.mapping
    options = chosen.options(time.time_ns() // 1000)
    data = {name: digest_of(folder) for name, folder in channels.items()}
    settings = load_settings(
        {}, home=scratch, seed=chosen.seed, threads=chosen.threads, memory_mb=chosen.memory_mb
    )
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    from endcap.app.training import train_reserved
    from endcap.control import solution_versions
    from endcap.data.importer import import_files
    from endcap.entrypoints.sagemaker.checkpoints import Checkpoints

    shop = open_shop(settings)
    kept = Checkpoints(container.checkpoints, fingerprint(data, chosen), teller.progress)
    kept.lake(
        shop.lake.root,
        lambda: show(import_files(shop.lake, sources, mapping, options, teller.imported), teller),
    )
    reserved = solution_versions.reserve(shop.documents, options.at)
    version = train_reserved(
        shop, reserved.name, shop.lake.manifest().version, progress=teller.progress,
        budget_s=chosen.budget_s, ranker=chosen.ranker, keep=kept.recipe,
        trained={**trained_by(container, environment), "data": data},
    )  # fmt: skip
    return shop, version


def of_shop(
    container: Container,
    chosen: Chosen,
    teller: Teller,
    environment: Mapping[str, str],
    scratch: Path,
) -> tuple[Shop, SolutionVersion]:
    """The reserved version of the shop that the ENDCAP_… variables name, in its own stores."""
    from endcap.adapters.parameters import resolved
    from endcap.bootstrap import open_shop, prepare_kernels

    home = None if environment.get("ENDCAP_HOME") else scratch
    settings = load_settings(resolved(environment), home=home)
    prepare_kernels(settings)
    from endcap.app.training import train_reserved
    from endcap.entrypoints.sagemaker.checkpoints import Checkpoints

    shop = open_shop(settings)
    known = {"shop": [settings.lake, shop.group], "seed": settings.seed}
    kept = Checkpoints(container.checkpoints, fingerprint(known, chosen), teller.progress)
    version = train_reserved(
        shop, chosen.version, chosen.lake_version, progress=teller.progress,
        budget_s=chosen.budget_s, ranker=chosen.ranker, keep=kept.recipe,
        trained=trained_by(container, environment),
    )  # fmt: skip
    return shop, version


def fingerprint(data: Any, chosen: Chosen) -> str:
    """Of all that decides what comes out: data, hyper-parameters and the code itself."""
    from endcap.app.lineage import code_digest

    asked = [data, msgspec.to_builtins(chosen), code_digest()]
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def trained_by(container: Container, environment: Mapping[str, str]) -> dict[str, Any]:
    instance = container.config("resourceconfig").get("current_instance_type", "")
    job = environment.get("TRAINING_JOB_NAME", "")
    return {"by": "sagemaker", "job": job, "instance": instance}


def show(report: Any, teller: Teller) -> None:
    """How many rows of each table were taken."""
    for name, table in report.tables.items():
        counts = f"accepted={table.accepted} rejected={table.rejected} repeats={table.repeats}"
        teller.say(f"import table={name} {counts}")


def write(container: Container, shop: Shop, version: SolutionVersion) -> None:
    from endcap.app.packing import MODEL, RANKER, pack

    container.model.mkdir(parents=True, exist_ok=True)
    for part in (MODEL, RANKER):
        shutil.rmtree(container.model / part, ignore_errors=True)
    pack(shop, version.name, container.model)


def ranker_metrics(version: SolutionVersion) -> dict[str, float]:
    """What the ranker's training found out, by the names that the documentation lists."""
    found: Callable[[str], Any] = dict(version.info.get("ranker", {})).get
    ndcg = dict(found("ndcg@20") or {})
    named = {f"ranker_ndcg@20:{order}": value for order, value in ndcg.items()}
    named |= {"ranker_brier": found("brier"), "ranker_calibration": found("calibration_error")}
    return {name: float(value) for name, value in named.items() if value is not None}


if __name__ == "__main__":
    sys.exit(main())
