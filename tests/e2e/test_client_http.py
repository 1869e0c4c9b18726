"""F62 to F66, F70, F71: HTTP that is wrong, old, doubled or asks for something else."""

from __future__ import annotations

import itertools
import re
import time

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.invariants import check_error, nothing_left
from tests.support.proxy import Proxy
from tests.support.raw import (
    CHAT,
    MESSAGES,
    RawClient,
    head,
    headers_of,
    model_request,
    path_of,
    request,
)

_numbers = itertools.count()
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
ROUTES = [
    *(("POST", path) for path in (MESSAGES, f"{MESSAGES}/count_tokens", CHAT)),
    *(("GET", path) for path in ("/v1/models", "/v1/models/x", "/health", "/livez", "/readyz")),
    ("GET", "/metrics"),
]


def unique() -> str:
    """A model name that is no other test's."""
    return f"mock-http-{next(_numbers)}"


def talk(proxy: Proxy, data: bytes, quiet_s: float = 0.5) -> tuple[bytes, bool]:
    """Send ``data``; what came until the close or until ``quiet_s`` of silence, and if closed."""
    seen = b""
    with RawClient(proxy.port) as client:
        try:
            client.send(data)
            client.socket.settimeout(quiet_s)
            while part := client.read_some():
                seen += part
        except TimeoutError:
            return seen, False
        except ConnectionError:
            return seen, True
    return seen, True


def statuses(seen: bytes) -> list[int]:
    """The status of every answer in what was received."""
    return [int(number) for number in _STATUS.findall(seen)]


def lines(proxy: Proxy, wire_format: str, *extra: str) -> bytes:
    """The head of a model request with raw header lines."""
    common = [f"{name}: {value}" for name, value in headers_of(wire_format, proxy.key)]
    rows = [f"POST {path_of(wire_format)} HTTP/1.1", "Host: localhost", *common, *extra]
    return "\r\n".join(rows).encode("latin-1") + b"\r\n\r\n"


# A request that asks no upstream and shows by its own status that it was taken for one.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "length", ["+4", "-1", "0x10", "4 4", "4,5", "", "99999999999999999999", "1e2"]
)
def test_f62_a_length_that_is_no_number(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, length: str
) -> None:
    before = shared_mock.journal.count
    with nothing_left(shared_proxy):
        seen, _ = talk(shared_proxy, lines(shared_proxy, wire_format, f"Content-Length: {length}"))
        found = statuses(seen)
        assert len(found) <= 1
        assert all(400 <= status < 500 for status in found), seen
    assert shared_mock.journal.count == before


