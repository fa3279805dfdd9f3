"""A whole run with marked values; logs, metrics, traces and their files hold none of them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.server

MARK = "MARKED"
USER, ITEM, PLACE, KEY = (f"{MARK}-{word}" for word in ("user", "item", "place", "key"))
QUERY = {"userId": USER, "k": "3"}
EVENT = {"userId": USER, "itemId": ITEM, "event_type": "view", "session_id": f"{MARK}-session"}


def use_everything(client: httpx.Client) -> set[int]:
    """Each kind of request, the bad ones too, with marks wherever a client can put one."""
    ask, statuses = client.request, set()
    for method, path, more in [
        ("POST", "/v1/events", {"json": EVENT, "headers": {"Idempotency-Key": KEY}}),
        ("POST", "/v1/events", {"json": EVENT | {"value": 3}, "headers": {"Idempotency-Key": KEY}}),
        ("POST", "/v1/events", {"json": EVENT | {"event_type": f"{MARK}-type"}}),
        ("POST", "/v1/events", {"json": EVENT | {"ts": f"{MARK}-time"}}),
        ("POST", "/v1/events", {"content": f'{{"userId": "{USER}", broken'}),
        ("POST", "/v1/events", {"content": USER, "headers": {"Content-Type": f"text/{MARK}"}}),
        ("POST", "/v1/events/batch", {"json": {"events": [EVENT, EVENT | {"itemId": 3}]}}),
        ("PUT", f"/v1/items/{ITEM}", {"json": {"name": f"{MARK} tea", "department": MARK}}),
        ("PUT", f"/v1/users/{USER}", {"json": {"city": f"{MARK}-city"}}),
        ("GET", f"/v1/items/{ITEM}", {}),
        ("GET", f"/v1/items/{MARK}-nothing", {}),
        ("GET", "/v1/recommendations/personalized", {"params": QUERY}),
        ("GET", "/v1/recommendations/personalized", {"params": QUERY | {"explain": "true"}}),
        ("GET", "/v1/recommendations/personalized", {"params": QUERY | {f"{MARK}x": "1"}}),
        ("GET", "/v1/recommendations/personalized", {"params": QUERY | {"k": f"{MARK}-k"}}),
        ("GET", "/v1/recommendations/related", {"params": {"itemId": ITEM}}),
        ("POST", "/v1/recommendations/rerank", {"json": {"userId": USER, "items": [ITEM, "I2"]}}),
        ("GET", "/v1/why-not", {"params": {"userId": USER, "itemId": ITEM}}),
        ("GET", "/v1/replay", {"params": {"answerId": f"{MARK}-answer", "userId": USER}}),
        ("POST", "/v1/submit", {"json": {"user_id": USER, "event": "get_recommendations"}}),
        ("POST", "/v1/recommend", {"json": {"customer_id": USER, "interest": f"{MARK} tea",
                                            "location": PLACE}}),
        ("GET", "/v1/offers", {"params": {"customer_id": USER}}),
        ("GET", f"/{MARK}/path", {"params": {MARK: MARK}}),
        ("DELETE", f"/v1/users/{USER}", {}),
        ("GET", "/v1/health", {"headers": {"Origin": f"https://{MARK}.example",
                                           "User-Agent": MARK, "Cookie": f"a={MARK}"}}),
        ("GET", "/v1/health", {"headers": {"traceparent": f"00-{MARK}",
                                           "tracestate": f"a={MARK}"}}),
        ("GET", "/metrics", {"headers": {"X-Api-Key": f"ek_{MARK}_{MARK}"}}),
        ("GET", "/metrics", {"headers": {"X-Api-Key": "", "Authorization": f"Bearer {MARK}"}}),
    ]:  # fmt: skip
        statuses.add(ask(method, path, **more).status_code)
    return statuses


def break_documents(home: Path) -> None:
    """So that requests fail inside, where texts of exceptions quote what came."""
    (path,) = home.rglob("documents.sqlite")
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("DROP TABLE documents")


def test_nobody_is_in_logs_metrics_and_traces(
    serve: Any, endcap: Any, receiver: Any, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    made = endcap("keys", "create", "--name", "test", "--scope", "read", "--scope", "write",
                  "--scope", "admin", "--json", home=home)  # fmt: skip
    key = json.loads(made.stdout)["key"]
    server = serve(
        home=home, workers=2, ENDCAP_AUTH="required", ENDCAP_OTEL="on", ENDCAP_LOG_LEVEL="debug",
        ENDCAP_SNAPSHOT_TAIL_MB="1", ENDCAP_KEEPER_INTERVAL_S="0.2",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_BSP_SCHEDULE_DELAY="200",
    )  # fmt: skip
    with server.client(headers={"X-Api-Key": key}) as client:
        statuses = use_everything(client)
        assert statuses >= {200, 202, 400, 401, 404, 415, 422}
        for _ in range(3):  # enough for the keeper to compact
            filling = [EVENT | {"attributes": {"note": MARK * 200}} for _ in range(400)]
            for number, event in enumerate(filling):
                event["itemId"] = f"{ITEM}-{number}"
            client.post("/v1/events/batch", json={"events": filling})
        metrics = client.get("/metrics").text
    break_documents(home)
    with server.client(headers={"X-Api-Key": key}) as client:
        statuses |= use_everything(client)
    os.kill(server.children("endcap.entrypoints.worker")[0], signal.SIGKILL)
    time.sleep(1.5)  # the keeper meets it as well, and a worker starts in it
    doctor = endcap("doctor", home=home, check=False, ENDCAP_AUTH="required").stdout
    server.stop()
    assert max(statuses) >= 500
    log = (tmp_path / "serve-0.log").read_text()
    for line in log.splitlines():
        assert set(json.loads(line)) >= {"at", "level", "logger", "pid", "message"}
    assert '"ended"' in log
    assert len(receiver.spans()) > 50
    assert "endcap_requests_total" in metrics
    kept = b"".join(path.read_bytes() for path in (home / "groups/default/telemetry").iterdir())
    assert b"requests_total" in kept
    secret = key.split("_", 2)[2]  # which may hold one itself
    for name, text in {
        "log": log, "metrics": metrics, "doctor": doctor,
        "traces": repr(receiver.requests()), "files": kept.decode("latin-1"),
    }.items():  # fmt: skip
        assert MARK.lower() not in text.lower(), name
        assert secret not in text, name
