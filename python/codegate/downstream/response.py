"""Writing answers that are already whole."""

from __future__ import annotations

import orjson

from codegate.downstream.base import Downstream, Header

JSON_TYPE: Header = (b"content-type", b"application/json")
NO_STORE: Header = (b"cache-control", b"no-store")


async def send_json(
    downstream: Downstream, status: int, value: object, headers: list[Header] | None = None
) -> None:
    """Send ``value`` as JSON."""
    await downstream.send(status, [JSON_TYPE, NO_STORE, *(headers or [])], orjson.dumps(value))


async def send_text(downstream: Downstream, status: int, content_type: bytes, body: bytes) -> None:
    """Send a text of the given type."""
    await downstream.send(status, [(b"content-type", content_type), NO_STORE], body)


def header_text(value: str, limit: int = 256) -> bytes:
    """``value`` as a header may carry it: printable ASCII, the rest replaced, cut at ``limit``."""
    if value.isascii() and value.isprintable() and len(value) <= limit:
        return value.encode("ascii")
    return bytes(b if 32 <= b < 127 else 63 for b in value[:limit].encode("utf-8"))
