"""Faults of upstreams behind TLS, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import time

import pytest

from tests.support.aftermath import (
    aftermath,
    check_broken_stream,
    check_good,
    check_refusal,
    undisturbed,
)
from tests.support.leaving import leave
from tests.support.raw import Answer, call
from tests.support.secure import Secure


def _turn(secure: Secure, wire_format: str, model: str, *, stream: bool) -> Answer:
    return call(secure.proxy.port, secure.proxy.key, wire_format, model, stream=stream)


@pytest.mark.parametrize("fault", ["close-after-answer", "close-after-ms-0", "close-after-ms-2"])
def test_f7_closed_idle_connections(
    secure: Secure, wire_format: str, stream: bool, fault: str
) -> None:
    secure.mock.fault = fault
    with aftermath(secure.proxy, "ok", exchanges=50):
        for _ in range(50):
            answer = _turn(secure, wire_format, "mock-large", stream=stream)
            check_good(answer, wire_format, stream=stream)


@pytest.mark.parametrize("fault", ["go-away", "refuse-stream"])
def test_f7_an_http2_stream_that_was_never_begun_is_repeated(
    secure_h2: Secure, wire_format: str, stream: bool, fault: str
) -> None:
    with aftermath(secure_h2.proxy, "ok", exchanges=2) as after:
        _turn(secure_h2, wire_format, "mock-large", stream=stream)
        before = len(secure_h2.mock.requests)
        secure_h2.mock.script(fault, None)
        answer = _turn(secure_h2, wire_format, "mock-large", stream=stream)
        check_good(answer, wire_format, stream=stream)
    assert len(secure_h2.mock.requests) - before == 2
    assert [len(line["attempts"]) for line in after.lines] == [1, 1]


def test_f7_an_http2_stream_that_was_begun_is_not_repeated(
    secure_h2: Secure, wire_format: str, stream: bool
) -> None:
    with aftermath(secure_h2.proxy, "ok", "upstream_error", exchanges=2):
        _turn(secure_h2, wire_format, "mock-large", stream=stream)
        before = len(secure_h2.mock.requests)
        secure_h2.mock.script("reset-before-status", None)
        answer = _turn(secure_h2, wire_format, "mock-large", stream=stream)
        check_refusal(answer, wire_format, 502)
    assert len(secure_h2.mock.requests) - before == 1
    secure_h2.mock.provider.service.queue.clear()


def test_f10_silence(secure: Secure, wire_format: str, stream: bool) -> None:
    with aftermath(secure.proxy, "timeout"):
        answer = _turn(secure, wire_format, "fault:hang", stream=stream)
        ended = time.monotonic()
        check_refusal(answer, wire_format, 504)
        entry = secure.mock.requests[-1]
        secure.mock.wait_until(lambda: entry.closed_at is not None)
    assert entry.closed_at is not None
    assert entry.closed_at - ended < 1


def test_f23_first_event_is_an_error(secure: Secure, wire_format: str) -> None:
    with aftermath(secure.proxy, "upstream_error"):
        answer = _turn(secure, wire_format, "fault:error-first-event", stream=True)
        assert answer.status >= 500
        check_refusal(answer, wire_format, answer.status)


def test_f24_redirects_are_not_followed(secure: Secure, wire_format: str, stream: bool) -> None:
    with aftermath(secure.proxy, "upstream_error") as after:
        answer = _turn(secure, wire_format, "fault:redirect-307", stream=stream)
        check_refusal(answer, wire_format, 502)
    assert after.line["error_code"] == "upstream_redirect"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_f29_reset_in_a_stream(secure: Secure, wire_format: str, count: int) -> None:
    with aftermath(secure.proxy, "upstream_error") as after:
        answer = _turn(secure, wire_format, f"fault:reset-after-{count}", stream=True)
        assert len(check_broken_stream(answer, wire_format)) == count
    assert after.line["error_code"] == "upstream_truncated"


def test_f29_a_reset_stream_leaves_the_others_alone(secure_h2: Secure, wire_format: str) -> None:
    with (
        aftermath(secure_h2.proxy, "upstream_error", "client_closed", exchanges=6),
        undisturbed(secure_h2.proxy),
    ):
        for _ in range(5):
            answer = _turn(secure_h2, wire_format, "fault:reset-after-2", stream=True)
            check_broken_stream(answer, wire_format)


def test_f29_reset_in_a_plain_answer(secure: Secure, wire_format: str) -> None:
    with aftermath(secure.proxy, "upstream_error"):
        answer = _turn(secure, wire_format, "fault:reset-after-2", stream=False)
        check_refusal(answer, wire_format, 502)


@pytest.mark.parametrize("fault", ["gzip", "zstd", "br", "deflate"])
def test_f40_encodings(secure: Secure, wire_format: str, stream: bool, fault: str) -> None:
    with aftermath(secure.proxy, "ok"):
        answer = _turn(secure, wire_format, f"fault:{fault}", stream=stream)
        check_good(answer, wire_format, stream=stream)
    assert answer.header("content-encoding") is None


@pytest.mark.parametrize("fault", ["gzip-truncated", "gzip-lie", "gzip-double"])
def test_f40_encodings_that_lie(secure: Secure, wire_format: str, fault: str) -> None:
    with aftermath(secure.proxy, "upstream_error"):
        answer = _turn(secure, wire_format, f"fault:{fault}", stream=False)
        check_refusal(answer, wire_format, 502)


@pytest.mark.parametrize("fault", ["length-too-long", "length-too-short"])
def test_f42_lengths_that_lie(secure: Secure, wire_format: str, fault: str) -> None:
    with aftermath(secure.proxy, "upstream_error"):
        answer = _turn(secure, wire_format, f"fault:{fault}", stream=False)
        check_refusal(answer, wire_format, 502)


@pytest.mark.parametrize("fault", ["hang", "busy", "stall-after-2"])
def test_a_client_that_leaves_frees_its_upstream(
    secure: Secure, wire_format: str, fault: str
) -> None:
    with aftermath(secure.proxy, "client_closed"):
        left = leave(secure.proxy, secure.mock, wire_format, f"fault:{fault}#leave", stream=True)
    assert left < 1


def test_a_client_that_leaves_a_plain_turn_frees_its_upstream(
    secure: Secure, wire_format: str
) -> None:
    with aftermath(secure.proxy, "client_closed"):
        left = leave(secure.proxy, secure.mock, wire_format, "fault:hang#leave", stream=False)
    assert left < 1


def test_leaving_ends_the_http2_stream_and_not_the_connection(
    secure_h2: Secure, wire_format: str
) -> None:
    mock = secure_h2.mock
    with aftermath(secure_h2.proxy, "client_closed", "ok", exchanges=2):
        leave(secure_h2.proxy, mock, wire_format, "fault:busy#leave", stream=True)
        before = mock.provider.connections_total
        check_good(
            _turn(secure_h2, wire_format, "mock-large", stream=True), wire_format, stream=True
        )
    assert mock.provider.connections_total == before