@pytest.mark.parametrize(
    "extra",
    [
        ("Content-Length: {n}", "Transfer-Encoding: chunked"),
        ("Content-Length: {n}", "Content-Length: {m}"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Content-Length : {n}",),
        ("Content-Length: {n}", "X-Folded: a", " continued"),
        ("Content-Length: {n}", "X-Nul: a\0b"),
        ("Content-Length: {n}", "X-Bare: a\rb"),
        ("Content-Length: {n}", "no colon at all"),
    ],
)
def test_f62_ambiguous_framing_never_makes_a_second_request(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, extra: tuple[str, ...]
) -> None:
    body = model_request(wire_format, unique(), stream=False)
    filled = [line.format(n=len(body), m=len(body) + 1) for line in extra]
    before = shared_mock.journal.count
    with nothing_left(shared_proxy):
        data = lines(shared_proxy, wire_format, *filled) + body + SMUGGLED
        seen, _ = talk(shared_proxy, data, 1.5)
        found = statuses(seen)
        assert all(status < 500 for status in found), seen
    asked = shared_mock.journal.count - before
    assert asked == found.count(200), seen
    assert asked <= 1


def test_f62_equal_lengths_given_twice_are_one_request(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = model_request(wire_format, unique(), stream=False)
    before = shared_mock.journal.count
    length = f"Content-Length: {len(body)}"
    seen, _ = talk(shared_proxy, lines(shared_proxy, wire_format, length, length) + body)
    found = statuses(seen)
    assert found in ([200], [400])
    assert shared_mock.journal.count - before == (found == [200])


def test_f62_a_short_body_times_out_and_reaches_no_upstream(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    before = shared_mock.journal.count
    body = model_request(wire_format, unique(), stream=True)
    headers = headers_of(wire_format, shared_proxy.key)
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        length = len(body) + 10
        client.send(head("POST", path_of(wire_format), headers, length=length) + body)
        answer = client.read_answer()
        assert 0.9 < time.monotonic() - client.started < 5
        check_error(answer, wire_format, 408, "body_timeout")
        assert answer.header("connection") == "close"
        assert client.read_some() == b""
    assert shared_mock.journal.count == before


def test_f62_a_surplus_is_never_part_of_the_request(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    before = shared_mock.journal.count
    body = model_request(wire_format, unique(), stream=False)
    length = f"Content-Length: {len(body)}"
    data = lines(shared_proxy, wire_format, length) + body + b'{"model":"mock-large"}'
    seen, _ = talk(shared_proxy, data)
    assert statuses(seen)[0] == 200
    assert all(400 <= status < 500 for status in statuses(seen)[1:])
    assert shared_mock.journal.count - before == 1


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n", b"5\r\nhelloXX0\r\n\r\n"]
)
def test_f62_a_broken_chunk_is_the_clients_fault(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, chunks: bytes
) -> None:
    before = shared_mock.journal.count
    written = len(shared_proxy.log)
    with nothing_left(shared_proxy):
        data = lines(shared_proxy, wire_format, "Transfer-Encoding: chunked") + chunks
        seen, _ = talk(shared_proxy, data, 2.0)
    assert len(statuses(seen)) <= 1
    assert all(400 <= status < 500 for status in statuses(seen)), seen
    assert shared_mock.journal.count == before
    assert '"level":"error"' not in shared_proxy.log[written:]


def test_f63_pipelined_requests_are_answered_in_order(shared_proxy: Proxy) -> None:
    paths = ["/livez", "/health", "/readyz", "/nothing"] * 3
    with RawClient(shared_proxy.port) as client:
        client.send(b"".join(head("GET", path) for path in paths))
        found = [client.read_answer().status for _ in paths]
    assert found == [200, 200, 200, 404] * 3


def test_f63_what_follows_a_stream_is_answered_after_it(
    shared_proxy: Proxy, wire_format: str
) -> None:
    body = model_request(wire_format, "fault:pace-20#pipeline", stream=True)
    headers = headers_of(wire_format, shared_proxy.key)
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        start = head("POST", path_of(wire_format), headers, length=len(body))
        client.send(start + body + head("GET", "/livez"))
        stream = client.read_answer()
        assert stream.status == 200
        assert stream.is_complete
        assert client.read_answer().body == b"ok\n"


@pytest.mark.parametrize(("key", "status"), [("wrong", 401), ("right", 413)])
def test_f64_a_refusal_does_not_ask_for_the_body(
    shared_proxy: Proxy, wire_format: str, key: str, status: int
) -> None:
    given = shared_proxy.key if key == "right" else "cgk_wrong-wrong-wrong-wrong"
    headers = [*headers_of(wire_format, given), ("expect", "100-continue")]
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers, length=100 * 1024 * 1024))
        answer = client.read_head()
        assert answer.status == status, "an interim answer asked for the body"
        assert time.monotonic() - client.started < 1


def test_f64_a_good_request_is_told_to_continue(shared_proxy: Proxy, wire_format: str) -> None:
    headers = [*headers_of(wire_format, shared_proxy.key), ("expect", "100-continue")]
    body = model_request(wire_format, "mock-large", stream=False)
    with RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers, length=len(body)))
        assert client.read_head().status == 100
        client.send(body)
        assert client.read_answer().status == 200


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"GET /livez HTTP/1.0\r\n\r\n", {200}),
        (b"GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n", {200}),
        (b"GET /livez HTTP/1.1\nHost: localhost\n\n", {200, 400}),
        (b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n\r\n", {200, 400, 421}),
        (b"GET /livez HTTP/1.1\r\n\r\n", {200, 400}),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", {200, 204, 400, 404, 405}),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", {400, 421}),
        (b"GET /livez HTTP/3.7\r\nHost: localhost\r\n\r\n", {400, 505}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
        (b"GET /livez\r\n\r\n", {400}),
    ],
)
def test_f65_old_and_odd_forms(shared_proxy: Proxy, data: bytes, wanted: set[int]) -> None:
    with nothing_left(shared_proxy):
        seen, was_closed = talk(shared_proxy, data)
    found = statuses(seen)
    assert len(found) <= 1
    assert set(found) <= wanted, seen
    assert found or was_closed, "neither an answer nor a close"


def test_f65_a_request_without_host_is_served(shared_proxy: Proxy, wire_format: str) -> None:
    body = model_request(wire_format, "mock-large", stream=False)
    common = "\r\n".join(f"{n}: {v}" for n, v in headers_of(wire_format, shared_proxy.key))
    path = path_of(wire_format)
    data = f"POST {path} HTTP/1.0\r\n{common}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    seen, was_closed = talk(shared_proxy, data + body)
    assert statuses(seen) == [200]
    assert was_closed


