"""One attempt of the extension by itself, without a proxy around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager

from codegate import native


@asynccontextmanager
async def attempting(
    url: str, wire_format: str, path: str, parts: Iterable[bytes], model: str
) -> AsyncIterator[native.Attempt]:
    """The attempt to send ``parts`` to ``path`` of the upstream at ``url``, which calls the model
    ``model``; its bridge is open meanwhile."""
    async with upstream_client() as client:
        yield await sent(client, url, wire_format, path, parts, model)


@asynccontextmanager
async def upstream_client() -> AsyncIterator[native.Client]:
    """A client whose bridge is closed behind it."""
    loop = asyncio.get_running_loop()
    bridge = native.Bridge(loop)
    loop.add_reader(bridge.fileno(), bridge.drain)
    try:
        yield native.Client(bridge, None, "")
    finally:
        loop.remove_reader(bridge.fileno())
        bridge.close()


def sent(
    client: native.Client,
    url: str,
    wire_format: str,
    path: str,
    parts: Iterable[bytes],
    model: str,
) -> Awaitable[native.Attempt]:
    """What ``attempting`` awaits."""
    deadlines = native.Deadlines(
        connect_s=5,
        first_byte_s=5,
        idle_s=5,
        total_s=5,
        write_s=5,
        keep_alive_s=0,
        max_answer_bytes=1 << 20,
    )
    return client.send(
        native.Target(wire_format, url, None, []),
        path,
        native.Request.parse(wire_format, list(parts)),
        native.Head([]),
        model,
        None,
        deadlines,
        5,
    )
