"""The functions of an emulator: each zip is unpacked once and run by ``LambdaHost``.

Part of the emulator's own process. One call of a function at a time, as one environment of Lambda
has it; several functions at once.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from threading import Lock
from typing import Any

from lambda_host import LambdaHost  # type: ignore[import-not-found]

PASSED_ON = ("PATH", "HOME", "NUMBA_CACHE_DIR", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class Functions:
    def __init__(self) -> None:
        self._root = Path(os.environ.get("FUNCTIONS_FOLDER") or tempfile.gettempdir())
        self._lock = Lock()
        self._hosts: dict[tuple[str, str, str], tuple[Any, Lock]] = {}

    def invoke(self, function: Any, body: Any, answered: dict[str, Any]) -> Any:
        """As moto has it: the body of the answer; headers go into ``answered``."""
        host, one_at_a_time = self._host(function)
        with one_at_a_time:
            answer = host.invoke(json.loads(body or b"{}"))
        answered["x-amz-executed-version"] = "$LATEST"
        if answer.failed:
            answered["x-amz-function-error"] = "Unhandled"
        return json.dumps(answer.payload).encode()

    def _host(self, function: Any) -> tuple[Any, Lock]:
        given = dict(function.environment_vars or {})
        key = (function.function_arn, function.code_sha_256, json.dumps(given, sort_keys=True))
        with self._lock:
            if key not in self._hosts:
                code = self._unpacked(function.code_sha_256, function.code_bytes)
                self._hosts[key] = self._started(function, code, given), Lock()
            return self._hosts[key]

    def _unpacked(self, name: str, zipped: bytes) -> Path:
        folder = self._root / "".join(c for c in name if c.isalnum())
        if not folder.exists():
            with zipfile.ZipFile(io.BytesIO(zipped)) as file:
                file.extractall(folder)
        return folder

    def _started(self, function: Any, code: Path, given: dict[str, str]) -> Any:
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **kept,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{os.environ['MOTO_PORT']}",
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "PYTHONPATH": str(code),
            **given,
        }
        told = Path(given.get("TOLD") or self._root / f"{function.function_name}.log")
        return LambdaHost(function.handler, environment, told, float(function.timeout))
