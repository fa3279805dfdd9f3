"""Steps run in order, resume after a failure, retry, and stop with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from endcap.adapters.sqlite import SqliteDocuments
from endcap.domain.errors import InvalidInput
from endcap.pipeline.runner import DONE, FAILED, Run, find_run, run_steps, runs
from endcap.pipeline.steps import Facts, Over, Retry, Step, check


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


def test_what_a_false_fact_forbids_is_passed_over_with_the_reason(
    documents: SqliteDocuments,
) -> None:
    gate = Step("gate", lambda f: {"good": False, "because": "worse"}, (), ("good", "because"))
    never = Step("deploy", lambda f: pytest.fail("it was run"), when="good", why="because")
    run = run_steps((gate, never, give("after", 1)), begin(), documents, sleep=print)
    assert (run.status, run.skipped, run.reason) == (DONE, ("deploy",), "worse")
    assert run.done == ("gate", "after")


USERS = Over("users", "userId", "outcomes")


def over(name: str, run: Callable[[Facts], Facts], catch: bool = True) -> Step:
    return Step(name, run, ("userId", "k"), over=USERS, catch=catch, retry=Retry(2, 0))


def test_each_member_goes_through_the_steps_and_is_counted(documents: SqliteDocuments) -> None:
    def first(facts: Facts) -> Facts:
        if facts["userId"] == "u2":
            raise OSError("this one fails")
        return {"name": f"{facts['userId']} {facts['k']} {facts['run_id']}"}

    seen: list[str] = []

    def second(facts: Facts) -> Facts:
        seen.append(facts["name"])
        return {"outcome": "stored"}

    members = Step("find", lambda f: {"users": ["u1", "u2", "u3"]}, (), ("users",))
    steps = (members, over("first", first), over("second", second), give("after", 1))
    begun = Run("r", "running", 0, {"k": 3})
    run = run_steps(steps, begun, documents, sleep=lambda _: None)
    assert run.facts["outcomes"] == {"stored": 2, "failed": 1}
    assert seen == ["u1 3 r", "u3 3 r"]
    assert run.done == ("find", "first", "second", "after")
    strict = (members, over("first", first, catch=False))
    with pytest.raises(OSError, match="this one fails"):
        run_steps(strict, replace(begun, run_id="s"), documents, sleep=lambda _: None)


def test_what_is_done_always_hears_of_the_failure(documents: SqliteDocuments) -> None:
    told: list[Facts] = []

    def fail(facts: Facts) -> Facts:
        raise InvalidInput("unknown_run", value="somebody's name")

    def tell(facts: Facts) -> Facts:
        told.append(facts["facts"].get("failure"))
        return {}

    steps = (Step("one", fail, retry=Retry(5)), Step("tell", tell, ("facts",), always=True))
    with pytest.raises(InvalidInput):
        run_steps(steps, begin(), documents, sleep=lambda _: pytest.fail("tried again"))
    assert told == [{"step": "one", "error": "unknown_run"}]
    run_steps(steps[1:], begin(), documents, sleep=print)
    assert told[1] is None


def test_what_fails_after_a_failure_does_not_hide_it(documents: SqliteDocuments) -> None:
    def fail(facts: Facts) -> Facts:
        raise OSError("the first")

    def silent(facts: Facts) -> Facts:
        raise OSError("nobody hears")

    steps = (Step("one", fail), Step("tell", silent, always=True))
    with pytest.raises(OSError, match="the first"):
        run_steps(steps, begin(), documents, sleep=print)
    found = find_run(documents, begin().run_id)
    assert found is not None
    assert (found.status, found.step, found.reason) == (FAILED, "one", "the first")


def test_a_missing_input_is_found_before_anything_runs() -> None:
    with pytest.raises(ValueError, match=r"step b needs \['a'\]"):
        check((Step("b", lambda f: {}, inputs=("a",)),), {})
