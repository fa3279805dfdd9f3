"""Real browsers, driven through the W3C WebDriver protocol: Chromium and WebKitGTK."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

_PATIENCE_S = 60


def webkit_browser() -> str:
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-*/MiniBrowser"))
    return str(found[-1]) if found else ""


# engine → (programs that must be there, command of the driver, capabilities)
ENGINES: dict[str, tuple[tuple[str, ...], tuple[str, ...], dict[str, Any]]] = {
    "chromium": (
        ("chromedriver",),
        ("chromedriver",),
        # Its own sandbox cannot be set up by root; what it opens here is our own page.
        {"goog:chromeOptions": {"args": ["--headless=new", "--no-sandbox", "--disable-gpu"]}},
    ),
    "webkit": (
        ("WebKitWebDriver", "xvfb-run", "xauth", webkit_browser()),
        ("xvfb-run", "-a", "WebKitWebDriver"),
        {"webkitgtk:browserOptions": {"binary": webkit_browser(), "args": ["--automation"]}},
    ),
}


class Browser:
    """One window. What a person does with keys and sees; ``run`` looks inside."""

    def __init__(self, driver: str, capabilities: dict[str, Any]) -> None:
        self._client = httpx.Client(base_url=driver, timeout=_PATIENCE_S)
        self._until_ready()
        wanted = {"capabilities": {"alwaysMatch": capabilities}}
        self._session = f"/session/{self._ask('POST', '/session', wanted)['sessionId']}"

    def _until_ready(self) -> None:
        end = time.monotonic() + _PATIENCE_S
        while True:
            with suppress(httpx.TransportError):
                if self._ask("GET", "/status")["ready"]:
                    return
            assert time.monotonic() < end
            time.sleep(0.05)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        told = self._client.request(method, path, json=body)
        assert told.status_code == 200, told.text
        return told.json()["value"]

    def open(self, url: str) -> None:
        self._ask("POST", f"{self._session}/url", {"url": url})

    def press(self, *keys: str) -> None:
        """Each down and up again, with the focus wherever it is."""
        steps = [{"type": kind, "value": k} for k in keys for kind in ("keyDown", "keyUp")]
        actions = [{"type": "key", "id": "keyboard", "actions": steps}]
        self._ask("POST", f"{self._session}/actions", {"actions": actions})

    def run(self, script: str) -> Any:
        """``script``: the body of a function."""
        body = {"script": script, "args": []}
        return self._ask("POST", f"{self._session}/execute/sync", body)

    def until(self, script: str) -> Any:
        """What an expression says once it is true."""
        end = time.monotonic() + _PATIENCE_S
        while not (found := self.run(f"return {script}")):
            assert time.monotonic() < end, script
            time.sleep(0.05)
        return found

    def resize(self, width: int, height: int) -> None:
        self._ask("POST", f"{self._session}/window/rect", {"width": width, "height": height})

    def close(self) -> None:
        with suppress(httpx.TransportError, AssertionError):
            self._ask("DELETE", self._session)
        self._client.close()


# Who answers: servers of a laptop, or functions on the emulator behind a gateway of that form.
TRANSPORTS = ("laptop", "http-v2", "rest-v1")
INSTANCES = 2
KNOWN_S = 1.05  # after this every instance knows what another wrote into the log


class Front:
    """Serves a shop by one of ``TRANSPORTS``; what the tests of a journey are given."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._take = request.getfixturevalue
        self.transport = str(request.param)
        self.is_laptop = self.transport == "laptop"
        self._settings: dict[str, str] = {}
        self._servers: list[Any] = []

    def serve(self, home: Path, workers: int = 2) -> Any:
        """A running ``Server``, or what stands in for it."""
        if self.is_laptop:
            return self._take("serve")(home, workers=workers)
        tools, aws, events = map(self._take, ("cloud_tools", "aws", "gateway_events"))
        for name, value in aws.environment.items():
            self._take("monkeypatch").setenv(name, value)
        self._settings = tools.made_for(aws)
        tools.bring(home, self._settings)
        disks = [self._take("tmp_path") / f"disk-{number}" for number in range(INSTANCES)]
        instances = [tools.instance(disk, self._settings) for disk in disks]
        form = events.FORMS[self.transport]
        server = tools.serve_functions(home, instances, form, events.answer_of)
        self._servers.append(server)
        return server

    def endcap(self, *words: str, home: Path) -> Any:
        """A command on the host with the lake."""
        return self._take("endcap")(*words, home=home, **self._settings)

    def until_known(self) -> None:
        """Wait until what is rare (products, erasures) has reached every instance: workers of one
        machine know it at once, functions within a second."""
        if not self.is_laptop:
            time.sleep(KNOWN_S)

    def close(self) -> None:
        for server in self._servers:
            server.stop()


@pytest.fixture(params=TRANSPORTS)
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    made = Front(request)
    yield made
    made.close()


@pytest.fixture(params=ENGINES)
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Where CI is set, a missing browser fails the test; elsewhere it is skipped, and listed."""
    programs, command, capabilities = ENGINES[request.param]
    missing = [name or "MiniBrowser" for name in programs if not shutil.which(name)]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"no {', '.join(missing)}: make setup-browsers")
    assert not missing, f"no {', '.join(missing)}: make setup-browsers"
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    driver = subprocess.Popen(
        [*command, f"--port={port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        window = Browser(f"http://127.0.0.1:{port}", capabilities)
        yield window
        window.close()
    finally:
        os.killpg(driver.pid, signal.SIGTERM)
        driver.wait(20)
