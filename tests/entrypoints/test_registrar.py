"""A running server does the work that the registry asks for, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from endcap.bootstrap import open_shop
from endcap.bootstrap.control import open_control
from endcap.control.registry.arns import (
    BATCH_INFERENCE,
    DATASET,
    GROUP,
    IMPORT,
    RECIPE,
    SCHEMA,
    SOLUTION,
    VERSION,
)
from endcap.control.registry.batches import BatchInference
from endcap.control.registry.control import Control
from endcap.control.registry.datasets import INTERACTIONS, Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.resource import CREATE, STOP, Resource, Work
from endcap.control.registry.schemas import Schema
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import (
    ACTIVE,
    FAILED,
    IN_PROGRESS,
    PENDING,
    SETTLED,
    STOPPED,
    STOPPING,
)
from endcap.control.registry.versions import Version
from endcap.settings import load_settings

pytestmark = pytest.mark.server

COLUMNS = {"USER_ID": "string", "ITEM_ID": "string", "TIMESTAMP": "long"}


def plane(home: Path) -> Control:
    """A registry with one group and its interactions."""
    control = open_control(load_settings({"ENDCAP_HOME": str(home)}))
    registry = control.registry
    fields = [{"name": name, "type": kind} for name, kind in COLUMNS.items()]
    text = json.dumps({"type": "record", "name": "Interactions", "fields": fields})
    group, schema = registry.arn(GROUP, "other"), registry.arn(SCHEMA, "events")
    dataset = registry.arn(DATASET, "other/INTERACTIONS")
    registry.create(Group(arn=group, name="other", shop="other"))
    registry.create(Schema(arn=schema, name="events", schema=text))
    registry.create(
        Dataset(arn=dataset, name="d", group_arn=group, type=INTERACTIONS, schema_arn=schema)
    )
    return control


def write(path: Path, rows: int) -> str:
    lines = (f"u{n % 997},i{n % 101},{1_600_000_000 + n}\n" for n in range(rows))
    path.write_text("USER_ID,ITEM_ID,TIMESTAMP\n" + "".join(lines))
    return f"file://{path}"


def ask(control: Control, name: str, location: str) -> str:
    arn = control.registry.arn(IMPORT, name)
    dataset = control.registry.arn(DATASET, "other/INTERACTIONS")
    job = ImportJob(arn=arn, name=name, status=PENDING, dataset_arn=dataset, location=location)
    control.registry.create(job)
    control.registry.ask(Work(arn, CREATE, time.time_ns() // 1000))
    control.wake()
    return arn


def until(
    control: Control, shape: type[Resource], arn: str, ready: Callable[[Any], bool], s: float = 60
) -> Any:
    deadline = time.monotonic() + s
    while time.monotonic() < deadline:
        found = control.registry.find(shape, arn)
        if ready(found):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def settled(resource: Resource) -> bool:
    return resource.status in SETTLED


def events(home: Path) -> int:
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}), "other")
    with shop.lake.connect() as connection:
        found = connection.execute("SELECT count(*) FROM events").fetchone()
    assert found is not None
    return int(found[0])


def test_an_import_is_done_by_a_running_server(serve: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    server = serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path))
    control = plane(home)
    arn = ask(control, "one", write(tmp_path / "one.csv", 1000))
    done = until(control, ImportJob, arn, settled)
    assert (done.status, done.failure_reason, done.rows) == (ACTIVE, "", 1000)
    assert events(home) == 1000
    bad = ask(control, "two", f"file://{tmp_path}/nothing.csv")
    failed = until(control, ImportJob, bad, settled)
    assert failed.status == FAILED
    assert "nothing.csv" in failed.failure_reason
    until(control, ImportJob, bad, lambda _: control.registry.works() == [])
    assert len(server.children("registra")) == 1


def test_what_was_asked_while_no_server_ran_is_done_by_the_next(serve: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    control = plane(home)
    arn = ask(control, "one", write(tmp_path / "one.csv", 10))
    serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path))
    assert until(control, ImportJob, arn, settled).status == ACTIVE


def train(control: Control, key: str) -> str:
    """Ask for a version of a solution of ``other``; its ARN."""
    registry = control.registry
    solution, group = registry.arn(SOLUTION, "mine"), registry.arn(GROUP, "other")
    recipe = registry.arn(RECIPE, "aws-user-personalization")
    if registry.get(Solution, solution) is None:
        registry.create(Solution(arn=solution, name="mine", group_arn=group, recipe_arn=recipe))
    arn = registry.arn(VERSION, f"mine/{key}")
    registry.create(
        Version(
            arn=arn,
            name="",
            status=PENDING,
            solution_arn=solution,
            group_arn=group,
            recipe_arn=recipe,
        )
    )
    registry.ask(Work(arn, CREATE, time.time_ns() // 1000))
    control.wake()
    return arn


def test_training_that_is_killed_is_done_again_and_can_be_stopped(
    serve: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path), ENDCAP_SOLUTION_SEARCH_S="0")
    control = plane(home)
    first = ask(control, "one", write(tmp_path / "one.csv", 5000))
    assert until(control, ImportJob, first, settled).status == ACTIVE
    arn = train(control, "00000001")
    until(control, Version, arn, lambda version: version.status == IN_PROGRESS)
    assert kill_job(arn)
    trained = until(control, Version, arn, settled, 200)
    assert (trained.status, trained.failure_reason) == (ACTIVE, "")
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}), "other")
    assert shop.artifacts.names("models") == [trained.model]
    stopped = train(control, "00000002")
    until(control, Version, stopped, lambda version: version.status == IN_PROGRESS)
    control.registry.move(Version, stopped, 0, STOPPING)
    control.registry.ask(Work(stopped, STOP, time.time_ns() // 1000))
    control.wake()
    assert until(control, Version, stopped, settled).status == STOPPED
    assert job_processes(stopped) == []
    assert shop.artifacts.names("models") == [trained.model]


def job_processes(arn: str) -> list[int]:
    """Processes that are at the work for this ARN, with those that watch over them."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
        except (OSError, UnicodeDecodeError):
            continue
        if arn in words:
            found.append(int(entry.name))
    return found


