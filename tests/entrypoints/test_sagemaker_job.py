"""A training job as SageMaker runs it: a process over its folders, from files to a version that a
shop takes in; interrupted, and gone on with."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.model_archive import pack_archive
from endcap.entrypoints.sagemaker.train import BAD_INPUT, INTERRUPTED

BUDGET = "8"  # enough for a ranker, of this many events

pytestmark = [pytest.mark.server, pytest.mark.timeout(1800)]


@dataclass
class Job:
    root: Path

    def start(self, **settings: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ENDCAP_")}
        words = ["-m", "endcap.entrypoints.sagemaker", "train", "--root", str(self.root)]
        return subprocess.Popen(
            [sys.executable, *words], env={**kept, "TRAINING_JOB_NAME": "endcap-1", **settings},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def run(self, **settings: str) -> tuple[int, str]:
        """(exit code, what it printed)."""
        process = self.start(**settings)
        printed, _ = process.communicate()
        return process.returncode, printed

    @property
    def files(self) -> dict[str, Any]:
        """Sizes and checksums of what came out."""
        known: dict[str, Any] = self.version["files"]
        return known

    @property
    def version(self) -> dict[str, Any]:
        known: dict[str, Any] = json.loads((self.root / "model" / "version.json").read_text())
        return known

    def failure(self) -> str:
        return (self.root / "output" / "failure").read_text()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's files."""
    from endcap.data.synthetic.generate import generate
    from endcap.data.synthetic.plan import Plan

    folder = tmp_path_factory.mktemp("files")
    generate(
        Plan(users=300, items=100, events=14_000, days=60, seed=5, start_s=1_735_689_600), folder
    )
    return folder


def prepared(root: Path, files: Path, **hyperparameters: str) -> Job:
    """The folders of a job with one channel and checkpoints."""
    (root / "input" / "config").mkdir(parents=True)
    shutil.copytree(files, root / "input" / "data" / "training")
    (root / "checkpoints").mkdir()
    config = {
        "hyperparameters": {"budget_s": BUDGET, "threads": "1", **hyperparameters},
        "inputdataconfig": {"training": {"TrainingInputMode": "File"}},
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"],
                           "current_instance_type": "ml.m5.large"},
    }  # fmt: skip
    for name, value in config.items():
        (root / "input" / "config" / f"{name}.json").write_text(json.dumps(value))
    return Job(root)


@pytest.fixture(scope="module")
def done(files: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, str]:
    """A job that has run, and what it printed."""
    job = prepared(tmp_path_factory.mktemp("ml") / "ml", files)
    code, printed = job.run()
    assert code == 0, printed
    return job, printed


def test_metrics_are_printed_and_nobody_is_named(done: tuple[Job, str]) -> None:
    job, printed = done
    metrics = dict(re.findall(r"^endcap metric (\S+)=([0-9.e+-]+)$", printed, re.MULTILINE))
    version = job.version["version"]
    assert version["metrics"]
    for name, value in version["metrics"].items():
        assert float(metrics[name]) == pytest.approx(value, abs=1e-6)
    assert {"ranker_ndcg@20:recipe", "ranker_brier"} <= set(metrics)
    shares = [float(s) for s in re.findall(r"^endcap progress=([0-9.]+)", printed, re.MULTILINE)]
    assert shares[-1] == 1.0
    ids = re.compile(r"\b(user|u|item|i)[-_]?\d{2,}")
    assert not ids.search(printed)


def test_the_lineage_names_job_and_data(done: tuple[Job, str], files: Path) -> None:
    trained = done[0].version["version"]["lineage"]["trained"]
    data = trained.pop("data")
    assert trained == {"by": "sagemaker", "job": "endcap-1", "instance": "ml.m5.large"}
    assert data["training"]["files"] == len([p for p in files.rglob("*") if p.is_file()])
    assert len(data["training"]["sha256"]) == 64


def test_a_shop_takes_the_version_in(
    done: tuple[Job, str], files: Path, tmp_path: Path, endcap: Callable[..., Any]
) -> None:
    """And it is the one that `endcap train` makes there of the same events."""
    archive = tmp_path / "model.tar.gz"
    pack_archive(done[0].root / "model", archive)
    endcap("import", str(files))
    endcap("train", "--budget", BUDGET, "--no-promote", ENDCAP_THREADS="1")
    told = endcap("versions", "register", str(archive), "--json", check=False)
    version = json.loads(told.stdout)
    assert (version["name"], version["status"]) == ("v0002", "active")
    assert told.returncode == (3 if version["gate"]["outcome"] == "refused" else 0)
    home = tmp_path / "home" / "groups" / "default" / "artifacts"
    for kind in ("models", "rankers"):
        first, second = (arrays(home / kind / name) for name in ("v0001", "v0002"))
        assert first == second
        assert first
    back = json.loads(endcap("rollback", "v0001", "--json").stdout)
    assert back["version"] == "v0001"
    shown = json.loads(endcap("versions", "show", "v0002", "--json").stdout)
    assert shown["lineage"]["registered"]["from"] == "v0001"
    assert shown["lineage"]["trained"]["job"] == "endcap-1"
    assert "trained.data.training.sha256" in endcap("versions", "show", "v0002").stdout
    endcap("versions", "pack", "v0002", str(tmp_path / "again.tar.gz"))
    assert (tmp_path / "again.tar.gz").stat().st_size > 1000


