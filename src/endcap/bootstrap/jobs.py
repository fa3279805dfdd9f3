"""Where ENDCAP_JOBS has long work done: processes of this machine, or executions of state machines
of AWS Step Functions."""

from __future__ import annotations

import sys

from endcap.adapters.remote_files import need_aws
from endcap.adapters.subprocesses import SubprocessJobs
from endcap.bootstrap.places import make
from endcap.control.dataset_groups import folder
from endcap.ports import Jobs
from endcap.settings import Settings

STEP_FUNCTIONS = "stepfunctions://"


def jobs_of(settings: Settings, group: str) -> Jobs:
    """A job's name is that of a pipeline, its one argument the facts of the run as JSON. Raises
    InvalidInput (aws_extra_missing, home_not_writable)."""
    if settings.jobs.startswith(STEP_FUNCTIONS):
        need_aws("ENDCAP_JOBS")
        from endcap.adapters.step_functions import StepFunctionsJobs

        pairs = settings.jobs.removeprefix(STEP_FUNCTIONS).split(",")
        machines = [(name, arn) for name, _, arn in (pair.partition("=") for pair in pairs)]
        return StepFunctionsJobs(dict(machines))
    words = [sys.executable, "-m", "endcap", "--home", str(settings.home), "--group", group,
             "pipeline", "launch"]  # fmt: skip
    return SubprocessJobs(make(folder(settings.home, group) / "jobs"), words)


def control_jobs_of(settings: Settings) -> Jobs:
    """Where the work of the control plane is done: by processes of this machine, for all groups of
    the home. Raises InvalidInput (home_not_writable)."""
    words = [sys.executable, "-m", "endcap", "--home", str(settings.home)]
    return SubprocessJobs(make(settings.home / "control" / "jobs"), words)
