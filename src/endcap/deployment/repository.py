"""Where Terraform's files are, and what an environment says of itself in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from endcap.domain.errors import InvalidInput

ENVIRONMENTS = ("dev", "staging", "prod")
_DECLARED = re.compile(r'^variable "([a-z_0-9]+)" \{(.*?)^\}', re.MULTILINE | re.DOTALL)


def find_repository(starts: Sequence[Path]) -> Path:
    """The first folder, at or above one of ``starts``, that holds ``infra/envs``. Raises
    InvalidInput (no_infra): an installed package has none."""
    for start in starts:
        for folder in (start, *start.parents):
            if (folder / "infra" / "envs").is_dir():
                return folder
    raise InvalidInput("no_infra", field="infra/envs", value=str(starts[0]))


class Environment:
    """The folder of one environment. Raises InvalidInput (unknown_environment)."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.folder = root / "infra" / "envs" / name
        if not (self.folder / "main.tf").is_file():
            known = sorted(path.parent.name for path in self.folder.parent.glob("*/main.tf"))
            raise InvalidInput(
                "unknown_environment", field="--env", value=name, permitted=", ".join(known)
            )
        self.build = root / "build"
        self.plan = self.build / "deploy" / f"{name}.tfplan"
        self.unfinished = self.build / "deploy" / f"{name}.unfinished"
        text = "\n".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.tf")))
        self.declared: dict[str, str] = dict(_DECLARED.findall(text))
        self._defaults = _values(text.partition("defaults = {")[2].partition("}")[0])

    def setting(self, name: str) -> str:
        """What a file of variables, defaults.tf or the declaration says; "" where none does."""
        files = [self.folder / "terraform.tfvars", *sorted(self.folder.glob("*.auto.tfvars"))]
        given = [_values(path.read_text("utf-8")) for path in files if path.is_file()]
        declared = _values(self.declared.get(name, "")).get("default", "")
        found = [values[name] for values in reversed(given) if name in values]
        return (found or [self._defaults.get(name) or declared])[0]

    def on(self, name: str) -> bool:
        return self.setting(name) == "true"


def _values(text: str) -> dict[str, str]:
    """Plain ``name = value`` lines."""
    found = re.findall(r'^\s*([a-z_0-9]+)\s*=\s*"?([^"\n#]*?)"?\s*(?:#.*)?$', text, re.MULTILINE)
    return {name: "" if value == "null" else value for name, value in found}
