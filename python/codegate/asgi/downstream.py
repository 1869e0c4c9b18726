"""One request as an ASGI server offers it."""

from __future__ import annotations

from functools import cache

from codegate import native
from codegate.asgi.types import Message, Receive, Scope, Send
from codegate.downstream.base import SERVER, ClientGone, Downstream, Header, PartSink

_NATIVE_SENDER = "granian"


class AsgiDownstream(Downstream):
    """A scope with its two channels."""

    __slots__ = ("_receive", "_scope", "_send")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """``scope`` is of the type ``http``."""
        self._scope = scope
        self._receive = receive
        self._send = send
        self.method = scope["method"]
        self.path = scope["path"]
        self.query = scope["query_string"]
        self.head = native.Head(scope["headers"])

    @property
    def address(self) -> str:
        """See ``Downstream``."""
        client = self._scope.get("client")
        return str(client[0]) if client else ""

    async def receive(self, sink: PartSink) -> None:
        """See ``Downstream``."""
        receive = self._receive
        missing = self.head.content_length
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            if part:
                sink.add(part)
            if not message.get("more_body", False):
                return
            if missing is not None:
                missing -= len(part)
                # The server tells a body's end in a message of its own, for which nothing waits
                # where the size was declared.
                if missing <= 0:
                    return

    async def left(self) -> None:
        """See ``Downstream``."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def send(self, status: int, headers: list[Header], body: bytes) -> None:
        """See ``Downstream``."""
        send = self._send
        await send(
            _start(status, headers, _is_granian(type(getattr(send, "__self__", send)).__module__))
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def relay(
        self, status: int, headers: list[Header], attempt: native.Attempt
    ) -> native.Relayed:
        """Granian's ``send`` may be called from any thread; the extension then never waits for
        the event loop between two events. For every other server each piece is awaited here."""
        send = self._send
        is_granian = _is_granian(type(getattr(send, "__self__", send)).__module__)
        await send(_start(status, headers, is_granian))
        if is_granian:
            return await attempt.relay(send)
        while True:
            piece = await attempt.next_chunk()
            if isinstance(piece, native.Relayed):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return piece
            await send({"type": "http.response.body", "body": piece, "more_body": True})


def _start(status: int, headers: list[Header], is_granian: bool) -> Message:
    """Granian sends the head of an event stream at once, in a write of its own, even where all of
    the stream follows. It knows one by how its media type begins, and white space before a value
    means nothing (RFC 9110, 5.5). Other servers refuse it there."""
    headers.append(SERVER)
    if is_granian:
        for index, (name, value) in enumerate(headers):
            if name == b"content-type":
                if value.startswith(b"text/event-stream"):
                    headers[index] = (name, b" " + value)
                break
    return {"type": "http.response.start", "status": status, "headers": headers}


@cache
def _is_granian(module: str) -> bool:
    return module.lstrip("_").startswith(_NATIVE_SENDER)
