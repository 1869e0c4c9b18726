"""Sending exact bytes through the proxy, and the answers that an upstream gives to them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.proxy import Proxy
from tests.support.raw import (
    Answer,
    RawClient,
    check_error,
    events,
    head,
    headers_of,
    is_error_event,
    model_request,
    path_of,
    request,
)
from tests.support.replay import Framing, Reply
from tests.support.spans import Relayed

SSE = (("content-type", "text/event-stream; charset=utf-8"),)
JSON = (("content-type", "application/json"),)


def stream_reply(pieces: Sequence[bytes], *, framing: Framing = "chunked") -> Reply:
    """A streamed answer cut into ``pieces``."""
    return Reply(headers=SSE, pieces=pieces, framing=framing)


def json_reply(body: bytes, *, status: int = 200) -> Reply:
    """A plain answer."""
    return Reply(status=status, headers=JSON, pieces=[body], framing="length")


def post(
    proxy: Proxy,
    wire_format: str,
    body: bytes,
    headers: list[tuple[str, str]] | None = None,
    path: str | None = None,
) -> Answer:
    """Send ``body`` as an SDK of the format would."""
    sent = headers_of(wire_format, proxy.key) if headers is None else headers
    return request(proxy.port, "POST", path or path_of(wire_format), sent, body)


def post_in_pieces(proxy: Proxy, wire_format: str, pieces: Sequence[bytes]) -> Answer:
    """Send a body as HTTP chunks."""
    headers = [*headers_of(wire_format, proxy.key), ("transfer-encoding", "chunked")]
    with RawClient(proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers))
        for piece in pieces:
            client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        return client.read_answer()


def stream_request(wire_format: str) -> bytes:
    """A small request for a stream, with usage asked for where the format has that."""
    if wire_format == "openai_chat":
        return model_request(wire_format, "m", stream=True, stream_options={"include_usage": True})
    return model_request(wire_format, "m", stream=True)


def check_stream(answer: Answer, wire_format: str, expected: Relayed) -> None:
    """The answer is what ``expected`` says, to the byte."""
    if expected.ending == "refused":
        check_error(answer, wire_format)
        return
    assert answer.status == 200, answer.body
    assert answer.is_complete
    if expected.ending != "own_error":
        assert answer.body == expected.body
        return
    assert answer.body.startswith(expected.body)
    added = events(answer.body.removeprefix(expected.body))
    assert len(added) == 1
    assert is_error_event(added[0], wire_format)
