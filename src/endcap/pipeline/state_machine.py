"""A pipeline as a state machine of AWS Step Functions, in Amazon States Language (JSONPath).

What differs between deployments stands as ``${name}``: Terraform's ``templatefile`` fills it in.
What only some have stands between ``%{ if name }`` and ``%{ endif }``. A step's facts lie below
``$.NAME``, the run's arguments below ``$``. Source: the specification at https://states-language.net,
and the service integrations of Lambda, Glue and SageMaker.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from endcap.pipeline.job_states import JOBS
from endcap.pipeline.steps import (
    FAILURE,
    FUNCTION,
    OUTCOME,
    PERMANENT,
    RUN_ID,
    WHOLE,
    Over,
    Pipeline,
    Step,
    check,
    groups,
    plan_of,
    shared_inputs,
)

State = dict[str, Any]
BEGIN, ARGUMENTS, FAILED = "defaults", "arguments", "failed"
MEMBER_FAILED = "member_failed"
CONCURRENCY = 20  # members of a fan-out at once
BACK_OFF = 2.0
# What Lambda itself could not do for the moment: nothing ran.
LAMBDA_BUSY = (
    "Lambda.ClientExecutionTimeoutException", "Lambda.ServiceException",
    "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException",
)  # fmt: skip


def state_machine(
    pipeline: Pipeline, *, distributed: bool = False, only_functions: bool = False
) -> State:
    """``distributed``: a fan-out reads its members from a file of S3 and is a run of its own, for
    more members than one execution's history holds. ``only_functions``: steps of Glue and SageMaker
    run in functions too, as a small shop wants it."""
    check(pipeline.steps, pipeline.arguments)
    return _Machine(pipeline, distributed, only_functions).definition()


@dataclass
class _Machine:
    """``paths``: where each fact given so far lies."""

    pipeline: Pipeline
    distributed: bool
    only_functions: bool
    paths: dict[str, str] = field(default_factory=dict)

    def definition(self) -> State:
        self.paths = {name: f"$.{name}" for name in (*self.pipeline.arguments, RUN_ID)}
        work = [group for group in groups(self.pipeline.steps) if not group[0].always]
        last = [step for step in self.pipeline.steps if step.always]
        names = [_name(group) for group in work] + [step.name for step in last]
        end = (*names, "")[len(work)]
        states = self.begin(_entry(work[0]))
        for place, group in enumerate(work):
            states |= self.choice(work, place, end)
            after = work[place + 1] if place + 1 < len(work) else None
            states |= self.group(group, _entry(after, group) if after else end)
        for place, step in enumerate(last):
            states[step.name] = self.task(step, _link((*last, None)[place + 1], ""), FAILED)
        for place, step in enumerate(last):
            after_failure = _link((*last, None)[place + 1], "_failure") or FAILED
            states[f"{step.name}_failure"] = self.task(step, after_failure, FAILED)
        states[FAILED] = {"Type": "Fail", "ErrorPath": f"$.{FAILURE}.Error",
                          "Cause": "a step failed: the message of this run says which"}  # fmt: skip
        return {"Comment": self.pipeline.about, "StartAt": BEGIN, "States": states}

    def begin(self, first: str) -> dict[str, State]:
        """The arguments, with the defaults of those that were not given."""
        defaults = {**self.pipeline.arguments, f"{RUN_ID}.$": "$$.Execution.Name"}
        return {
            BEGIN: {
                "Type": "Pass",
                "Parameters": {"defaults": defaults, "given.$": "$$.Execution.Input"},
                "Next": ARGUMENTS,
            },
            ARGUMENTS: {
                "Type": "Pass",
                "Parameters": {"all.$": "States.JsonMerge($.defaults, $.given, false)"},
                "OutputPath": "$.all",
                "Next": first,
            },
        }

    def choice(self, work: list[tuple[Step, ...]], place: int, end: str) -> dict[str, State]:
        """Before the first of steps with the same ``when``: around them all where it is false."""
        step = work[place][0]
        if not step.when or (place and work[place - 1][0].when == step.when):
            return {}
        behind = [group for group in work[place:] if group[0].when != step.when]
        rule = {
            "Variable": self.paths[step.when],
            "BooleanEquals": True,
            "Next": _name(work[place]),
        }
        default = _entry(behind[0]) if behind else end
        return {_entry(work[place]): {"Type": "Choice", "Choices": [rule], "Default": default}}

    def group(self, group: tuple[Step, ...], after: str) -> dict[str, State]:
        step = group[0]
        handler = self.pipeline_failure()
        if step.over is None:
            state = self.task(step, after, handler)
            if not step.when:  # else it may have given nothing
                self.paths |= {name: f"$.{step.name}.{name}" for name in step.outputs}
        else:
            state = self.fan_out(group, step.over) | _next(after) | {"Catch": [_catch(handler)]}
            self.paths[step.over.result] = f"$.{step.over.result}"
        return {_name(group): state}

    def pipeline_failure(self) -> str:
        last = next((step for step in self.pipeline.steps if step.always), None)
        return _link(last, "_failure") or FAILED

    def task(self, step: Step, after: str, handler: str) -> State:
        """A step of its own: its facts go below its name."""
        home = FUNCTION if self.only_functions else step.home
        if home == FUNCTION:
            payload = self.payload(step)
            taken: dict[str, Any] = {f"{name}.$": f"$.Payload.{name}" for name in step.outputs}
            taken = taken or {"done": True}
            state = _invoke(step, payload) | {"ResultSelector": taken}
        else:
            state = JOBS[home](self.paths, step)
        state |= {"ResultPath": f"$.{step.name}", "TimeoutSeconds": step.timeout_s}
        return state | {"Retry": _retry(step), "Catch": [_catch(handler)]} | _next(after)

    def payload(self, step: Step) -> Mapping[str, Any]:
        paths = {**self.paths, WHOLE: "$"}
        given = {f"{name}.$": paths[name] for name in (*step.inputs, RUN_ID)}
        more: dict[str, Any] = {}
        if WHOLE in step.inputs:
            more["plan"] = plan_of(self.pipeline.steps)
        if {other.over.fact for other in self.pipeline.steps if other.over} & {*step.outputs}:
            more["fan_out"] = "distributed" if self.distributed else "inline"
        return {"pipeline": self.pipeline.name, "step": step.name, **more, **given}

    def fan_out(self, group: tuple[Step, ...], over: Over) -> State:
        shared = {f"{n}.$": self.paths[n] for n in (*shared_inputs(group, over), RUN_ID)}
        state: State = {
            "Type": "Map",
            "ItemSelector": {f"{over.member}.$": "$$.Map.Item.Value", **shared},
            "ItemProcessor": self.processor(group),
            "MaxConcurrency": CONCURRENCY,
            "ResultPath": f"$.{over.result}",
        }
        if not self.distributed:
            return state | {"ItemsPath": self.paths[over.fact]}
        file = self.paths[f"{over.fact}_file"]
        prefix = "States.Format('${runs_prefix}/{}/results', $$.Execution.Name)"
        return state | {
            "Label": over.fact,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket.$": f"{file}.bucket", "Key.$": f"{file}.key"},
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Parameters": {"Bucket": "${runs_bucket}", "Prefix.$": prefix},
            },
            "ToleratedFailurePercentage": 100.0 if group[0].catch else 0.0,
        }

    def processor(self, group: tuple[Step, ...]) -> State:
        """The steps of one member. In a distributed run a member that fails is counted by the run
        itself."""
        states: dict[str, State] = {}
        caught = group[0].catch and not self.distributed
        for place, step in enumerate(group):
            after = group[place + 1].name if place + 1 < len(group) else ""
            state = _invoke(step, None) | {"OutputPath": "$.Payload"}
            state |= {"TimeoutSeconds": step.timeout_s, "Retry": _retry(step)}
            if caught:
                state["Catch"] = [_catch(MEMBER_FAILED)]
            states[step.name] = state | _next(after)
        if caught:
            states[MEMBER_FAILED] = {"Type": "Pass", "Result": {OUTCOME: FAILED}, "End": True}
        config = {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
        mode = config if self.distributed else {"Mode": "INLINE"}
        return {"ProcessorConfig": mode, "StartAt": group[0].name, "States": states}


def _invoke(step: Step, payload: Mapping[str, Any] | None) -> State:
    """``payload``: None for all that the state has."""
    given = {"Payload.$": "$"} if payload is None else {"Payload": payload}
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": f"${{{step.function}}}", **given},
    }


def _retry(step: Step) -> list[State]:
    """Nothing that trying again does not mend; what Lambda could not begin, several times; the rest
    as the step says. Waits are drawn at random below a limit that doubles."""
    growing = {"BackoffRate": BACK_OFF, "MaxDelaySeconds": 60, "JitterStrategy": "FULL"}
    wait_s = max(1, math.ceil(step.retry.wait_s))
    kinds = [error.__name__ for error in PERMANENT]
    return [
        {"ErrorEquals": kinds, "MaxAttempts": 0},
        {"ErrorEquals": list(LAMBDA_BUSY), "IntervalSeconds": 1, "MaxAttempts": 6, **growing},
        {
            "ErrorEquals": ["States.ALL"],
            "IntervalSeconds": wait_s,
            "MaxAttempts": step.retry.attempts - 1,
            **growing,
        },
    ]


def _catch(handler: str) -> State:
    return {"ErrorEquals": ["States.ALL"], "ResultPath": f"$.{FAILURE}", "Next": handler}


def _next(after: str) -> State:
    return {"Next": after} if after else {"End": True}


def _link(step: Step | None, ending: str) -> str:
    return f"{step.name}{ending}" if step else ""


def _name(group: tuple[Step, ...]) -> str:
    """Of a fan-out: what it is done for."""
    return group[0].over.fact if group[0].over else group[0].name


def _entry(group: tuple[Step, ...], before: tuple[Step, ...] | None = None) -> str:
    """The state to go to for a group: the choice before it, unless the one before was taken on the
    same condition."""
    when = group[0].when
    if not when or (before and before[0].when == when):
        return _name(group)
    return f"{_name(group)}?"
