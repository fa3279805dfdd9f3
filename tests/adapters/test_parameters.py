"""Settings whose values stand in the Parameter Store or in Secrets Manager."""

from __future__ import annotations

import json
from typing import Any

import pytest

from endcap.adapters import parameters
from endcap.adapters.parameters import resolved
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.settings import load_settings

TOLD = "hunter2-is-told-to-nobody"


@pytest.fixture
def here(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The emulator is what this process speaks to."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return aws


def test_without_such_a_value_nothing_is_asked_and_nothing_changes() -> None:
    given = {"ENDCAP_GROUP": "shop", "PATH": "ssm:/is/not/ours"}
    assert resolved(given) is given


@pytest.mark.server
def test_values_are_read_where_they_stand_and_shown_nowhere(here: Any) -> None:
    path, name = "/" + here.name("shop"), here.name("secret")
    here.client("ssm").put_parameter(Name=path, Value=TOLD, Type="SecureString")
    whole = json.dumps({"password": TOLD, "port": 5432})
    here.client("secretsmanager").create_secret(Name=name, SecretString=whole)
    settings = load_settings(
        resolved(
            {
                "ENDCAP_JWT_ISSUER": f"ssm:{path}",
                "ENDCAP_DATABASE_PASSWORD": f"secret:{name}#password",
                "ENDCAP_BURST": f"secret:{name}#port",
                "ENDCAP_JWT_AUDIENCE": f"secret:{name}",
            }
        )
    )
    assert settings.jwt_issuer == settings.database_password == TOLD
    assert settings.burst == 5432
    assert settings.jwt_audience == whole
    assert TOLD not in repr(settings)


@pytest.mark.server
def test_a_value_that_is_not_permitted_is_not_shown(here: Any) -> None:
    path = "/" + here.name("shop")
    here.client("ssm").put_parameter(Name=path, Value=TOLD, Type="String")
    for variable in ("ENDCAP_WORKERS", "ENDCAP_STREAM"):
        with pytest.raises(InvalidInput) as caught:
            load_settings(resolved({variable: f"ssm:{path}"}))
        assert (caught.value.code, caught.value.field) == ("bad_setting", variable)
        assert TOLD not in str(caught.value)


@pytest.mark.server
def test_what_is_not_there_is_named_by_variable_and_place(here: Any) -> None:
    name, blob = here.name("secret"), here.name("secret")
    here.client("secretsmanager").create_secret(Name=name, SecretString=TOLD)
    here.client("secretsmanager").create_secret(Name=blob, SecretBinary=b"\0")
    for place in ("ssm:/nowhere", "secret:nowhere", f"secret:{name}#member", f"secret:{blob}"):
        with pytest.raises(InvalidInput) as caught:
            resolved({"ENDCAP_JWT_ISSUER": place})
        assert caught.value.code == "parameter_unreadable"
        assert (caught.value.field, caught.value.value) == ("ENDCAP_JWT_ISSUER", place)
        assert TOLD not in str(caught.value)


def test_who_does_not_answer_costs_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(parameters, "ATTEMPTS", 1)
    with pytest.raises(Unavailable) as caught:
        resolved({"ENDCAP_JWT_ISSUER": "ssm:/x"})
    assert caught.value.code == "parameter_unavailable"
