"""One request as Granian offers it by RSGI.

Its stream transport queues without a limit and says nothing of what the client took: there is no
back-pressure, and what a slow client does not read stays in memory.
"""

from __future__ import annotations

from codegate import native
from codegate.downstream.base import SERVER, ClientGone, Downstream, Header, PartSink
from codegate.rsgi.types import HttpProtocol, Scope

_WHOLE_BYTES = 64 * 1024
"""A body of a declared size up to this is taken in one piece: one call instead of two."""


class RsgiDownstream(Downstream):
    """A scope and its protocol."""

    __slots__ = ("_protocol", "_scope")

    def __init__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """``scope`` is of the protocol ``http``."""
        self._scope = scope
        self._protocol = protocol
        self.method = scope.method
        self.path = scope.path
        query = scope.query_string
        self.query = query.encode("utf-8") if query else b""
        headers = scope.headers
        self.head = native.Head.of_text(
            headers.items(),
            # What cannot be read must not count as absent.
            has_host="host" in headers,
            has_account="x-codegate-account" in headers,
        )

    @property
    def address(self) -> str:
        """See ``Downstream``."""
        return self._scope.client.rpartition(":")[0].strip("[]")

    async def receive(self, sink: PartSink) -> None:
        """See ``Downstream``."""
        length = self.head.content_length
        if length is not None and length <= _WHOLE_BYTES:
            try:
                part = await self._protocol()
            except RuntimeError:
                raise ClientGone from None
            if part:
                sink.add(part)
            return
        size = 0
        async for part in self._protocol:
            if part:
                size += len(part)
                sink.add(part)
        # A body that breaks off ends like any other here.
        if length is not None and size < length:
            raise ClientGone

    async def left(self) -> None:
        """See ``Downstream``."""
        await self._protocol.client_disconnect()

    async def send(self, status: int, headers: list[Header], body: bytes) -> None:
        """See ``Downstream``."""
        headers.append(SERVER)
        self._protocol.response_bytes(status, native.text_headers(headers), body)

    async def relay(
        self, status: int, headers: list[Header], attempt: native.Attempt
    ) -> native.Relayed:
        """See ``Downstream``. The extension owns the transport from here on."""
        headers.append(SERVER)
        transport = self._protocol.response_stream(status, native.text_headers(headers))
        relaying = attempt.relay_bytes(transport)
        # The stream ends when nobody holds it any more.
        del transport
        return await relaying
