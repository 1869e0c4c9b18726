"""A raw upstream: keeps the exact bytes of each request, answers with exact bytes, cut as told.

It knows no wire format. What it receives is what the proxy sent; what it sends is what a test
gave it, in pieces of the test's choosing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Framing = Literal["chunked", "length", "close"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. ``pieces`` are body bytes; how they travel is up to ``framing``.

    With ``chunked`` each piece is an HTTP chunk of its own, so a receiver sees the same cuts
    however TCP packs them. ``pause_s`` is waited after each piece. ``is_endless`` repeats the last
    piece until the other side closes.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    pieces: Sequence[bytes] = ()
    framing: Framing = "chunked"
    pause_s: float = 0.0
    is_endless: bool = False


@dataclass(slots=True, kw_only=True)
class Recorded:
    """One request as it came over the wire, and what became of its answer."""

    head: bytes
    body: bytes = b""
    pieces_sent: int = 0
    closed_at: float | None = None
    """Monotonic time at which the other side closed before the answer was over."""
    is_over: bool = False

    @property
    def method(self) -> str:
        """The request's method."""
        return self.head.split(b" ", 1)[0].decode("ascii")

    @property
    def target(self) -> str:
        """Path and query."""
        return self.head.split(b" ", 2)[1].decode("ascii")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names in lower case, in order, repeated ones repeated."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return [(name.lower(), value.strip()) for name, _, value in pairs]

    def values(self, name: str) -> list[str]:
        """All values of one header."""
        return [value for known, value in self.headers if known == name]


class Replay:
    """A server on loopback in a thread of its own. ``reply`` answers whatever comes."""

    def __init__(self) -> None:
        self.reply = Reply()
        self.requests: list[Recorded] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """Where to send requests."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Recorded:
        """The newest request."""
        return self.requests[-1]

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(5), "the replay server did not start"

    def stop(self) -> None:
        """Cut every connection and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    recorded = Recorded(head=await reader.readuntil(b"\r\n\r\n"))
                    await _read_body(reader, recorded)
                    reply = self.reply
                    self.requests.append(recorded)
                    if not await _answer(reader, writer, recorded, reply):
                        return
        finally:
            self._tasks.discard(task)
            writer.close()


async def _read_body(reader: asyncio.StreamReader, recorded: Recorded) -> None:
    if recorded.values("transfer-encoding"):
        while size := int(await reader.readuntil(b"\r\n"), 16):
            recorded.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return
    (length,) = recorded.values("content-length") or ["0"]
    recorded.body = await reader.readexactly(int(length))


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recorded: Recorded, reply: Reply
) -> bool:
    """Whether the connection can serve another request."""
    lines = [f"HTTP/1.1 {reply.status} Replayed"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.framing == "chunked":
        lines.append("transfer-encoding: chunked")
    elif reply.framing == "length":
        lines.append(f"content-length: {sum(map(len, reply.pieces))}")
    else:
        lines.append("connection: close")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    gone = asyncio.ensure_future(reader.read(1)) if reply.is_endless else None
    try:
        for piece in _pieces(reply):
            if gone is not None and gone.done():
                recorded.closed_at = time.monotonic()
                return False
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if reply.framing == "chunked" else piece
            writer.write(framed)
            recorded.pieces_sent += 1
            if reply.pause_s:
                await writer.drain()
                await _pause(gone, reply.pause_s)
        if reply.framing == "chunked":
            writer.write(b"0\r\n\r\n")
        await writer.drain()
    except ConnectionError:
        recorded.closed_at = time.monotonic()
        return False
    finally:
        if gone is not None:
            gone.cancel()
    recorded.is_over = True
    return reply.framing != "close"


async def _pause(gone: asyncio.Future[bytes] | None, pause_s: float) -> None:
    if gone is None:
        await asyncio.sleep(pause_s)
    else:
        await asyncio.wait([gone], timeout=pause_s)


def _pieces(reply: Reply) -> Iterator[bytes]:
    yield from reply.pieces
    while reply.is_endless:
        yield reply.pieces[-1]


@contextlib.contextmanager
def replaying() -> Iterator[Replay]:
    """A running server for the length of a block."""
    server = Replay()
    server.start()
    try:
        yield server
    finally:
        server.stop()
