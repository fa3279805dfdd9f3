"""The workflow file: what it runs exists, what it may do is little, and only main is applied."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from endcap.cli.main import cli

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github" / "workflows" / "cicd.yml"
WORKFLOW = yaml.load(FILE.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  on stays a word
JOBS: dict[str, Any] = WORKFLOW["jobs"]
STEPS = [(job, step) for job, made in JOBS.items() for step in made["steps"]]
COMMANDS = [(job, line) for job, step in STEPS for line in step.get("run", "").splitlines()]
TOKEN = {"contents": "read", "id-token": "write"}
NAMED_TARGETS = ("deploy", "destroy", "plan", "execute-step-function", "update-api-url",
                 "deploy-webapp")  # fmt: skip


def targets() -> dict[str, str]:
    """By name, the recipe of each target of the Makefile."""
    text = (ROOT / "Makefile").read_text("utf-8")
    return dict(re.findall(r"^([a-z-]+):[^\n]*\n((?:\t.*\n)*)", text, re.M))


def options_of(words: list[str]) -> set[str]:
    command = cli.get_command(click.Context(cli), words[0])
    if isinstance(command, click.Group):
        command = command.commands[words[1]]
    assert command is not None, words
    return {option for parameter in command.params for option in parameter.opts}


def test_every_make_target_exists() -> None:
    used = {
        word
        for _, line in COMMANDS
        if (found := re.search(r"\bmake ([^|]+)", line))
        for word in shlex.split(found[1])
        if re.fullmatch(r"[a-z-]+", word)
    }
    assert {"check", "test", "package", "glue", "plan", "deploy"} <= used
    assert used - set(targets()) == set()


@pytest.mark.parametrize("target", NAMED_TARGETS)
def test_named_targets_call_verbs_that_exist(target: str) -> None:
    recipe = targets()[target] or targets()["deploy-webapp"]
    words = shlex.split(recipe.strip())[1:]
    assert {word for word in words if word.startswith("--")} <= options_of(words)


def test_options_given_to_targets_exist() -> None:
    given = [line for _, line in COMMANDS if "OPTIONS=" in line]
    assert len(given) == 2
    for line in given:
        assert set(re.findall(r"--[a-z-]+", line)) <= options_of(["deploy"])


def test_only_planning_and_applying_get_a_token() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert {job: made["permissions"] for job, made in JOBS.items() if "permissions" in made} == {
        "plan": TOKEN,
        "apply": TOKEN,
    }
    assert "secrets." not in FILE.read_text("utf-8")
    assert "pull_request_target" not in FILE.read_text("utf-8")


def test_who_assumes_which_role() -> None:
    roles = {
        job: step["with"]["role-to-assume"]
        for job, step in STEPS
        if step.get("uses", "").startswith("aws-actions/")
    }
    assert roles == {
        "plan": "${{ vars.AWS_PLAN_ROLE_ARN }}",
        "apply": "${{ vars.AWS_APPLY_ROLE_ARN }}",
    }


def test_only_main_is_applied_behind_an_environment_after_all_checks() -> None:
    apply = JOBS["apply"]
    assert apply["if"] == "github.event_name == 'push' && github.ref == 'refs/heads/main'"
    assert apply["environment"] == "dev"
    assert set(apply["needs"]) == set(JOBS) - {"plan", "apply"}
    assert apply["concurrency"]["cancel-in-progress"] == "false"
    assert "head.repo.full_name == github.repository" in JOBS["plan"]["if"]
    assert not any("deploy ENV" in line for job, line in COMMANDS if job != "apply")


def test_checkouts_leave_no_credentials_and_actions_are_pinned() -> None:
    for _, step in STEPS:
        if uses := step.get("uses"):
            assert re.fullmatch(r"[\w-]+/[\w-]+@(v\d+|[0-9a-f]{40})", uses)
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] == "false"
    assert all("timeout-minutes" in made for made in JOBS.values())


def test_no_text_of_strangers_reaches_a_shell() -> None:
    assert [line for _, line in COMMANDS if "${{" in line] == []
