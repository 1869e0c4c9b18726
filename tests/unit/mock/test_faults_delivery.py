"""Faults of the bytes on the wire: pieces, lengths, chunks, heads, ends."""

import json

import pytest

from codegate.mock import ThreadedMock
from tests.unit.mock.faulty import Ask, ask_for, both, streamed, texts
from tests.unit.mock.raw import CHAT_BODY, CHAT_HEADERS, RawClient, chat, messages, request_bytes


@both
@streamed
@pytest.mark.parametrize("fault", ["split-every-byte", "split-random-7"])
def test_pieces(mock: ThreadedMock, ask: Ask, stream: bool, fault: str) -> None:
    response = ask_for(mock, ask, fault, stream=stream)
    assert response.end == "complete"
    plain = ask(mock, model=f"fault:{fault}", stream=stream)
    assert plain.body == response.body
    if stream:
        sizes = {len(chunk) for chunk in response.chunks}
        assert sizes == {1} if fault != "split-random-7" else len(sizes) > 5
        assert [len(chunk) for chunk in plain.chunks] == [len(chunk) for chunk in response.chunks]
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]


def test_drip_takes_its_time(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "drip-1")
    assert response.seconds >= len(response.body) / 1000


def test_drip_status(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "drip-status-1")
    assert (response.status, response.end) == (200, "complete")
    assert response.seconds >= len(response.head) / 1000


@streamed
def test_length_too_long(mock: ThreadedMock, stream: bool) -> None:
    response = ask_for(mock, chat, "length-too-long", stream=stream)
    assert response.end == "eof"
    assert int(response.header("content-length") or 0) == len(response.body) + 20


@streamed
def test_length_too_short(mock: ThreadedMock, stream: bool) -> None:
    body = json.dumps({**CHAT_BODY, "model": "fault:length-too-short", "stream": stream})
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/chat/completions", CHAT_HEADERS, body.encode()))
        response = client.read_response()
        while len(client.buffer) < 20:
            client.receive()
    assert response.end == "complete"
    assert len(client.buffer) == 20


@streamed
def test_until_close(mock: ThreadedMock, stream: bool) -> None:
    response = ask_for(mock, chat, "until-close", stream=stream)
    assert response.end == "eof"
    assert response.header("content-length") is None
    assert response.header("transfer-encoding") is None
    assert response.body.endswith(b"[DONE]\n\n" if stream else b"}")


@both
@streamed
@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ("chunk-bad-size", "bad chunk"),
        ("chunk-no-final", "eof"),
        ("chunk-trailers", "complete"),
        ("chunk-extensions", "complete"),
    ],
)
def test_chunks(mock: ThreadedMock, ask: Ask, stream: bool, fault: str, end: str) -> None:
    response = ask_for(mock, ask, fault, stream=stream)
    assert (response.end, response.header("transfer-encoding")) == (end, "chunked")


def received(mock: ThreadedMock, fault: str) -> bytes:
    """Everything that comes until the connection is idle."""
    body = json.dumps({**CHAT_BODY, "model": f"fault:{fault}"}).encode()
    head = request_bytes(
        "POST", "/v1/chat/completions", {**CHAT_HEADERS, "connection": "close"}, body
    )
    with RawClient(mock) as client:
        client.send(head)
        found = b""
        while data := client.sock.recv(65536):
            found += data
    return found


def test_chunk_details(mock: ThreadedMock) -> None:
    assert received(mock, "chunk-trailers").endswith(
        b"\r\n0\r\nx-checksum: 0123abcd\r\nx-elapsed: 12\r\n\r\n"
    )
    assert b';signature="a;b"\r\n' in received(mock, "chunk-extensions")


def test_heads(mock: ThreadedMock) -> None:
    assert len(ask_for(mock, chat, "headers-200k").head) > 200_000
    assert len(ask_for(mock, chat, "headers-500").headers) > 500
    assert b"\r\nx-folded: first\r\n  second" in received(mock, "obs-fold")
    assert b"\r\nbad name@: value" in received(mock, "bad-header-name")


@pytest.mark.parametrize("fault", ["close-after-answer", "close-after-ms-50"])
@streamed
def test_close_after_answer(mock: ThreadedMock, stream: bool, fault: str) -> None:
    body = json.dumps({**CHAT_BODY, "model": f"fault:{fault}", "stream": stream}).encode()
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/chat/completions", CHAT_HEADERS, body))
        response = client.read_response()
        assert response.end == "complete"
        assert response.header("connection") is None
        assert client.sock.recv(1) == b""
    mock.wait_until(lambda: mock.requests[0].outcome == "answered")


def test_edge_headers(mock: ThreadedMock) -> None:
    response = ask_for(mock, messages, "set-cookie-headers")
    names = [name for name, _ in response.headers]
    assert names.count("set-cookie") == 2
    assert {"server", "alt-svc", "cf-ray", "via", "x-accel-buffering", "request-id"} <= set(names)
    assert "anthropic-ratelimit-requests-reset" in names
