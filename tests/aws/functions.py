"""The functions of an emulator: each zip is unpacked once and run by ``LambdaHost``, without a
compiler as in Lambda; an image is this checkout with the packages of this Python.

Part of the emulator's own process. One call of a function at a time, as one environment of Lambda
has it; several functions at once. Each signs with an access key of its own name (``calls.py``), and
has a home of its own where its variables say ``/tmp/endcap``, as in Lambda. A variable
``DIES=STEP:TIMES`` makes the environment of a function die in the first calls whose event names
that step, as for want of memory. ``ENVIRONMENTS=N``: its calls go to N environments in turn, each
with a disk of its own.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import Any

from calls import OWN_KEY  # type: ignore[import-not-found]
from lambda_host import LambdaHost  # type: ignore[import-not-found]

SOURCE = Path(__file__).parents[2] / "src"
PASSED_ON = ("PATH", "HOME", "NUMBA_CACHE_DIR")
HOME_IN_LAMBDA = "/tmp/endcap"  # noqa: S108 - of a function's environment


class Functions:
    def __init__(self) -> None:
        self._root = Path(os.environ.get("FUNCTIONS_FOLDER") or tempfile.gettempdir())
        self._lock = Lock()
        self._hosts: dict[tuple[str, str, str], tuple[Any, Lock]] = {}
        self._calls: Counter[str] = Counter()
        self._died: Counter[tuple[str, str]] = Counter()

    def invoke(self, function: Any, body: Any, answered: dict[str, Any]) -> Any:
        """As moto has it: the body of the answer; headers go into ``answered``."""
        host, one_at_a_time = self._host(function)
        event = json.loads(body or b"{}")
        with one_at_a_time:
            self._other_disk(function)
            answer = host.invoke(event, dies=self._dies(function, event))
        answered["x-amz-executed-version"] = "$LATEST"
        if answer.failed:
            answered["x-amz-function-error"] = "Unhandled"
        return json.dumps(answer.payload).encode()

    def _other_disk(self, function: Any) -> None:
        """As where the call before went to another environment: the home of that one is put aside,
        and what lies there is what an earlier call of this environment left."""
        given = function.environment_vars or {}
        if environments := int(given.get("ENVIRONMENTS", "0")):
            self._calls[function.function_arn] += 1
            number, home = self._calls[function.function_arn], Path(given["ENDCAP_HOME"])
            for source, target in (
                (home, home.with_suffix(f".{(number - 1) % environments}")),
                (home.with_suffix(f".{number % environments}"), home),
            ):
                if source.exists():
                    source.rename(target)

    def _dies(self, function: Any, event: Any) -> bool:
        rule = (function.environment_vars or {}).get("DIES", "")
        step, _, times = rule.partition(":")
        if not step or not isinstance(event, dict) or event.get("step") != step:
            return False
        self._died[function.function_arn, rule] += 1
        return self._died[function.function_arn, rule] <= int(times)

    def _host(self, function: Any) -> tuple[Any, Lock]:
        given = dict(function.environment_vars or {})
        key = (function.function_arn, function.code_sha_256, json.dumps(given, sort_keys=True))
        with self._lock:
            if key not in self._hosts:
                image = function.package_type == "Image"
                code = SOURCE if image else self._unpacked(function)
                self._hosts[key] = self._started(function, code, given), Lock()
            return self._hosts[key]

    def _unpacked(self, function: Any) -> Path:
        folder = self._root / "".join(c for c in function.code_sha_256 if c.isalnum())
        if not folder.exists():
            with zipfile.ZipFile(io.BytesIO(function.code_bytes)) as file:
                file.extractall(folder)
            # A function has no compiler, and compiling would take longer than all else here.
            (folder / "numba.py").write_text("raise ModuleNotFoundError(__name__, name='numba')\n")
        return folder

    def _started(self, function: Any, code: Path, given: dict[str, str]) -> Any:
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment = {
            **kept,
            "AWS_ACCESS_KEY_ID": f"{OWN_KEY}{function.function_name}",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['MOTO_PORT']}",
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "PYTHONPATH": str(code),
            **given,
        }
        if given.get("ENDCAP_HOME") == HOME_IN_LAMBDA:
            environment["ENDCAP_HOME"] = str(self._root / function.function_name / "endcap")
        told = Path(given.get("TOLD") or self._root / f"{function.function_name}.log")
        handler = function.handler or function.image_config.cmd[0]
        return LambdaHost(handler, environment, told, float(function.timeout))
