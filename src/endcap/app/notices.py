"""The one message of a run: what it did, what failed, and its id. It names no user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from endcap.pipeline.steps import FAILURE, OUTCOME, RUN_ID, WHOLE, Facts, Pipeline, plan_of
from endcap.ports import Message

MOST_TEXT = 200  # characters of a fact
# The facts that are told: counts, names of versions, and what the gate said.
TOLD = ("imported", "read", "written", "bad", "codes", "outcomes", "events", "version", "metrics",
        "verdict", "promoted", "gate", "serves", "stored", "shared")  # fmt: skip


Plan = Sequence[Mapping[str, str]]  # of a pipeline: see ``plan_of``


def notice_of(pipeline: Pipeline, facts: Facts) -> Message:
    """``facts``: the run's id and, as ``facts``, all that the run has given."""
    return notice(pipeline.name, plan_of(pipeline.steps), str(facts[RUN_ID]), facts[WHOLE])


def notice(name: str, plan: Plan, run_id: str, whole: Facts) -> Message:
    """``whole``: all that the run has given: here as one level, by Step Functions below the names
    of the steps."""
    known, failure = flat(plan, whole), failure_of(plan, whole)
    status = "failed" if failure else "done"
    lines = [f"run: {run_id}", f"status: {status}"]
    lines += [f"{name}: {value}" for name, value in failure.items()]
    lines += [f"{name}: {shown(known[name])}" for name in TOLD if name in known]
    if missing := missing_in(known):
        lines.append(f"missing: {missing}")
    failed = failures_in(known) + missing + bool(failure)
    attributes = {"pipeline": name, "runId": run_id, "status": status, "failures": str(failed)}
    return Message(f"Endcap: {name} {status}", "\n".join(lines), attributes)


def flat(plan: Plan, whole: Facts) -> dict[str, Any]:
    """All facts on one level; members that were told one by one are counted."""
    known = dict(whole)
    for step in plan:
        given = whole.get(step["result"])
        if step["result"] == step["step"] and isinstance(given, Mapping):
            known.update(given)
        elif isinstance(given, list):
            known[step["result"]] = dict(Counter(str(one[OUTCOME]) for one in given))
    return known


def failure_of(plan: Plan, whole: Facts) -> dict[str, str]:
    """The step that failed and the kind of error; nothing of what the error says, which may hold
    somebody's data."""
    failure = whole.get(FAILURE)
    if failure is None:
        return {}
    if "step" in failure:
        return {"step": str(failure["step"]), "error": str(failure["error"])}
    known = flat(plan, whole)
    begun = (step for step in plan if known.get(step["when"], True) is not False)
    step = next((step["step"] for step in begun if step["result"] not in whole), "")
    return {"step": step, "error": str(failure.get("Error", "unknown"))}


def failures_in(known: Facts) -> int:
    """Bad records and members that failed."""
    outcomes = known.get("outcomes") or {}
    return int(known.get("bad", 0)) + int(outcomes.get("failed", 0))


def missing_in(known: Facts) -> int:
    """Members of a fan-out of which nothing was heard: with those that are counted they are all."""
    members, outcomes = known.get("users"), known.get("outcomes")
    if not members or not isinstance(outcomes, Mapping):
        return 0
    return max(0, len(members) - sum(map(int, outcomes.values())))


def shown(value: Any) -> str:
    """One line."""
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {held}" for name, held in value.items()) or "none"
    if isinstance(value, bool):
        value = "yes" if value else "no"
    return str(value).replace("\n", " ")[:MOST_TEXT]