def arrays(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.npy"))}


def test_an_interrupted_job_goes_on_where_it_was(
    done: tuple[Job, str], files: Path, tmp_path: Path
) -> None:
    job = prepared(tmp_path / "ml", files)
    process = job.start()
    assert process.stdout is not None
    for line in process.stdout:
        if 'stage="reading the lake"' in line:
            process.send_signal(signal.SIGTERM)
            break
    rest = process.communicate()[0]
    assert process.returncode == INTERRUPTED, rest
    assert job.failure().startswith("interrupted")
    assert not (job.root / "model" / "version.json").exists()
    code, printed = job.run()
    assert code == 0, printed
    assert "the import of an earlier run is taken up" in printed
    assert "endcap import table" not in printed
    assert job.files == done[0].files


def test_a_recipe_that_was_fitted_is_not_fitted_again(
    done: tuple[Job, str], files: Path, tmp_path: Path
) -> None:
    job = prepared(tmp_path / "ml", files)
    shutil.copytree(done[0].root / "checkpoints", job.root / "checkpoints", dirs_exist_ok=True)
    code, printed = job.run()
    assert code == 0, printed
    assert "the recipe of an earlier run is taken up" in printed
    assert job.files == done[0].files


def test_checkpoints_of_other_data_or_cut_short_are_not_taken_up(
    done: tuple[Job, str], files: Path, tmp_path: Path
) -> None:
    job = prepared(tmp_path / "ml", files, seed="9", ranker="false")
    kept = job.root / "checkpoints"
    shutil.copytree(done[0].root / "checkpoints", kept, dirs_exist_ok=True)
    code, printed = job.run()
    assert code == 0, printed
    assert "taken up" not in printed
    assert "ranker" not in {Path(name).parts[0] for name in job.files}
    assert len(list((kept / "recipe").iterdir())) == 2
    for folder in (kept / "recipe").iterdir():
        (folder / "prior.npy").unlink()
    for folder in (kept / "lake").iterdir():
        next(folder.rglob("*.parquet")).unlink()
    code, printed = job.run()
    assert code == 0, printed
    assert "taken up" not in printed


def test_a_reserved_version_of_a_shop_is_trained_in_its_registry(
    board: Any, tmp_path: Path
) -> None:
    """As the nightly state machine asks for it."""
    from endcap.app.compaction import settle
    from endcap.app.training import judge_trained, register
    from endcap.control import solution_versions

    settle(board.shop, board.at)
    lake = board.shop.lake.manifest().version
    name = solution_versions.reserve(board.shop.documents, board.at).name
    asked = {"version": name, "lake_version": str(lake), "budget_s": "0.1", "ranker": "false"}
    (tmp_path / "ml" / "input" / "config").mkdir(parents=True)
    (tmp_path / "ml" / "input" / "config" / "hyperparameters.json").write_text(json.dumps(asked))
    job = Job(tmp_path / "ml")
    code, printed = job.run(ENDCAP_HOME=str(board.home))
    assert code == 0, printed
    known = solution_versions.version(board.shop.documents, name)
    assert (known.status, known.lineage["parent"]) == ("trained", "v0001")
    assert known.lineage["trained"]["by"] == "sagemaker"
    assert job.version["version"]["name"] == name
    assert judge_trained(board.shop, name, progress=lambda *_: None).gate is not None
    assert register(board.shop, name).status == "active"
    gone = {**asked, "version": "v0099"}
    (job.root / "input" / "config" / "hyperparameters.json").write_text(json.dumps(gone))
    code, printed = job.run(ENDCAP_HOME=str(board.home))
    assert (code, job.failure()[:15]) == (BAD_INPUT, "unknown_version")


def test_bad_rows_are_counted_and_not_quoted(files: Path, tmp_path: Path) -> None:
    job = prepared(tmp_path / "ml", files)
    data = job.root / "input" / "data" / "training"
    for path in data.glob("interactions.*"):
        path.unlink()
    rows = ["user_id,item_id,event_type,timestamp"]
    rows += [f"maria-{n},hammer,view,yesterday" for n in range(50)]
    (data / "interactions.csv").write_text("\n".join(rows))
    code, printed = job.run()
    assert code == BAD_INPUT, printed
    assert "maria" not in printed + job.failure()
    assert "rejected=50" in printed
    assert job.failure().startswith("nothing_to_train_on")
