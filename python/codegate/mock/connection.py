"""What HTTP/1.1 and HTTP/2 connections share, and what they tell the server behind them."""

import asyncio
import ipaddress
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import cast

from codegate.mock.request import BadRequestError, HttpRequest, RequestHead
from codegate.mock.steps import Departure, Wire

# Answers a request on a wire.
Handle = Callable[[HttpRequest, Wire], Awaitable[None]]


def abort_with_reset(transport: asyncio.Transport) -> None:
    """Close so that the peer gets a TCP reset; what is not sent yet is lost."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Connection(asyncio.Protocol):
    """One accepted connection. The end of the client's stream counts as its leaving."""

    transport: asyncio.Transport

    def __init__(self, host: "Host", handle: Handle) -> None:
        self.number = host.next_number()
        self.departure = Departure()
        self.is_local = False
        self._host = host
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, unless the server wants the connection to be reset."""
        self.transport = cast(asyncio.Transport, transport)
        self.is_local = _is_loopback(transport.get_extra_info("peername"))
        self._host.opened(self)
        if self._host.refuses_connections():
            abort_with_reset(self.transport)
        else:
            self.begin()

    def begin(self) -> None:
        """Called once, when the connection is ready."""

    def eof_received(self) -> None:
        """The client will send no more; the transport closes on return."""
        self.leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits for the client."""
        self.leave()
        self._host.closed(self)

    def leave(self) -> None:
        """Note that the client is gone."""
        self.departure.mark()
        self._may_write.set()

    def pause_writing(self) -> None:
        """The client reads slowly."""
        if self.departure.at is None:
            self._may_write.clear()

    def resume_writing(self) -> None:
        """It reads again."""
        self._may_write.set()

    async def drain(self) -> None:
        """Return once bytes may be written."""
        await self._may_write.wait()

    def spawn(self, task: "asyncio.Task[None]") -> None:
        """Keep a task until it is done or the connection is stopped."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cut the connection and wait for its tasks."""
        self.transport.abort()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Host(ABC):
    """What a connection asks and tells its server."""

    body_limit: int

    @abstractmethod
    def next_number(self) -> int:
        """A number for a new connection."""

    @abstractmethod
    def opened(self, connection: Connection) -> None:
        """A connection is there."""

    @abstractmethod
    def closed(self, connection: Connection) -> None:
        """It is gone."""

    @abstractmethod
    def refuses_connections(self) -> bool:
        """Whether to reset connections as soon as they are accepted."""

    @abstractmethod
    def refuses_early(self, head: RequestHead) -> bool:
        """Whether to reset before the body is read."""

    @abstractmethod
    def malformed(
        self, connection: Connection, head: RequestHead | None, error: BadRequestError
    ) -> None:
        """The client sent what is not HTTP."""

    @abstractmethod
    def incomplete(self, connection: Connection, head: RequestHead | None) -> None:
        """The client left in the middle of a request."""


def _is_loopback(address: object) -> bool:
    if not isinstance(address, tuple) or not address:
        return False
    try:
        return ipaddress.ip_address(str(address[0])).is_loopback
    except ValueError:
        return False
