"""HTTP/1.1 connections: persistence, pipelining, odd requests, departures."""

import json
import socket

import pytest

from codegate.mock import Options, ThreadedMock, run_in_thread
from tests.unit.mock.raw import (
    CHAT_BODY,
    CHAT_HEADERS,
    RawClient,
    chat,
    get,
    request_bytes,
)

HEALTH = request_bytes("GET", "/health", {})
STREAM = json.dumps({**CHAT_BODY, "stream": True}).encode()
PATH = "/v1/chat/completions"


def test_one_connection_serves_many_requests(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        for _ in range(3):
            client.send(request_bytes("POST", PATH, CHAT_HEADERS, STREAM))
            assert client.read_response().end == "complete"
            client.send(HEALTH)
            assert client.read_response().json() == {"status": "ok"}
    assert {entry.connection for entry in mock.journal} == {1}
    assert chat(mock).status == 200
    assert mock.journal[-1].connection == 2


def test_pipelined_requests_are_answered_in_order(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("POST", PATH, CHAT_HEADERS, STREAM) + HEALTH * 20)
        assert client.read_response().events()[-1] == ("", "[DONE]")
        for _ in range(20):
            assert client.read_response().json() == {"status": "ok"}


@pytest.mark.parametrize("header", ["close", "keep-alive"])
def test_connection_header(mock: ThreadedMock, header: str) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("GET", "/health", {"connection": header}))
        response = client.read_response()
        assert response.header("connection") == ("close" if header == "close" else None)
        if header == "close":
            assert client.sock.recv(1) == b""


def test_http10_gets_no_chunks(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("POST", PATH, CHAT_HEADERS, STREAM, version="1.0"))
        response = client.read_response()
    assert response.header("transfer-encoding") is None
    assert response.end == "eof"
    assert response.events()[-1] == ("", "[DONE]")


def test_head_has_no_body(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("HEAD", "/health", {}))
        assert b"content-length: 15" in client.take_until(b"\r\n\r\n")
        client.send(HEALTH)
        assert client.read_response().json() == {"status": "ok"}


def test_chunked_request_body(mock: ThreadedMock) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, bytes((byte,))) for byte in STREAM) + b"0\r\n\r\n"
    headers = {**CHAT_HEADERS, "transfer-encoding": "chunked"}
    with RawClient(mock) as client:
        client.send(request_bytes("PUT", PATH, headers).replace(b"PUT", b"POST") + chunks)
        assert client.read_response().status == 200
    assert mock.requests[0].body == STREAM


def test_expect_continue_is_answered_once(mock: ThreadedMock) -> None:
    data = request_bytes("POST", PATH, {**CHAT_HEADERS, "expect": "100-continue"}, STREAM)
    head, _, body = data.partition(b"\r\n\r\n")
    with RawClient(mock) as client:
        client.send(head + b"\r\n\r\n")
        assert client.take_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
        for start in range(0, len(body), 40):
            client.send(body[start : start + 40])
        response = client.read_response()
    assert (response.early, response.status) == ([], 200)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /health\n\n HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nhost: h\r\ncontent-length: 1, 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip\r\n\r\n", 501),
    ],
)
def test_malformed_requests_end_the_connection(
    mock: ThreadedMock, data: bytes, status: int
) -> None:
    with RawClient(mock) as client:
        client.send(data)
        response = client.read_response()
        assert response.status == status
        assert client.sock.recv(1) == b""
    assert [(entry.outcome, entry.status) for entry in mock.journal] == [("malformed", status)]


def test_body_limit() -> None:
    with run_in_thread(Options(body_limit=50)) as mock:
        assert chat(mock).status == 413


def test_incomplete_requests_are_noted(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("POST", PATH, CHAT_HEADERS, STREAM)[:-5])
    mock.wait_until(lambda: len(mock.journal) == 1)
    (entry,) = mock.journal
    assert (entry.outcome, entry.target) == ("incomplete", PATH)
    assert mock.requests == []


def test_a_client_far_ahead_has_to_wait(mock: ThreadedMock) -> None:
    body = json.dumps({**CHAT_BODY, "model": "fault:slow-first-300"}).encode()
    with RawClient(mock) as client:
        client.send(request_bytes("POST", PATH, CHAT_HEADERS, body) + HEALTH * 10_000)
        assert client.read_response().status == 200
        for _ in range(10_000):
            assert client.read_response().body == b'{"status":"ok"}'


def test_half_close_counts_as_leaving(mock: ThreadedMock) -> None:
    body = json.dumps({**CHAT_BODY, "model": "fault:busy", "stream": True}).encode()
    with RawClient(mock) as client:
        client.send(request_bytes("POST", PATH, CHAT_HEADERS, body))
        client.take_until(b"\n\n")
        client.sock.shutdown(socket.SHUT_WR)
        mock.wait_until(lambda: mock.requests[0].client_closed_early)
    mock.wait_until(lambda: mock.connections_open == 0)


def test_slow_reader_holds_the_flood(mock: ThreadedMock) -> None:
    body = json.dumps({**CHAT_BODY, "model": "fault:busy+pace-0", "stream": True}).encode()
    with RawClient(mock) as client:
        client.send(request_bytes("POST", PATH, CHAT_HEADERS, body))
        client.take_until(b"\n\n")
        assert get(mock, "/health").status == 200
    mock.wait_until(lambda: mock.requests[0].client_closed_early)
    assert mock.requests[0].answer_bytes < 50_000_000


def test_large_bodies(mock: ThreadedMock) -> None:
    response = chat(mock, messages=[{"role": "user", "content": "x" * 3_000_000}])
    assert response.status == 200
    (entry,) = mock.requests
    assert entry.body is None
    assert entry.body_bytes > 3_000_000
    assert len(entry.body_sha256) == 64
