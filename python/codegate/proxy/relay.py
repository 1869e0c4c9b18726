"""Getting a stream to the client: by the extension where the server allows, else by a loop."""

from __future__ import annotations

from codegate import native
from codegate.asgi.types import Send

_NATIVE_SENDER = "_granian"


async def relay(attempt: native.Attempt, send: Send) -> native.Relayed:
    """Send the whole stream, its last message included, and return how it ended.

    Granian's ``send`` may be called from any thread; the extension then never waits for the event
    loop between two events. For every other server each piece is awaited here.
    """
    if type(send).__module__.startswith(_NATIVE_SENDER) or _is_granian_method(send):
        return await attempt.relay(send)
    while True:
        piece = await attempt.next_chunk()
        if isinstance(piece, native.Relayed):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return piece
        await send({"type": "http.response.body", "body": piece, "more_body": True})


def _is_granian_method(send: Send) -> bool:
    owner = getattr(send, "__self__", None)
    return owner is not None and type(owner).__module__.startswith("granian")
