"""Faults between a written request and the first byte to the client."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.conftest import FORMATS
from tests.support.aftermath import aftermath, check_good, check_refusal, undisturbed
from tests.support.proxy import UPSTREAM_KEY, Proxy, running
from tests.support.raw import Answer, call, exact_request, post
from tests.support.scripted import SSE_HEAD, Peer, Script, chunk, whole


def turn(proxy: Proxy, wire_format: str, model: str, *, stream: bool) -> Answer:
    return call(proxy.port, proxy.key, wire_format, model, stream=stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A proxy with two accounts for each format; ``first`` is tried first."""

    proxy: Proxy
    first: ThreadedMock
    second: ThreadedMock


@pytest.fixture
def pair(mock: ThreadedMock, start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock) -> Pair:
    """Fresh, for an account that failed is left alone for a while."""
    upstreams = [f"{name}={each.url}" for name in FORMATS for each in (mock, shared_mock)]
    return Pair(proxy=start_proxy(upstreams=upstreams), first=mock, second=shared_mock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A proxy whose upstream redirects to a listener; ``connections`` are those it got."""

    proxy: Proxy
    mock: ThreadedMock
    connections: list[object]


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    connections: list[object] = []

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connections.append(listener.accept())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        target = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with run_in_thread(Options(canary=target)) as mock:
            upstreams = [f"{name}={mock.url}" for name in FORMATS]
            with running(tmp_path_factory.mktemp("canary") / "data", upstreams=upstreams) as proxy:
                yield Canary(proxy=proxy, mock=mock, connections=connections)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_f9_reset_before_status(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    before = len(shared_mock.requests)
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = turn(shared_proxy, wire_format, "fault:reset-before-status", stream=stream)
        check_refusal(answer, wire_format, 502)
    assert after.line["attempts"][0]["reason"] == "reset"
    assert len(shared_mock.requests) - before <= 2


def test_f9_a_fresh_connection_gets_one_try(
    scripted_proxy: Callable[[Script], Proxy], wire_format: str, stream: bool
) -> None:
    seen: list[int] = []

    def reset(peer: Peer) -> None:
        seen.append(peer.number)
        peer.reset()

    proxy = scripted_proxy(reset)
    with aftermath(proxy, "upstream_error", exchanges=4):
        # The first ones use up whatever is pooled.
        for _ in range(4):
            seen.clear()
            check_refusal(turn(proxy, wire_format, "any", stream=stream), wire_format, 502)
    assert len(seen) == 1


def test_f10_silence_before_the_head(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    with aftermath(shared_proxy, "timeout") as after:
        begun = time.monotonic()
        answer = turn(shared_proxy, wire_format, "fault:hang#f10", stream=stream)
        ended = time.monotonic()
        check_refusal(answer, wire_format, 504)
        assert 0.9 < ended - begun < 3
        entry = shared_mock.requests[-1]
        shared_mock.wait_until(lambda: entry.closed_at is not None)
        assert entry.closed_at is not None
        assert entry.closed_at - ended < 1
    assert after.line["error_code"] == "upstream_first_byte_timeout"


def test_f10_silence_disturbs_nobody(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    with (
        aftermath(shared_proxy, "timeout", "client_closed", exchanges=2),
        undisturbed(shared_proxy),
    ):
        turn(shared_proxy, wire_format, "fault:hang", stream=stream)


def test_f10_silence_after_the_head(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    with aftermath(shared_proxy, "timeout"):
        answer = turn(shared_proxy, wire_format, "fault:hang-after-headers", stream=stream)
        check_refusal(answer, wire_format, 504)


def test_f11_each_byte_of_a_dripped_head_restarts_nothing(
    shared_proxy: Proxy, wire_format: str, stream: bool
) -> None:
    with aftermath(shared_proxy, "timeout"):
        begun = time.monotonic()
        answer = turn(shared_proxy, wire_format, "fault:drip-status-100", stream=stream)
        assert time.monotonic() - begun < 3
        check_refusal(answer, wire_format, 504)


def test_f21_html_with_status_200(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = turn(shared_proxy, wire_format, "fault:html-200", stream=stream)
        error = check_refusal(answer, wire_format, 502)
        assert "Sign in" not in error["message"]
    assert after.line["error_code"] == "upstream_bad_body"


def test_f21_html_error_page(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        answer = turn(shared_proxy, wire_format, "fault:html-502", stream=stream)
        error = check_refusal(answer, wire_format, 502)
        assert "Bad Gateway" not in error["message"]


@pytest.mark.parametrize("fault", ["json-for-stream", "sse-for-json"])
def test_f21_the_other_kind_of_answer(shared_proxy: Proxy, wire_format: str, fault: str) -> None:
    with aftermath(shared_proxy, "upstream_error"):
        is_streaming = fault == "json-for-stream"
        answer = turn(shared_proxy, wire_format, f"fault:{fault}", stream=is_streaming)
        check_refusal(answer, wire_format, 502)


def test_f22_error_object_with_status_200(
    shared_proxy: Proxy, wire_format: str, stream: bool
) -> None:
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = turn(shared_proxy, wire_format, "fault:error-200", stream=stream)
        assert answer.status >= 500
        check_refusal(answer, wire_format, answer.status)
    assert after.line["status"] == answer.status


def test_f22_error_object_with_status_200_goes_to_the_next(
    pair: Pair, wire_format: str, stream: bool
) -> None:
    pair.first.fault = "error-200"
    with aftermath(pair.proxy, "ok") as after:
        answer = turn(pair.proxy, wire_format, "mock-large", stream=stream)
        check_good(answer, wire_format, stream=stream)
    first, second = after.line["attempts"]
    assert first["reason"].startswith("status_5")
    assert second["reason"] == "ok"


def test_f23_first_event_is_an_error(shared_proxy: Proxy, wire_format: str) -> None:
    # The type of the error stands for the status: overloaded_error, server_error.
    status = 529 if wire_format == "anthropic_messages" else 500
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = turn(shared_proxy, wire_format, "fault:error-first-event", stream=True)
        check_refusal(answer, wire_format, status)
    assert after.line["attempts"][0]["reason"] == f"status_{status}"


def test_f23_first_event_is_an_error_and_the_next_answers(pair: Pair, wire_format: str) -> None:
    pair.first.fault = "comments+error-first-event"
    body = exact_request(wire_format, "mock-large", stream=True)
    with aftermath(pair.proxy, "ok"):
        answer = post(pair.proxy.port, pair.proxy.key, wire_format, body)
    assert answer.header("x-codegate-attempts") == "2"
    assert answer.body == post(pair.second.port, "key", wire_format, body).body


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_f24_redirects_are_not_followed(
    canary: Canary, wire_format: str, stream: bool, code: int
) -> None:
    with aftermath(canary.proxy, "upstream_error"):
        answer = turn(canary.proxy, wire_format, f"fault:redirect-{code}", stream=stream)
        error = check_refusal(answer, wire_format, 502)
    entry = canary.mock.requests[-1]
    canary.mock.wait_until(lambda: entry.status == code)
    assert "redirect" in error["message"]
    assert answer.header("x-should-retry") == "false"
    assert answer.header("location") is None
    assert canary.connections == []


def test_f25_early_hints_are_skipped(shared_proxy: Proxy, wire_format: str, stream: bool) -> None:
    with aftermath(shared_proxy, "ok"):
        answer = turn(shared_proxy, wire_format, "fault:early-hints", stream=stream)
        check_good(answer, wire_format, stream=stream)
    assert answer.header("link") is None


@pytest.mark.parametrize("fault", ["status-204", "empty-200"])
def test_f26_no_body(shared_proxy: Proxy, wire_format: str, stream: bool, fault: str) -> None:
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = turn(shared_proxy, wire_format, f"fault:{fault}", stream=stream)
        check_refusal(answer, wire_format, 502)
    assert after.line["error_code"] == "upstream_empty_body"


@pytest.mark.parametrize("head", [b"content-type: text/event-stream", b"x-none: 1"])
def test_f26_a_stream_without_an_event(
    scripted_proxy: Callable[[Script], Proxy], wire_format: str, head: bytes
) -> None:
    def answer_nothing(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\ntransfer-encoding: chunked\r\n\r\n")
        peer.send(b"0\r\n\r\n")

    proxy = scripted_proxy(answer_nothing)
    with aftermath(proxy, "upstream_error"):
        check_refusal(turn(proxy, wire_format, "any", stream=True), wire_format, 502)


@pytest.mark.parametrize("fault", ["headers-200k", "headers-500", "obs-fold", "bad-header-name"])
def test_f50_impossible_headers(
    shared_proxy: Proxy, wire_format: str, stream: bool, fault: str
) -> None:
    with aftermath(shared_proxy, "upstream_error") as after:
        answer = turn(shared_proxy, wire_format, f"fault:{fault}", stream=stream)
        check_refusal(answer, wire_format, 502)
    assert after.line["error_code"] == "upstream_protocol"


def test_f50_a_header_block_within_the_limits_passes(
    scripted_proxy: Callable[[Script], Proxy], wire_format: str
) -> None:
    headers = [b"x-number-%d: %s" % (number, b"v" * 240) for number in range(200)]

    def answer(peer: Peer) -> None:
        peer.send(whole("200 OK", b'{"id":"x","object":"y","type":"message"}', *headers))

    proxy = scripted_proxy(answer)
    with aftermath(proxy, "ok"):
        assert turn(proxy, wire_format, "any", stream=False).status == 200


def test_a_refusal_that_repeats_the_key_is_not_passed_on(
    scripted_proxy: Callable[[Script], Proxy], wire_format: str, stream: bool
) -> None:
    text = b'{"type":"error","error":{"type":"invalid_request_error","code":"x","message":"%s"}}'

    def refuse(peer: Peer) -> None:
        key = UPSTREAM_KEY.encode()
        peer.send(whole("400 Bad Request", text % key, b"x-request-id: " + key))

    proxy = scripted_proxy(refuse)
    with aftermath(proxy, "upstream_error"):
        check_refusal(turn(proxy, wire_format, "any", stream=stream), wire_format, 400)


def test_a_header_that_repeats_the_key_is_not_passed_on(
    scripted_proxy: Callable[[Script], Proxy], wire_format: str
) -> None:
    body = b'{"id":"x","object":"y","type":"message"}'
    headers = [b"request-id: " + UPSTREAM_KEY.encode(), b"x-request-id: 7"]
    proxy = scripted_proxy(lambda peer: peer.send(whole("200 OK", body, *headers)))
    with aftermath(proxy, "ok"):
        answer = turn(proxy, wire_format, "any", stream=False)
    assert answer.header("request-id") is None
    assert answer.header("x-request-id") == "7"


def test_endless_comments_before_the_first_event_are_not_kept(
    scripted_proxy: Callable[[Script], Proxy], wire_format: str
) -> None:
    def comment(peer: Peer) -> None:
        peer.send(SSE_HEAD)
        for _ in range(4096):
            peer.send(chunk(b": %s\n\n" % (b"x" * 16_000)))

    proxy = scripted_proxy(comment)
    with aftermath(proxy, "upstream_error") as after:
        check_refusal(turn(proxy, wire_format, "any", stream=True), wire_format, 502)
    assert after.line["error_code"] == "upstream_too_large"
