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
CONTROL = "control"  # the state machine that does what resources of the registry wait for
CONTROL_JOB = "control-job"  # as the registrar names its jobs


def jobs_of(settings: Settings, group: str) -> Jobs:
    """A job's name is that of a pipeline, its one argument the facts of the run as JSON. Raises
    InvalidInput (aws_extra_missing, home_not_writable)."""
    if settings.jobs.startswith(STEP_FUNCTIONS):
        need_aws("ENDCAP_JOBS")
        from endcap.adapters.step_functions import StepFunctionsJobs

        machines = machines_of(settings)
        machines.pop(CONTROL, None)  # no pipeline
        return StepFunctionsJobs(machines)
    words = [sys.executable, "-m", "endcap", "--home", str(settings.home), "--group", group,
             "pipeline", "launch"]  # fmt: skip
    return SubprocessJobs(make(folder(settings.home, group) / "jobs"), words)


def machines_of(settings: Settings) -> dict[str, str]:
    """ARNs of the state machines that ENDCAP_JOBS names; none where it names none."""
    if not settings.jobs.startswith(STEP_FUNCTIONS):
        return {}
    pairs = settings.jobs.removeprefix(STEP_FUNCTIONS).split(",")
    return {name: arn for name, _, arn in (pair.partition("=") for pair in pairs)}


def control_jobs_of(settings: Settings) -> Jobs:
    """Where the work of the control plane is done, for all groups: by executions of the state
    machine ``control``, else by processes of this machine. Raises InvalidInput (aws_extra_missing,
    home_not_writable)."""
    machine = machines_of(settings).get(CONTROL)
    if machine is not None:
        need_aws("ENDCAP_JOBS")
        from endcap.adapters.step_functions import StepFunctionsJobs

        return StepFunctionsJobs({CONTROL_JOB: machine})
    words = [sys.executable, "-m", "endcap", "--home", str(settings.home)]
    return SubprocessJobs(make(settings.home / "control" / "jobs"), words)
