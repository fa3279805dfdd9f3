"""Pipelines as Amazon States Language: valid by its schema and by rules of our own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_all
from jsonschema import Draft202012Validator

from endcap.app.nightly import NIGHTLY
from endcap.cli.pipeline import exported, state_machines
from endcap.pipeline.state_machine import state_machine
from endcap.pipeline.steps import FUNCTION, GLUE, SAGEMAKER, Over, Pipeline, Retry, Step

ROOT = Path(__file__).parents[2]
MACHINES = {name: json.loads(text) for name, text in state_machines().items()}
TERMINAL = ("Succeed", "Fail")
PERMITTED = {"ImportUsersFromS3", "MockRecommendations", "FetchRecommendations", "StoreToDynamoDB",
             "NotifyCompletion", "Nightly", "glue_job", "lake_url", "tables_url", "name",
             "training_image", "training_role_arn", "training_output_url",
             "training_instance_type", "checkpoints_url", "group", "lake", "documents",
             "artifacts", "runs_bucket", "runs_prefix"}  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_committed_is_what_the_code_says(name: str) -> None:
    committed = ROOT / "infra" / "state-machines" / name
    assert committed.read_text("utf-8") == state_machines()[name], "run `endcap pipeline export`"


def test_nothing_else_is_committed() -> None:
    folder = ROOT / "infra" / "state-machines"
    assert {path.name for path in folder.glob("*.json")} == {*MACHINES, "triggers.json"}
    assert (folder / "triggers.json").read_text("utf-8") == exported()["triggers.json"]


def problems(machine: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a machine, or with one inside it."""
    states, start = machine["States"], machine["StartAt"]
    if start not in states:
        yield f"begins at {start}, which is not there"
    for name, state in states.items():
        after = list(following(state))
        yield from (f"{name} goes to {other}" for other in after if other not in states)
        if state["Type"] == "Choice":
            if "Default" not in state:
                yield f"{name} has no way out"
        elif state["Type"] not in TERMINAL and ("Next" in state) == bool(state.get("End")):
            yield f"{name} must either go on or end"
        if state["Type"] == "Task" and not state.get("TimeoutSeconds"):
            yield f"{name} may hang"
        if state["Type"] == "Task" and not state.get("Retry"):
            yield f"{name} is not tried again"
        if "ItemProcessor" in state:
            yield from (f"{name}: {inner}" for inner in problems(state["ItemProcessor"]))
    unreached = set(states) - reached(states, start)
    yield from (f"{name} is never reached" for name in unreached)


