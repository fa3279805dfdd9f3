"""What ``peers.py`` asks each server: is its answer good, and what does a click do to it."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
from peer_tasks import Task

PATH = "/v1/recommendations/personalized"
MOST_JUDGED = 2000
K = 20
CLICKED = 100


class Client:
    """One kept connection to a server."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)

    def items(self, user: int, k: int, more: str = "") -> list[str]:
        told = self._ask("GET", f"{PATH}?userId=user-{user}&k={k}{more}", None, 200)
        return [item["id"] for item in told["items"]]

    def click(self, user: int, item: str) -> None:
        event = {"userId": f"user-{user}", "itemId": item, "event_type": "view"}
        self._ask("POST", "/v1/events", json.dumps(event), 202)

    def _ask(self, method: str, path: str, body: str | None, status: int) -> dict[str, list]:
        head = {"Content-Type": "application/json"} if body else {}
        self._connection.request(method, path, body, head)
        answer = self._connection.getresponse()
        raw = answer.read()
        if answer.status != status:
            raise RuntimeError(f"{method} {path}: {answer.status} {raw[:200]!r}")
        return json.loads(raw)


def quality(url: str, task: Task) -> dict[str, float]:
    """Recall@20 = hits / |tail of the user|; NDCG@20 with the ideal over min(20, |tail|)."""
    users, items = task.tail()
    judged = np.unique(users)
    if len(judged) > MOST_JUDGED:
        judged = np.random.default_rng(0).choice(judged, MOST_JUDGED, replace=False)
    client, gains = Client(url), 1 / np.log2(np.arange(K) + 2)
    more = "&seen=none" if task.repeats else "&seen=exclude_seen"
    recalls, ndcgs = [], []
    for user in judged.tolist():
        wanted = {f"item-{item}" for item in items[users == user].tolist()}
        hits = np.array([item in wanted for item in client.items(user, K, more)][:K], bool)
        recalls.append(hits.sum() / len(wanted))
        ndcgs.append(gains[: len(hits)][hits].sum() / gains[: min(K, len(wanted))].sum())
    return {
        "users_judged": float(len(judged)),
        "recall20": statistics.mean(recalls),
        "ndcg20": statistics.mean(ndcgs),
    }


def after_click(url: str, task: Task, restart: Callable[[], str]) -> dict[str, float]:
    """One click each of many users, on what leads another user's list: how many next answers
    differ in more than the clicked item, and how many still do after ``kill -9`` and a restart.

    ``restart`` returns the new URL.
    """
    client, changed, times = Client(url), {}, []
    users = [number * 31 % task.users for number in range(min(CLICKED, task.users // 2))]
    for user in users:
        before = client.items(user, 10)
        item = client.items((user + task.users // 2) % task.users, 1)[0]
        begun = time.perf_counter()
        client.click(user, item)
        after = client.items(user, 10)
        times.append((time.perf_counter() - begun) * 1e3)
        if differ(before, after, item):
            changed[user] = (before, item)
    client, kept = Client(restart()), 0
    for user, (before, item) in changed.items():
        kept += differ(before, client.items(user, 10), item)
    return {
        "click_changed": len(changed) / len(users),
        "click_kept_after_kill": kept / max(len(changed), 1) if changed else float("nan"),
        "post_get_p50_ms": statistics.median(times),
    }


def differ(before: list[str], after: list[str], item: str) -> bool:
    """Whether the order of the other items has changed."""
    others = [[other for other in told if other != item][:9] for told in (before, after)]
    return others[0] != others[1]
