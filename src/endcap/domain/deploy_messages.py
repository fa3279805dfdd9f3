"""The prose of the errors of deploying to AWS.

Part of the table in ``messages.py``, which says how a message is written.
"""

DEPLOY_MESSAGES: dict[str, str] = {
    "phase_needs": "the phase {field} needs {value}, which does not stand; add {more}",
    "phase_needed": "the phase {field} cannot go while {value} stands on it",
    "phase_absent": "the phase {field} does not stand; these do: {permitted}",
    "no_price": "{field}: the price of {value} is not in the table; known are {permitted}",
    "no_infra": "there is no {field} at or above {value}: deploy from a clone of the repository",
    "unknown_environment": "{field} must be one of {permitted}, not {value!r}",
    "unknown_variable": "{field} {value}: the environment has no such variable; it has {permitted}",
    "terraform_missing": "{field} is not on the PATH; install Terraform 1.9 or newer from "
    "developer.hashicorp.com/terraform/install",
    "terraform_old": "{field} is version {value}; 1.9 or newer is needed",
    "terraform_failed": "terraform {field} failed: {reason}",
    "apply_failed": "{field} is half applied: {reason}; what was made stands in the state: mend "
    "that and call again",
    "state_locked": "the state of {field} is locked by {who} since {since}: wait, or if nobody is "
    "at work: terraform -chdir=infra/envs/{field} force-unlock {value}",
    "state_unsaved": "an earlier apply could not save its state; first: terraform "
    "-chdir=infra/envs/{field} state push errored.tfstate, and remove that file",
    "region_differs": "{field} stands in {stands}, not in {value}; destroy it first, or leave the "
    "region out",
    "unknown_region": "{field}: AWS has no region {value!r}; did you mean one of "
    "{nearest}? (for a newer one upgrade boto3)",
    "region_disabled": "{field} {value} is not enabled in this account; enable it in the "
    "account's settings, or choose another",
    "aws_no_credentials": "no credentials for {field} were found; log in (aws sso login, "
    "AWS_PROFILE) or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "aws_expired": "the credentials for {field} have expired; log in again",
    "aws_refused": "{field} refuses these credentials ({reason})",
    "aws_unreachable": "{field} cannot be reached ({reason}); look at the network and the proxy",
    "aws_call_failed": "{field} refused a call ({reason})",
    "image_missing": "the phase pipeline needs {field} URI: push infra/functions.Dockerfile to the "
    "repository ({value}), or leave that phase out with --no-image",
    "not_packed": "{field} failed: {reason}",
    "nothing_there": "{value} has no {field}; deploy it first",
    "name_not_typed": "{field} was not typed; nothing was destroyed",
    "buckets_hold_data": "{value} buckets of {field} hold data ({names}); --delete-data deletes it",
    "deletion_protected": "{value} resources of {field} are protected against deletion; first: "
    "endcap deploy --env {field} --set deletion_protection=false",
}
