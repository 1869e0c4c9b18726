"""The RSGI vocabulary, as far as it is used here; Granian's own types are untyped at run time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

TextHeader = tuple[str, str]


class Headers(Protocol):
    """A request's headers. Values that are not printable ASCII are left out of ``items``."""

    def items(self) -> list[TextHeader]:
        """Names in lower case with their values."""

    def __contains__(self, name: str) -> bool:
        """Whether the request has such a header, readable or not."""


class Scope(Protocol):
    """What is known of a request before its body."""

    proto: str
    method: str
    path: str
    query_string: str
    client: str
    headers: Headers


class Transport(Protocol):
    """The way of a stream; it ends when nobody holds this any more."""

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Queue ``data``, without a limit."""


class HttpProtocol(Protocol):
    """A request's body in, its answer out."""

    def __call__(self) -> Awaitable[bytes]:
        """The whole body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body's parts."""

    def client_disconnect(self) -> Awaitable[None]:
        """Ends when the client has left."""

    def response_bytes(self, status: int, headers: list[TextHeader], body: bytes) -> None:
        """Answer."""

    def response_stream(self, status: int, headers: list[TextHeader]) -> Transport:
        """Begin a stream."""
