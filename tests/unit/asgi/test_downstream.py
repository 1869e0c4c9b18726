"""Bodies as an ASGI server hands them over."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from codegate.asgi.downstream import AsgiDownstream

END = {"type": "http.request", "body": b"", "more_body": False}
SSE = (b"content-type", b"text/event-stream")


class Parts:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        """See ``PartSink``."""
        self.parts.append(part)


def read(*headers: tuple[bytes, bytes], left: list[dict[str, Any]]) -> list[bytes]:
    """The parts that are read from a server that has the messages ``left``, which it loses."""

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/messages",
        "query_string": b"",
        "headers": list(headers),
    }
    parts = Parts()
    asyncio.run(AsgiDownstream(scope, receive, send).receive(parts))
    return parts.parts


def part(text: bytes) -> dict[str, Any]:
    """A message with more to come."""
    return {"type": "http.request", "body": text, "more_body": True}


def test_the_end_of_a_body_of_declared_size_is_not_waited_for() -> None:
    left = [part(b"ab"), part(b"cd"), END]
    assert read((b"content-length", b"4"), left=left) == [b"ab", b"cd"]
    assert left == [END]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"chunked"), (b"content-length", b"2")],
    ],
)
def test_a_body_in_chunks_is_read_to_its_end(headers: list[tuple[bytes, bytes]]) -> None:
    left = [part(b"ab"), part(b"cd"), END]
    assert read(*headers, left=left) == [b"ab", b"cd"]
    assert left == []


def test_an_empty_body_ends_with_its_first_message() -> None:
    left = [part(b""), END]
    assert read((b"content-length", b"0"), left=left) == []
    assert left == [END]


def test_another_server_gets_the_media_type_as_it_is() -> None:
    """White space before a value is a sign for Granian alone; h11 refuses it."""
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    answer = AsgiDownstream(scope, receive, send).send(200, [SSE], b"data: {}\n\n")
    asyncio.run(answer)
    assert SSE in sent[0]["headers"]
