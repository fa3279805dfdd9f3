"""Which work is begun when, and what becomes of work whose process vanished."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.control.registry.arns import CAMPAIGN, DATASET, GROUP, IMPORT, VERSION, Place
from endcap.control.registry.batches import BatchInference
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.datasets import INTERACTIONS, Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.resource import CREATE, STOP, Resource, Work
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import ACTIVE, FAILED, PENDING, STOPPED, STOPPING
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version
from endcap.domain.errors import NotFound
from endcap.entrypoints.rota import Rota
from endcap.ports import JobState


class JobsInMemory:
    """Jobs that end when the test says so."""

    def __init__(self) -> None:
        self.states: dict[str, JobState] = {}
        self.arns: list[str] = []
        self.stopped: list[str] = []

    def start(self, name: str, arguments: Sequence[str]) -> str:
        job = f"{name}-{len(self.states)}"
        self.states[job] = JobState("running")
        self.arns.append(arguments[0])
        return job

    def poll(self, job_id: str) -> JobState:
        if job_id not in self.states:
            raise NotFound("unknown_job", field="job", value=job_id)
        return self.states[job_id]

    def stop(self, job_id: str) -> None:
        self.stopped.append(job_id)

    def jobs(self) -> list[str]:
        return list(self.states)

    def end(self, status: str, reason: str = "") -> None:
        for job, state in self.states.items():
            if state.status == "running":
                self.states[job] = JobState(status, reason)

    @property
    def begun(self) -> list[str]:
        """Names of the resources for which jobs were begun."""
        return [arn.rsplit("/", 1)[1] for arn in self.arns]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(SqliteDocuments(tmp_path / "control.sqlite"), Place(), lambda n: "0" * n)
    for name in ("one", "two"):
        group = registry.arn(GROUP, name)
        registry.create(Group(arn=group, name=name, shop=name))
        dataset = registry.arn(DATASET, f"{name}/{INTERACTIONS}")
        registry.create(
            Dataset(arn=dataset, name=name, group_arn=group, type=INTERACTIONS, schema_arn="")
        )
    return registry


def imported(registry: Registry, name: str, group: str, at: int) -> str:
    arn = registry.arn(IMPORT, name)
    dataset = registry.arn(DATASET, f"{group}/{INTERACTIONS}")
    job = ImportJob(arn=arn, name=name, status=PENDING, dataset_arn=dataset, location="")
    return asked(registry, job, at)


def asked(registry: Registry, resource: Resource, at: int, action: str = CREATE) -> str:
    registry.create(resource)
    registry.ask(Work(resource.arn, action, at))
    return resource.arn


def test_the_oldest_goes_first_and_of_one_group_one_at_a_time(registry: Registry) -> None:
    jobs = JobsInMemory()
    rota = Rota(registry, jobs, 2)
    for at, (name, group) in enumerate(
        [("c", "one"), ("b", "one"), ("a", "two"), ("d", "two")], start=1
    ):
        imported(registry, name, group, at)
    rota.round(10)
    rota.round(11)
    assert jobs.begun == ["c", "a"]
    registry.done(registry.works()[0])  # the first has done its work
    jobs.states["control-job-0"] = JobState("done")
    rota.round(12)
    assert jobs.begun == ["c", "a", "b"]


def test_no_more_run_than_may(registry: Registry) -> None:
    jobs = JobsInMemory()
    imported(registry, "a", "one", 1)
    imported(registry, "b", "two", 2)
    rota = Rota(registry, jobs, 1)
    rota.round(3)
    rota.round(4)
    assert jobs.begun == ["a"]


def test_batches_of_a_group_run_beside_its_imports(registry: Registry) -> None:
    solution = registry.arn("solution", "mine")
    recipe, group = "arn:aws:personalize:::recipe/aws-sims", registry.arn(GROUP, "one")
    registry.create(Solution(arn=solution, name="mine", group_arn=group, recipe_arn=recipe))
    jobs = JobsInMemory()
    imported(registry, "a", "one", 1)
    batch = BatchInference(
        arn=registry.arn("batch-inference-job", "b"), name="b", status=PENDING,
        version_arn=f"{solution}/00000000", input="", output="",
    )  # fmt: skip
    asked(registry, batch, 2)
    Rota(registry, jobs, 2).round(3)
    assert jobs.begun == ["a", "b"]


def test_work_whose_process_vanished_is_begun_again_and_given_up_the_third_time(
    registry: Registry,
) -> None:
    jobs = JobsInMemory()
    rota = Rota(registry, jobs, 2)
    arn = imported(registry, "a", "one", 1)
    for attempt in (1, 2, 3):
        rota.round(attempt)
        assert jobs.begun == ["a"] * attempt
        assert registry.find(ImportJob, arn).status == PENDING
        jobs.end("failed", "Traceback\nKilled")
    rota.round(9)
    found = registry.find(ImportJob, arn)
    assert (found.status, found.updated_at) == (FAILED, 9)
    assert "ended 3 times" in found.failure_reason
    assert "Killed" in found.failure_reason
    assert registry.works() == []
    assert len(jobs.begun) == 3


def test_a_job_that_nobody_knows_any_more_has_vanished(registry: Registry) -> None:
    imported(registry, "a", "one", 1)
    Rota(registry, JobsInMemory(), 2).round(2)
    jobs = JobsInMemory()  # their folder is gone
    rota = Rota(registry, jobs, 2)
    rota.round(3)
    assert jobs.begun == ["a"]


def test_training_stops_when_its_process_has_ended(registry: Registry) -> None:
    jobs = JobsInMemory()
    rota = Rota(registry, jobs, 2)
    group = registry.arn(GROUP, "one")
    version = Version(
        arn=registry.arn(VERSION, "mine/00000000"), name="", status=PENDING,
        solution_arn=registry.arn("solution", "mine"), group_arn=group, recipe_arn="",
    )  # fmt: skip
    arn = asked(registry, version, 1)
    rota.round(2)
    registry.move(Version, arn, 3, STOPPING)
    registry.ask(Work(arn, STOP, 3))
    rota.round(4)
    assert jobs.stopped == ["control-job-0"]
    assert registry.find(Version, arn).status == STOPPING
    jobs.end("stopped")
    rota.round(5)
    assert registry.find(Version, arn).status == STOPPED
    assert registry.works() == []
    assert len(jobs.begun) == 1


def test_what_is_a_status_alone_needs_no_process(registry: Registry) -> None:
    jobs = JobsInMemory()
    campaign = Campaign(
        arn=registry.arn(CAMPAIGN, "mine"), name="mine", status=PENDING, version_arn=""
    )
    arn = asked(registry, campaign, 1)
    Rota(registry, jobs, 2).round(2)
    assert registry.find(Campaign, arn).status == ACTIVE
    assert jobs.begun == []


def test_work_of_another_region_is_done_as_well(registry: Registry) -> None:
    elsewhere = registry.elsewhere(Place(region="eu-west-1"))
    campaign = Campaign(
        arn=elsewhere.arn(CAMPAIGN, "mine"), name="mine", status=PENDING, version_arn=""
    )
    arn = asked(elsewhere, campaign, 1)
    Rota(registry, JobsInMemory(), 2).round(2)
    assert elsewhere.find(Campaign, arn).status == ACTIVE
