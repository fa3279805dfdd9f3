"""What is written in one turn of the loop reaches the socket as one write, in order, and whole."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from endcap.entrypoints.one_write import Gathered, OneWrite


class Wire(asyncio.Transport):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 5)})
        self.asked: list[Any] = []

    def write(self, data: Any) -> None:
        self.asked.append(bytes(data))

    def close(self) -> None:
        self.asked.append("close")

    def is_closing(self) -> bool:
        return "close" in self.asked


def played(*calls: Any) -> list[Any]:
    """What reaches the wire when these are written; None ends a turn of the loop."""

    async def run() -> list[Any]:
        wire = Wire()
        gathered = Gathered(wire, asyncio.get_running_loop())
        for call in calls:
            if call is None:
                await asyncio.sleep(0)
            elif call == "close":
                gathered.close()
            else:
                gathered.write(call)
        await asyncio.sleep(0)
        assert gathered.is_closing() == wire.is_closing()
        assert gathered.get_extra_info("peername") == ("127.0.0.1", 5)
        return wire.asked

    return asyncio.run(run())


def test_head_and_body_are_one_write() -> None:
    assert played(b"head", b"body") == [b"headbody"]


def test_turns_are_apart_and_in_order() -> None:
    assert played(b"a", b"b", None, b"c", None, b"d", b"e") == [b"ab", b"c", b"de"]


def test_what_was_written_goes_before_the_end() -> None:
    assert played(b"head", b"body", "close") == [b"headbody", "close"]
    assert played("close") == ["close"]


def test_an_answer_leaves_the_protocol_in_one_write() -> None:

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hi"})

    async def run() -> list[Any]:
        config = uvicorn.Config(app, http=OneWrite, lifespan="off", log_config=None)
        config.load()
        wire = Wire()
        protocol = OneWrite(config, ServerState(), {}, asyncio.get_running_loop())
        protocol.connection_made(wire)
        for method in (b"GET", b"HEAD"):
            protocol.data_received(method + b" / HTTP/1.1\r\nhost: x\r\n\r\n")
            await asyncio.sleep(0.01)
        protocol.connection_lost(None)
        return wire.asked

    first, second, end = asyncio.run(run())
    assert end == "close"
    assert first.startswith(b"HTTP/1.1 200")
    assert first.endswith(b"\r\n\r\nhi")
    assert second.endswith(b"\r\n\r\n")
