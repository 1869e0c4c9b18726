"""What the proxy asks of a server about one request; `asgi/` and `rsgi/` each answer it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Protocol

from codegate import native

Header = tuple[bytes, bytes]

SERVER: Header = (b"server", b"codegate")
"""Without it the HTTP server underneath would name itself."""


class ClientGone(Exception):  # noqa: N818  # an event of the transport, not an error of anybody
    """The client closed its connection."""


class PartSink(Protocol):
    """Where the parts of a body go."""

    def add(self, part: bytes) -> None:
        """Take the next part. Raises whatever forbids a larger body."""


class Downstream(ABC):
    """One request and the way its answer leaves. Exactly one answer may be sent."""

    __slots__ = ("head", "method", "path", "query")

    method: str
    path: str
    """Without the query, percent-decoded."""
    query: bytes
    head: native.Head

    @property
    @abstractmethod
    def address(self) -> str:
        """The client's IP address, or empty where the server does not know it."""

    @abstractmethod
    async def receive(self, sink: PartSink) -> None:
        """Hand the body's parts to ``sink``, to its end. Raises ``ClientGone``."""

    @abstractmethod
    async def left(self) -> None:
        """Return when the client has closed its connection; the body must have been read."""

    @abstractmethod
    async def send(self, status: int, headers: list[Header], body: bytes) -> None:
        """Answer with ``body``, whose length the server adds. Takes ``headers`` over."""

    @abstractmethod
    async def relay(
        self, status: int, headers: list[Header], attempt: native.Attempt
    ) -> native.Relayed:
        """Answer with the stream of ``attempt`` and return how it ended. Takes ``headers``."""


Handler = Callable[[Downstream], Awaitable[None]]