def kill_job(arn: str) -> int:
    """SIGKILL to the job's processes; how many there were."""
    found = job_processes(arn)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def at_work(job: ImportJob) -> bool:
    return job.status == IN_PROGRESS


@pytest.mark.parametrize("pause_s", [0.0, 0.6])
def test_an_import_whose_process_is_killed_is_done_by_another(
    serve: Any, tmp_path: Path, pause_s: float
) -> None:
    home = tmp_path / "home"
    serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path))
    control = plane(home)
    arn = ask(control, "one", write(tmp_path / "one.csv", 100_000))
    until(control, ImportJob, arn, at_work)
    time.sleep(pause_s)
    assert kill_job(arn)
    done = until(control, ImportJob, arn, settled)
    assert (done.status, done.rows) == (ACTIVE, 100_000)
    assert events(home) == 100_000


def test_after_everything_is_killed_the_next_server_ends_the_import(
    serve: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    server = serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path))
    control = plane(home)
    arn = ask(control, "one", write(tmp_path / "one.csv", 100_000))
    until(control, ImportJob, arn, at_work)
    server.kill_everything()
    kill_job(arn)
    serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path))
    done = until(control, ImportJob, arn, settled)
    assert (done.status, done.rows) == (ACTIVE, 100_000)
    assert events(home) == 100_000


def test_work_that_kills_its_process_fails_with_a_reason(serve: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path))
    control = plane(home)
    arn = ask(control, "one", write(tmp_path / "one.csv", 200_000))
    killed, deadline = 0, time.monotonic() + 60
    while killed < 3 and time.monotonic() < deadline:
        works = control.registry.works()
        if works and works[0].attempts > killed and kill_job(arn):
            killed += 1
        time.sleep(0.02)
    failed = until(control, ImportJob, arn, settled)
    assert failed.status == FAILED
    assert "ended 3 times" in failed.failure_reason
    assert events(home) == 0
    again = ask(control, "two", f"file://{tmp_path}/one.csv")
    assert until(control, ImportJob, again, settled).status == ACTIVE
    assert events(home) == 200_000


def batch(control: Control, version: str, folder: Path) -> str:
    """Ask for answers to the users of ``asked.json``; the job's ARN."""
    arn = control.registry.arn(BATCH_INFERENCE, "b")
    control.registry.create(
        BatchInference(
            arn=arn, name="b", status=PENDING, version_arn=version,
            input=f"file://{folder}/asked.json", output=f"file://{folder}/out",
        )
    )  # fmt: skip
    control.registry.ask(Work(arn, CREATE, time.time_ns() // 1000))
    control.wake()
    return arn


def test_a_batch_job_that_is_killed_answers_every_line_once(serve: Any, tmp_path: Path) -> None:
    home, lines = tmp_path / "home", 30_000
    serve(home, workers=1, ENDCAP_IMPORT_ROOTS=str(tmp_path), ENDCAP_SOLUTION_SEARCH_S="0")
    control = plane(home)
    first = ask(control, "one", write(tmp_path / "one.csv", 5000))
    assert until(control, ImportJob, first, settled).status == ACTIVE
    version = train(control, "00000001")
    assert until(control, Version, version, settled, 200).status == ACTIVE
    asked = [json.dumps({"userId": f"u{n % 997}"}) for n in range(lines)]
    (tmp_path / "asked.json").write_text("\n".join(asked))
    arn = batch(control, version, tmp_path)
    staging = home / "groups" / "other" / "lake" / "staging"
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in staging.glob("batch-*/asked.json.out")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert kill_job(arn)
    assert not (tmp_path / "out").exists()  # nothing half-made is to be seen
    done = until(control, BatchInference, arn, settled, 200)
    assert (done.status, done.done, done.failed) == (ACTIVE, lines, 0)
    answers = (tmp_path / "out" / "asked.json.out").read_text().splitlines()
    assert [json.dumps(json.loads(line)["input"]) for line in answers] == asked
    assert all(json.loads(line)["output"]["recommendedItems"] for line in answers)