def test_f65_two_hosts_are_refused(shared_proxy: Proxy, wire_format: str) -> None:
    headers = [("host", "localhost"), *headers_of(wire_format, shared_proxy.key)]
    body = model_request(wire_format, "mock-large", stream=False)
    answer = request(shared_proxy.port, "POST", path_of(wire_format), headers, body)
    check_error(answer, wire_format, 400, "bad_request")


@pytest.mark.parametrize(
    "path",
    [
        "//v1/messages",
        "/v1/messages/",
        "/v1//messages",
        "/v1/../api/accounts",
        "/v1/./messages",
        "/v1/%2e%2e/api/accounts",
        "/v1/messages%00",
        "/v1/messages;x=1",
        "/v1/messages%20",
        "/V1/Messages",
        "/v1/models/../messages",
    ],
)
def test_f66_a_path_is_itself_or_nothing(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, path: str
) -> None:
    before = shared_mock.journal.count
    body = model_request(wire_format, unique(), stream=False)
    headers = headers_of(wire_format, shared_proxy.key)
    answer = request(shared_proxy.port, "POST", path, headers, body)
    assert answer.status in {404, 405}, answer.body
    assert answer.header("x-codegate-error") in {"not_found", "method_not_allowed"}
    assert answer.json()["error"]["message"]
    assert shared_mock.journal.count == before


@pytest.mark.parametrize("escaped", ["/%76%31/", "/v1%2f", "%2fv1/"])
def test_f66_an_escaped_character_is_that_character(
    shared_proxy: Proxy, wire_format: str, escaped: str
) -> None:
    path = path_of(wire_format).replace("/v1/", escaped)
    headers = headers_of(wire_format, shared_proxy.key)
    body = model_request(wire_format, "mock-large", stream=False)
    answer = request(shared_proxy.port, "POST", path, headers, body)
    assert answer.status in {200, 400, 404}
    # Whatever the path is taken for, the key is asked for in the same way.
    wrong = headers_of(wire_format, "cgk_wrong-wrong-wrong-wrong")
    refused = request(shared_proxy.port, "POST", path, wrong, body).status
    assert refused == (401 if answer.status == 200 else answer.status)


@pytest.mark.parametrize(
    "extra",
    [
        [
            ("connection", "Upgrade"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        ],
        [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        [("connection", "close")],
    ],
    ids=["h2c", "websocket", "close"],
)
def test_f70_no_upgrade(
    shared_proxy: Proxy, wire_format: str, stream: bool, extra: list[tuple[str, str]]
) -> None:
    body = model_request(wire_format, "mock-large", stream=stream)
    headers = [*headers_of(wire_format, shared_proxy.key), *extra]
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        answer = client.read_answer()
        assert answer.status == 200
        assert answer.is_complete
        assert answer.header("upgrade") is None
        if extra[0][1] == "close":
            assert client.read_some() == b""


def test_f70_the_preface_of_http_2(shared_proxy: Proxy) -> None:
    with nothing_left(shared_proxy):
        seen, was_closed = talk(shared_proxy, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert was_closed
    assert all(400 <= status < 600 for status in statuses(seen)), seen


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_f71_other_methods_are_refused_with_allow(
    shared_proxy: Proxy, shared_mock: ThreadedMock, method: str, path: str
) -> None:
    before = shared_mock.journal.count
    key = [("x-api-key", shared_proxy.key)]
    for other in ("HEAD", "PUT", "DELETE", "PATCH", "BREW", "GET" if method == "POST" else "POST"):
        with RawClient(shared_proxy.port) as client:
            client.send(head(other, path, key, length=0))
            answer = client.read_head()
            assert answer.status == 405, (other, path)
            assert answer.header("allow") == f"{method}, OPTIONS"
    answer = request(shared_proxy.port, "OPTIONS", path, key)
    assert answer.status == 204
    assert answer.header("allow") == f"{method}, OPTIONS"
    assert not any(name.startswith("access-control-") for name, _ in answer.headers)
    assert shared_mock.journal.count == before


@pytest.mark.parametrize("size", [60 * 1024, 160 * 1024])
def test_a_head_well_over_64_kib_is_refused(shared_proxy: Proxy, size: int) -> None:
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        # What arrives in one piece with the last byte that fits is still taken.
        client.send(head("GET", "/livez", [("x-large", "x" * size)]))
        assert client.read_head().status == (200 if size < 64 * 1024 else 431)
