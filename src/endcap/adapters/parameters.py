"""Values of settings that stand elsewhere: ``ssm:/NAME`` in the Parameter Store of AWS Systems
Manager, ``secret:NAME`` or ``secret:NAME#MEMBER`` in AWS Secrets Manager.

They are read once, when a process starts; nothing of AWS is imported where no setting asks. Errors
name the variable and where its value was to come from, never a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import msgspec

from endcap.domain.errors import EndcapError, InvalidInput, Unavailable
from endcap.domain.setting import Hidden

SSM, SECRET = "ssm:", "secret:"
OURS = "ENDCAP_"
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS = 2.0, 5.0, 4
RETRY_AFTER_S = 5


def resolved(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with those of our settings replaced that name such a place; what came from
    there is ``Hidden``.

    Raises InvalidInput (aws_extra_missing, aws_not_configured, parameter_unreadable) and
    Unavailable (parameter_unavailable).
    """
    asked = {
        variable: value
        for variable, value in environment.items()
        if variable.startswith(OURS) and value.startswith((SSM, SECRET))
    }
    if not asked:
        return environment
    for variable in asked:
        if find_spec("boto3") is None:
            raise InvalidInput("aws_extra_missing", field=variable)
    known: dict[str, str] = {}  # a secret with several members is read once
    found = {variable: _value(variable, place, known) for variable, place in asked.items()}
    return {**environment, **found}


def _value(variable: str, place: str, known: dict[str, str]) -> Hidden:
    whole, _, member = place.partition("#") if place.startswith(SECRET) else (place, "", "")
    if whole not in known:
        known[whole] = _read(variable, whole)
    if not member:
        return Hidden(known[whole])
    try:
        value = msgspec.json.decode(known[whole], type=dict[str, Any])[member]
    except (msgspec.MsgspecError, KeyError):
        raise _unreadable(variable, place, f"it has no member {member!r}") from None
    return Hidden(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _read(variable: str, place: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    kind, _, name = place.partition(":")
    try:
        client = _client("ssm" if kind == "ssm" else "secretsmanager")
        if kind == "ssm":
            told = client.get_parameter(Name=name, WithDecryption=True)
            return str(told["Parameter"]["Value"])
        told = client.get_secret_value(SecretId=name)
    except (NoCredentialsError, NoRegionError) as error:
        raise InvalidInput("aws_not_configured", field=variable, reason=str(error)) from None
    except ClientError as error:
        raise _refused(variable, place, error.response) from None
    except BotoCoreError as error:
        raise _unavailable(variable, place, type(error).__name__) from None
    if "SecretString" not in told:
        raise _unreadable(variable, place, "it is no text")
    return str(told["SecretString"])


def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return boto3.session.Session().client(service, config=config)


def _refused(variable: str, place: str, response: Mapping[str, Any]) -> EndcapError:
    code = str(response.get("Error", {}).get("Code", ""))
    if response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500 or "Throttl" in code:
        return _unavailable(variable, place, code)
    return _unreadable(variable, place, code)


def _unreadable(variable: str, place: str, reason: str) -> InvalidInput:
    return InvalidInput("parameter_unreadable", field=variable, value=place, reason=reason)


def _unavailable(variable: str, place: str, reason: str) -> Unavailable:
    return Unavailable(
        "parameter_unavailable", field=variable, value=place, reason=reason,
        retry_after_s=RETRY_AFTER_S,
    )  # fmt: skip
