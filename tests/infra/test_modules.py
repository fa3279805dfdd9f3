"""Every module and environment is written, valid and planned as it should, by Terraform itself."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

INFRA = Path(__file__).parents[2] / "infra"
FOLDERS = sorted(
    {
        str(path.parent.relative_to(INFRA))
        for place in ("modules", "envs")
        for path in (INFRA / place).glob("*/*.tf")
    }
)
TESTED = [folder for folder in FOLDERS if (INFRA / folder / "tests").is_dir()]


@pytest.mark.server
def test_everything_is_formatted(terraform: Any) -> None:
    done = terraform.run(".", "fmt", "-check", "-recursive", "-diff")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
@pytest.mark.parametrize("folder", TESTED)
def test_it_is_valid_and_its_plans_are_as_they_should(terraform: Any, folder: str) -> None:
    assert terraform.test(folder) >= 1


def test_every_module_and_environment_has_plans() -> None:
    assert [folder for folder in FOLDERS if folder not in TESTED] == []


@pytest.mark.server
def test_a_plan_that_fails_is_seen(terraform: Any) -> None:
    """What the tests above rest on: a wrong expectation is an error of theirs."""
    folder = "modules/doubted"
    place = terraform.infra / folder
    (place / "tests").mkdir(parents=True)
    (place / "main.tf").write_text('output "one" {\n  value = 1\n}\n')
    expectation = (
        'run "one" {\n  command = plan\n  assert {\n    condition     = output.one == 2\n'
        '    error_message = "one is not two"\n  }\n}\n'
    )
    (place / "tests" / "one.tftest.hcl").write_text(expectation)
    with pytest.raises(AssertionError, match="one is not two"):
        terraform.test(folder)


@pytest.mark.server
def test_what_is_not_valid_is_seen_though_no_plan_has_it(terraform: Any) -> None:
    """Without ``terraform validate``: each plan is checked like that first."""
    folder = "modules/not-valid"
    place = terraform.infra / folder
    (place / "tests").mkdir(parents=True)
    resource = 'resource "terraform_data" "never" {\n  count = 0\n  nothing = 1\n}\n'
    (place / "main.tf").write_text(resource)
    (place / "tests" / "one.tftest.hcl").write_text('run "one" {\n  command = plan\n}\n')
    with pytest.raises(AssertionError, match=r'argument named "nothing" is not\s+expected'):
        terraform.test(folder)


def test_without_terraform_a_sentence_says_so(
    terraform_tools: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match=r"Terraform 1\.9 or newer"):
        terraform_tools.binary()


def test_a_mirror_that_is_named_must_hold_the_provider(
    terraform_tools: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TF_PLUGIN_DIR", str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="hashicorp/aws"):
        terraform_tools.mirror()
    (tmp_path / terraform_tools.PROVIDER).mkdir(parents=True)
    assert terraform_tools.mirror() == tmp_path
