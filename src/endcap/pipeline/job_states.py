"""States of jobs that no function runs: Spark by AWS Glue, training by Amazon SageMaker.

Source: the optimised integrations of AWS Step Functions with both services.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from endcap.pipeline.steps import GLUE, SAGEMAKER, Step

State = dict[str, Any]
Paths = Mapping[str, str]  # where each fact of a run lies
# Settings that say which shop a training job works for, and where it lies.
SHOP = ("group", "lake", "documents", "artifacts")
SPOT = "training_spot"


def glue(_: Paths, __: Step) -> State:
    """A run of the Glue job."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Parameters": {
            "JobName": "${glue_job}",
            "Arguments": {"--lake": "${lake_url}", "--output": "${tables_url}"},
        },
        "ResultSelector": {"tables.$": "$.JobRunState"},
    }


def sagemaker(paths: Paths, step: Step) -> State:
    """A training job; a step's inputs are its hyper-parameters, as texts. The settings say which
    shop; an interrupted job finds what it has done under the first input. SageMaker takes a longest
    wait for spot instances only: waiting and running then share the step's time."""
    given = {f"{name}.$": f"States.Format('{{}}', {paths[name]})" for name in step.inputs}
    own, most_s = paths[step.inputs[0]], step.timeout_s
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync",
        "Parameters": {
            "TrainingJobName.$": "States.Format('${name}-{}', States.UUID())",
            "AlgorithmSpecification": {
                "TrainingImage": "${training_image}", "TrainingInputMode": "File",
            },
            **where(
                SPOT, {"EnableManagedSpotTraining": True}, {"RoleArn": "${training_role_arn}"}
            ),
            "HyperParameters": given,
            "Environment": {f"ENDCAP_{name.upper()}": f"${{{name}}}" for name in SHOP},
            "CheckpointConfig": {"S3Uri.$": f"States.Format('${{checkpoints_url}}/{{}}', {own})"},
            "OutputDataConfig": {"S3OutputPath": "${training_output_url}"},
            "ResourceConfig": {
                "InstanceType": "${training_instance_type}", "InstanceCount": 1,
                "VolumeSizeInGB": 50,
            },
            "StoppingCondition": where(
                SPOT, {"MaxWaitTimeInSeconds": most_s}, {"MaxRuntimeInSeconds": most_s}
            ),
        },
        "ResultSelector": {"job.$": "$.TrainingJobName"},
    }  # fmt: skip


def where(name: str, only: State, rest: State) -> State:
    """``only`` where a deployment says that ``name`` is true, then ``rest`` (not empty) anyway.

    The directives of Terraform's templates stand inside the names of members, right behind their
    opening quotes, so that the whole is JSON before it is filled in, and after: what goes reaches
    from one opening quote to another."""
    (first, *more), (after, *others) = only.items(), rest.items()
    begun = {f"%{{ if {name} }}{first[0]}": first[1], **dict(more)}
    return begun | {f"%{{ endif }}{after[0]}": after[1], **dict(others)}


JOBS: dict[str, Callable[[Paths, Step], State]] = {GLUE: glue, SAGEMAKER: sagemaker}
