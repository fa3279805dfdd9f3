"""The three environments differ in one file each, and take what deploying them hands over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ENVIRONMENTS = Path(__file__).parents[2] / "infra" / "envs"
NAMES = ("dev", "staging", "prod")
OWN = "defaults.tf"
# What the command that deploys gives as variables and reads as outputs.
GIVEN = ("phases", "functions_package", "functions_image", "training_image", "aws_region",
         "environment", "name", "architecture", "runtime", "glue_package", "alarm_email",
         "users_file", "sagemaker_instance_type", "model_name", "cors_allowed_origins")  # fmt: skip
READ = ("phases", "http_api_url", "rest_api_url", "web_url", "web_bucket", "distribution_id",
        "buckets", "state_machines", "glue_files", "repositories", "web_config", "user_pool",
        "api_key_id", "topic_arn", "region", "dashboards")  # fmt: skip


def text(name: str, file: str) -> str:
    return (ENVIRONMENTS / name / file).read_text("utf-8")


def blocks(kind: str, written: str) -> list[str]:
    return re.findall(rf'^{kind} "(\w+)"', written, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES[1:])
def test_they_are_the_same_but_for_their_defaults(name: str) -> None:
    files = {path.name for path in (ENVIRONMENTS / NAMES[0]).glob("*.tf")} - {OWN}
    assert {path.name for path in (ENVIRONMENTS / name).glob("*.tf")} - {OWN} == files
    assert [file for file in sorted(files) if text(name, file) != text(NAMES[0], file)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_sets_the_same_defaults_and_its_own_state(name: str) -> None:
    def names(of: str) -> list[str]:
        return re.findall(r"^    (\w+) +=", text(of, OWN), re.MULTILINE)

    assert names(name) == names(NAMES[0])
    assert f'= "{name}"' in text(name, OWN)
    assert f'"endcap/{name}.tfstate"' in text(name, "backend.tf.example")


def test_variables_and_outputs_are_those_of_the_command_that_deploys() -> None:
    assert set(GIVEN) <= set(blocks("variable", text("dev", "variables.tf")))
    assert set(READ) <= set(blocks("output", text("dev", "outputs.tf")))


def test_every_variable_of_an_environment_reaches_the_module() -> None:
    written = text("dev", "main.tf")
    lost = [v for v in blocks("variable", text("dev", "variables.tf")) if f"var.{v}" not in written]
    assert lost == []