def following(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    for part in ("Choices", "Catch"):
        yield from (rule["Next"] for rule in state.get(part, ()))


def reached(states: dict[str, Any], start: str) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        if (name := waiting.pop()) in states and name not in found:
            found.add(name)
            waiting += following(states[name])
    return found


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_is_there_is_reached_and_leads_on(name: str) -> None:
    assert list(problems(MACHINES[name])) == []


def misfits(machine: dict[str, Any]) -> list[str]:
    """What the schema of the language finds wrong. It is one of draft 2020-12 though it does not
    say so: what stands beside a ``$ref`` counts, which older drafts pass over."""
    schema = files("cfnlint") / "data/schemas/other/step_functions/statemachine.json"
    validator = Draft202012Validator(json.loads(schema.read_text("utf-8")))
    return [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(machine)]


@pytest.mark.parametrize("name", MACHINES)
def test_the_language_permits_it(name: str) -> None:
    assert misfits(MACHINES[name]) == []


BREAKS: dict[str, Any] = {
    "a kind that is none": ("Type", "Tusk"),
    "no resource": ("Resource", None),
    "a resource that is none": ("Resource", "lambda"),
    "a retry that is none": ("Retry", "often"),
    "a catch that leads nowhere": ("Catch", [{"ErrorEquals": ["States.ALL"]}]),
    "a path that is none": ("ResultPath", "import"),
    "no time at all": ("TimeoutSeconds", 0),
    "a member that is none": ("Timeout", 60),
    "a member of the other language": ("Arguments", {}),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_the_language_refuses_a_broken_one(broken: str) -> None:
    member, value = BREAKS[broken]
    machine = json.loads(json.dumps(MACHINES["nightly.asl.json"]))
    state = machine["States"]["import"]
    state |= {member: value}
    if value is None:
        del state[member]
    assert any("import" in told for told in misfits(machine))
    assert misfits({**machine, "States": "none"}) != []


def linted(machine: dict[str, Any]) -> list[str]:
    """What cfn-lint finds wrong with a machine in a template: E for errors, W for warnings."""
    properties = {"RoleArn": "arn:aws:iam::123456789012:role/any", "Definition": machine}
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": resource}}
    found = (f"{match.rule.id}: {match.message}" for match in lint_all(json.dumps(template)))
    return [told for told in found if told[0] in "EW"]


@pytest.mark.server  # a second for each
@pytest.mark.parametrize("name", MACHINES)
def test_cloudformation_takes_it(name: str) -> None:
    assert linted(MACHINES[name]) == []
    (told,) = linted({**MACHINES[name], "StartAt": "nowhere"})
    assert "nowhere" in told


@pytest.mark.parametrize("name", MACHINES)
def test_placeholders_are_those_that_terraform_fills(name: str) -> None:
    assert set(re.findall(r"\$\{(\w+)\}", json.dumps(MACHINES[name]))) <= PERMITTED


def test_only_spot_instances_have_a_longest_wait() -> None:
    text = state_machines()["nightly.asl.json"]
    assert set(re.findall(r"%\{ if (\w+) \}", text)) == {"training_spot"}
    always = re.sub(r"%\{ if \w+ \}.*?%\{ endif \}", "", text, flags=re.DOTALL)
    spot = re.sub(r"%\{.*?\}", "", text)
    asked, of_spot = (json.loads(t)["States"]["train"]["Parameters"] for t in (always, spot))
    most_s = asked["StoppingCondition"]["MaxRuntimeInSeconds"]
    assert asked["StoppingCondition"] == {"MaxRuntimeInSeconds": most_s}
    assert "EnableManagedSpotTraining" not in asked
    assert of_spot["EnableManagedSpotTraining"] is True
    waits = {"MaxWaitTimeInSeconds": most_s, "MaxRuntimeInSeconds": most_s}
    assert of_spot["StoppingCondition"] == waits
    assert set(of_spot) - set(asked) == {"EnableManagedSpotTraining"}
    assert {name for name in of_spot if "{" in name} == set()


@pytest.mark.parametrize("name", MACHINES)
def test_a_failure_anywhere_is_told_and_ends_as_one(name: str) -> None:
    states = MACHINES[name]["States"]
    for state in states.values():
        if state["Type"] in ("Task", "Map"):
            (caught,) = state["Catch"]
            assert caught["ErrorEquals"] == ["States.ALL"]
            handler = states[caught["Next"]]
            assert handler["Type"] == "Fail" or handler["Next"] == "failed"
    assert states["failed"]["Type"] == "Fail"


def test_steps_over_members_become_one_map() -> None:
    inline, distributed = MACHINES["users.asl.json"], MACHINES["users-distributed.asl.json"]
    each = inline["States"]["users"]
    assert list(each["ItemProcessor"]["States"]) == [
        "MockRecommendations", "FetchRecommendations", "StoreToDynamoDB", "member_failed",
    ]  # fmt: skip
    assert each["ItemsPath"] == "$.ImportUsersFromS3.users"
    wide = distributed["States"]["users"]
    assert wide["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    assert wide["ItemReader"]["Parameters"]["Key.$"] == "$.ImportUsersFromS3.users_file.key"
    assert "ItemsPath" not in wide


def test_the_gate_is_a_choice_around_deploying() -> None:
    states = MACHINES["nightly.asl.json"]["States"]
    assert states["register"]["Next"] == "deploy?"
    assert states["deploy?"]["Choices"][0]["Variable"] == "$.gate.promoted"
    assert states["deploy?"]["Choices"][0]["Next"] == "deploy"
    assert states["deploy?"]["Default"] == states["deploy"]["Next"] == "store?"
    assert states["store?"]["Default"] == states["share"]["Next"] == "notify"


def test_without_anything_new_nothing_is_trained() -> None:
    states = MACHINES["nightly.asl.json"]["States"]
    for choice, first, around in (
        ("features?", "features", "gate"), ("register?", "register", "deploy?"),
    ):  # fmt: skip
        assert states[choice]["Choices"][0]["Variable"] == "$.check.due"
        assert states[choice]["Choices"][0]["Next"] == first
        assert states[choice]["Default"] == around
    assert states["evaluate"]["Next"] == "gate"
    assert states["gate"]["Next"] == "register?"


@pytest.mark.parametrize("kind", ["", "-small"])
def test_the_steps_are_those_of_the_pipeline(kind: str) -> None:
    states = MACHINES[f"nightly{kind}.asl.json"]["States"]
    tasks = [name for name, state in states.items() if state["Type"] == "Task"]
    assert tasks == [*(step.name for step in NIGHTLY.steps), "notify_failure"]
    for step in NIGHTLY.steps:
        state = states[step.name]
        assert state["TimeoutSeconds"] == step.timeout_s
        assert state["Retry"][-1]["MaxAttempts"] == step.retry.attempts - 1
        home = step.home if not kind else FUNCTION
        service = {FUNCTION: "lambda:invoke", GLUE: "glue:startJobRun.sync",
                   SAGEMAKER: "sagemaker:createTrainingJob.sync"}[home]  # fmt: skip
        assert state["Resource"] == f"arn:aws:states:::{service}"


def test_jobs_run_in_their_homes_or_in_functions() -> None:
    states, small = (MACHINES[f"nightly{kind}.asl.json"]["States"] for kind in ("", "-small"))
    assert states["features"]["Resource"] == "arn:aws:states:::glue:startJobRun.sync"
    assert states["train"]["Resource"] == "arn:aws:states:::sagemaker:createTrainingJob.sync"
    assert {s["Resource"] for s in small.values() if s["Type"] == "Task"} == {
        "arn:aws:states:::lambda:invoke"
    }


def work(_: Any) -> dict[str, Any]:
    return {}


def test_steps_on_one_condition_share_its_choice_and_the_last_may_be_passed_over() -> None:
    steps = (
        Step("judge", work, (), ("good",), Retry(2, 0.2)),
        Step("a", work, ("k",), when="good"),
        Step("b", work, when="good"),
        Step("tell", work, always=True),
    )
    states = state_machine(Pipeline("p", "", {"k": 1}, steps))["States"]
    assert (states["judge"]["Next"], states["a?"]["Default"]) == ("a?", "tell")
    assert (states["a"]["Next"], states["b"]["Next"]) == ("b", "tell")
    assert states["judge"]["Retry"][-1]["MaxAttempts"] == 1
    assert states["judge"]["Retry"][-1]["IntervalSeconds"] == 1


def test_a_fact_that_nobody_gives_is_refused() -> None:
    each = Over("users", "userId", "outcomes")
    with pytest.raises(ValueError, match=r"step b needs \['k'\]"):
        state_machine(Pipeline("p", "", {}, (Step("b", work, ("userId", "k"), over=each),)))


def test_the_checks_see_what_is_wrong() -> None:
    broken = {
        "StartAt": "a",
        "States": {
            "a": {"Type": "Task", "Next": "nowhere"},
            "b": {"Type": "Pass", "End": True},
            "c": {"Type": "Choice", "Choices": []},
            "d": {"Type": "Pass"},
        },
    }
    found = " ".join(problems(broken))
    for told in ("a goes to nowhere", "a may hang", "a is not tried", "b is never reached",
                 "c has no way out", "d must either"):  # fmt: skip
        assert told in found
