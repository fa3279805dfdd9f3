"""The clients of the soak: questions, events in ones to hundreds, upserts and erasures."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field

USERS, ITEMS = 20_000, 5_000


@dataclass
class Seen:
    """What the clients saw."""

    acknowledged: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    interrupted: int = 0  # requests whose connection a killed process took along
    answers: list[tuple[float, str, float]] = field(default_factory=list)  # when, kind, seconds


class Connection:
    """HTTP/1.1 over one connection, no more than the load needs."""

    def __init__(self, host: str, port: int) -> None:
        self._where = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """(status, body) of one request."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._where)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length:"))
        return int(lines[0].split()[1]), await reader.readexactly(length)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def event(user: int, item: int, event_id: str) -> dict[str, str]:
    kind = ("view", "view", "add_to_cart", "purchase")[item % 4]
    return {"userId": f"u{user}", "itemId": f"i{item}", "event_type": kind, "event_id": event_id}


async def client(
    number: int, where: tuple[str, int], until: float, seen: Seen, faults: bool
) -> None:
    """One request after another, until the time is over. Erased users post no events."""
    draw, count = random.Random(number), 0
    connection = Connection(*where)
    while time.monotonic() < until:
        count += 1
        user, choice = draw.randrange(USERS), draw.random()
        ids: list[str] = []
        if choice < 0.4:
            kind, request = "read", ("GET", f"/v1/recommendations/personalized?userId=u{user}", b"")
        elif choice < 0.5:
            path = draw.choice(["popular", "trending", f"related?itemId=i{user % ITEMS}"])
            kind, request = "read", ("GET", f"/v1/recommendations/{path}", b"")
        elif choice < 0.97:
            size = draw.choice([1, 1, 10, 100])
            ids = [f"e{number}-{count}-{n}" for n in range(size)]
            posted = [event(user, draw.randrange(ITEMS), one) for one in ids]
            kind, path = "write", "/v1/events/batch"
            request = ("POST", path, json.dumps({"events": posted}).encode())
        elif choice < 0.99:
            attributes = json.dumps({"price": user % 50, "name": f"item {user}"}).encode()
            kind, request = "write", ("PUT", f"/v1/items/i{user % ITEMS}", attributes)
        else:
            kind, request = "write", ("DELETE", f"/v1/users/gone-{user}", b"")
        began = time.monotonic()
        status = await ask_until_answered(connection, request, seen, faults)
        seen.answers.append((began, kind, time.monotonic() - began))
        seen.statuses[status] += 1
        if status == 202:
            seen.acknowledged.update(ids)
        elif status >= 400 or status == 0:
            seen.errors.append(f"{request[1]}: {status}")
    connection.close()


async def ask_until_answered(
    connection: Connection, request: tuple[str, str, bytes], seen: Seen, faults: bool
) -> int:
    """The status; 0: no answer. Where processes are killed, a request whose connection broke is
    sent again as it was, as any client would: its event ids keep it from counting twice."""
    for _ in range(5 if faults else 1):
        try:
            return (await connection.ask(*request))[0]
        except (OSError, asyncio.IncompleteReadError):
            connection.close()
            seen.interrupted += 1
    return 0
