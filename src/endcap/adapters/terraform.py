"""Terraform as a process: its JSON lines as progress, its failures as errors of ours."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from endcap.domain.errors import Conflict, InvalidInput, Unavailable

OLDEST = (1, 9)
_LOCK = re.compile(r"^\s*(ID|Operation|Who|Created):\s+(.+)$", re.MULTILINE)

Told = Callable[[Mapping[str, Any]], None]


class Terraform:
    """``terraform`` in one folder. ``environment``: its variables; ``TF_PLUGIN_DIR`` among them
    names a mirror of providers. Raises InvalidInput (terraform_missing, terraform_old)."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        found = shutil.which("terraform", path=environment.get("PATH", ""))
        if found is None:
            raise InvalidInput("terraform_missing", field="terraform")
        self.folder = folder
        self.environment = {**environment, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        self._binary = found
        told = str(self._read("version", "-json").get("terraform_version", "0.0"))
        numbers = tuple(int(n) for n in re.findall(r"\d+", told)[:2])
        if numbers < OLDEST:
            raise InvalidInput("terraform_old", field="terraform", value=told)

    def init(self, *, backend: bool = True) -> None:
        """Fetch provider and modules. Without ``backend`` no state is reached, for validating."""
        words = ["init", "-input=false", "-no-color"]
        if mirror := self.environment.get("TF_PLUGIN_DIR"):
            words.append(f"-plugin-dir={mirror}")
        self._run([*words, *([] if backend else ["-backend=false"])])

    def validate(self) -> None:
        """Raises Unavailable (terraform_failed) with the first thing that is wrong."""
        found = self._read("validate", "-json")
        self._judge("validate", 0 if found["valid"] else 1, found["diagnostics"])

    def plan(self, out: Path, variables: Mapping[str, Any], *words: str) -> None:
        """Write a plan. It holds what it was given: the caller removes it."""
        given = [f"-var={name}={_word(value)}" for name, value in variables.items()]
        self._stream(["plan", "-json", "-input=false", f"-out={out}", *given, *words], _nothing)
        out.chmod(0o600)

    def shown(self, plan: Path) -> dict[str, Any]:
        """A plan as Terraform describes it."""
        return self._read("show", "-json", str(plan))

    def state(self) -> dict[str, Any]:
        """What stands, as the state file has it (version 4): no provider is started for that.
        Empty where nothing does. It holds values that are nobody's business."""
        return self._read("state", "pull")

    def apply(self, plan: Path, told: Told) -> None:
        """Apply; an interrupt is passed on once, and Terraform is waited for."""
        self._stream(["apply", "-json", "-input=false", str(plan)], told)

    def _read(self, *words: str) -> dict[str, Any]:
        done = self._call(words)
        try:
            found: dict[str, Any] = json.loads(done.stdout or "{}")
        except ValueError:
            self._judge(words[0], 1, [{"severity": "error", "summary": done.stderr}])
            raise
        if done.returncode and "diagnostics" not in found:
            self._judge(words[0], done.returncode, [_plain(done.stderr)])
        return found

    def _run(self, words: Sequence[str]) -> None:
        done = self._call(words)
        self._judge(words[0], done.returncode, [_plain(done.stderr)])

    def _call(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._binary, *words], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def _stream(self, words: Sequence[str], told: Told) -> None:
        process = subprocess.Popen(
            [self._binary, *words], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True,  # the terminal's own interrupt would be a second one
        )  # fmt: skip
        wrong: list[Mapping[str, Any]] = []
        interrupted = False
        lines = self._lines(process)
        while True:
            try:
                for line in lines:
                    if line.get("type") == "diagnostic":
                        wrong.append(line["diagnostic"])
                    told(line)
                code = process.wait()
                break
            except KeyboardInterrupt:
                if not interrupted:
                    process.send_signal(signal.SIGINT)
                interrupted = True
                lines = self._lines(process)
        if interrupted:
            raise KeyboardInterrupt
        self._judge(words[0], code, wrong)

    def _lines(self, process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
        assert process.stdout is not None  # noqa: S101
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)

    def _judge(self, verb: str, code: int, found: Sequence[Mapping[str, Any]]) -> None:
        """Raises Conflict (state_locked), Unavailable (apply_failed,
        terraform_failed) where it failed."""
        if code == 0:
            return
        errors = [one for one in found if one.get("severity") == "error"]
        first = errors[0] if errors else {"summary": f"exit code {code}"}
        text = f"{first.get('summary', '')}\n{first.get('detail', '')}"
        if "state lock" in text:
            lock = dict(_LOCK.findall(text))
            raise Conflict(
                "state_locked", field=self.folder.name, value=lock.get("ID", "?").strip(),
                who=lock.get("Who", "somebody").strip(), since=lock.get("Created", "?").strip(),
            )  # fmt: skip
        where = f" ({first['address']})" if first.get("address") else ""
        reason = " ".join(text.split())[:140]
        if verb == "apply":
            raise Unavailable("apply_failed", field=self.folder.name, reason=reason + where)
        raise Unavailable("terraform_failed", field=verb, reason=reason + where)


def _plain(text: str) -> dict[str, str]:
    """Terraform's words on stderr without its frame."""
    words = re.sub(r"[╷│╵]|\x1b\[[0-9;]*m", "", text)
    begins = words.find("Error:")
    return {"severity": "error", "summary": words[max(begins, 0) :].strip()}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _nothing(line: Mapping[str, Any]) -> None:
    pass
