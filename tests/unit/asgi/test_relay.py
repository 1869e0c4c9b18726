"""Streams that the extension hands to the server by itself."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from codegate import native
from tests.support.attempts import attempting
from tests.support.replay import Reply, replaying

EVENTS = [
    b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n',
    *[b'event: ping\ndata: {"type":"ping"}\n\n'] * 3,
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


class PyEmptyAwaitable:
    """What the server returns for a message that it took at once."""


class Server:
    """A server's ``send`` that notes what it gets, and how often the thread was here before."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.body = b""
        self.calls: list[int] = []
        self._thread = threading.local()

    def send(self, message: dict[str, Any]) -> PyEmptyAwaitable:
        """Take a message at once."""
        self._thread.calls = getattr(self._thread, "calls", 0) + 1
        self.calls.append(self._thread.calls)
        self.body += message["body"]
        return PyEmptyAwaitable()


async def relay(url: str, server: Server) -> native.Relayed:
    """One stream from the upstream at ``url`` to ``server``."""
    parts = [b'{"model":"m","stream":true}']
    async with attempting(url, "anthropic_messages", "/v1/messages", parts, "m") as attempt:
        return await attempt.relay(server.send)


def test_the_interpreter_knows_the_relaying_thread_from_one_event_to_the_next() -> None:
    """A thread that it does not know costs it more than the event does."""
    server = Server()
    headers = (("content-type", "text/event-stream"),)
    reply = Reply(headers=headers, pieces=EVENTS, pause_s=0.05)
    with replaying() as replay:
        replay.reply = reply
        relayed = asyncio.run(relay(replay.url, server))
    assert relayed.reason == "ok"
    assert server.body == b"".join(EVENTS)
    assert len(server.calls) > 1
    assert server.calls == list(range(1, len(server.calls) + 1))
