"""The bridge between the event loop and the extension's thread: what its end leaves behind."""

from __future__ import annotations

import asyncio

from tests.support.attempts import sent, upstream_client

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
BODY = b'{"model":"m","messages":[]}'


async def left_by_the_end(answered: int) -> bool:
    """Whether an upstream that answered so many requests is left when the bridge closes, while it
    owes one more answer."""
    asked, left = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answered):
            await reader.readuntil(BODY)
            writer.write(ANSWER)
        await reader.readuntil(BODY)
        asked.set()
        if not await reader.read(1):
            left.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    async with upstream_client() as client:
        for _ in range(answered):
            await sent(client, url, "openai_chat", "/v1/chat/completions", [BODY], "m")
        waiting = asyncio.ensure_future(
            sent(client, url, "openai_chat", "/v1/chat/completions", [BODY], "m")
        )
        await asyncio.wait_for(asked.wait(), 5)
    try:
        await asyncio.wait_for(left.wait(), 2)
    except TimeoutError:
        return False
    finally:
        waiting.cancel()
        server.close()
    return True


def test_nothing_waits_for_an_answer_behind_the_end() -> None:
    assert asyncio.run(left_by_the_end(0))


def test_what_the_event_loop_began_does_not_either() -> None:
    # On a connection that is there already, the request leaves without the other thread.
    assert asyncio.run(left_by_the_end(1))
