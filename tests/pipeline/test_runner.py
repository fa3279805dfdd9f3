"""Steps run in order, resume after a failure, retry, and stop with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.pipeline.runner import DONE, FAILED, STOPPED, Run, find_run, run_steps, runs
from endcap.pipeline.steps import Facts, Retry, Step, check


@pytest.fixture
def documents(tmp_path: Path) -> SqliteDocuments:
    return SqliteDocuments(tmp_path / "documents.sqlite")


def give(name: str, value: int) -> Step:
    return Step(name, lambda facts: {name: value}, outputs=(name,))


def begin() -> Run:
    return Run("20250101-0001", "running", 0, facts={"argument": 1})


def test_each_step_sees_what_earlier_ones_gave(documents: SqliteDocuments) -> None:
    add = Step("sum", lambda f: {"sum": f["a"] + f["b"] + f["argument"]}, ("a", "b"), ("sum",))
    run = run_steps((give("a", 2), give("b", 3), add), begin(), documents, sleep=print)
    assert run.facts["sum"] == 6
    assert run.status == DONE
    assert find_run(documents, run.run_id) == run
    assert runs(documents) == [run]


def test_a_failed_run_resumes_behind_the_last_step_that_ended_well(
    documents: SqliteDocuments,
) -> None:
    counted: list[str] = []
    broken = True

    def count(name: str) -> Step:
        def work(facts: Facts) -> Facts:
            counted.append(name)
            if name == "second" and broken:
                raise OSError("no disk")
            return {}

        return Step(name, work)

    steps = (count("first"), count("second"), count("third"))
    with pytest.raises(OSError, match="no disk"):
        run_steps(steps, begin(), documents, sleep=print)
    failed = find_run(documents, begin().run_id)
    assert failed is not None
    assert (failed.status, failed.step, failed.reason) == (FAILED, "second", "no disk")
    broken = False
    assert run_steps(steps, failed, documents, sleep=print).status == DONE
    assert counted == ["first", "second", "second", "third"]


def test_a_step_is_tried_again_with_growing_waits(documents: SqliteDocuments) -> None:
    waits: list[float] = []
    tries = 0

    def work(facts: Facts) -> Facts:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OSError("busy")
        return {"tries": tries}

    steps = (Step("shaky", work, outputs=("tries",), retry=Retry(3, 0.5)),)
    assert run_steps(steps, begin(), documents, sleep=waits.append).facts["tries"] == 3
    assert waits == [0.5, 1.0]


def test_a_gate_stops_the_run_with_its_reason(documents: SqliteDocuments) -> None:
    gate = Step("gate", lambda f: {}, stop=lambda f: "worse than what serves")
    never = Step("deploy", lambda f: pytest.fail("a stopped run went on"))
    run = run_steps((gate, never), begin(), documents, sleep=print)
    assert (run.status, run.step, run.reason) == (STOPPED, "gate", "worse than what serves")


def test_a_missing_input_is_found_before_anything_runs() -> None:
    with pytest.raises(ValueError, match=r"step b needs \['a'\]"):
        check((Step("b", lambda f: {}, inputs=("a",)),), {})
