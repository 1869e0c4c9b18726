"""Faults that answer otherwise: statuses, documents, redirects, silence."""

import socket

import pytest

from codegate.mock import Options, ThreadedMock, run_in_thread
from tests.unit.mock.faulty import Ask, ask_for, both, error_of, streamed
from tests.unit.mock.raw import RawClient, chat, messages, request_bytes


@both
@streamed
@pytest.mark.parametrize("code", [400, 401, 403, 404, 429, 500, 503, 529])
def test_status(mock: ThreadedMock, ask: Ask, stream: bool, code: int) -> None:
    response = ask_for(mock, ask, f"status-{code}", stream=stream)
    assert response.status == code
    assert response.header("content-type") == "application/json"
    assert error_of(response)["message"]
    assert ("request_id" in response.json()) is (ask is messages)


@pytest.mark.parametrize(
    ("fault", "name", "value"),
    [
        ("status-429-after-2", "retry-after", "2"),
        ("status-429-after-1.5", "retry-after", "1.5"),
        ("status-429-after--1", "retry-after", "-1"),
        ("status-429-after-abc", "retry-after", "abc"),
        ("status-503-after-99999999999", "retry-after", "99999999999"),
        ("status-429-after-ms-750", "retry-after-ms", "750"),
        ("status-429-no-retry", "x-should-retry", "false"),
        ("status-400-retry", "x-should-retry", "true"),
        ("status-429-reset-61", "x-ratelimit-reset-requests", "1m1s"),
        ("status-429-reset-1.5", "x-ratelimit-reset-requests", "1.5s"),
    ],
)
def test_status_with_a_delay(mock: ThreadedMock, fault: str, name: str, value: str) -> None:
    response = ask_for(mock, chat, fault)
    assert response.status == int(fault[7:10])
    assert response.header(name) == value


def test_status_with_a_date(mock: ThreadedMock) -> None:
    soon = ask_for(mock, chat, "status-429-date-3").header("retry-after")
    past = ask_for(mock, chat, "status-429-date--60").header("retry-after")
    assert soon is not None
    assert past is not None
    assert soon.endswith(" GMT")
    assert past.endswith(" GMT")
    assert soon != past


def test_status_with_a_reset_moment(mock: ThreadedMock) -> None:
    response = ask_for(mock, messages, "status-429-reset-60")
    reset = response.header("anthropic-ratelimit-requests-reset")
    assert reset is not None
    assert reset.endswith("Z")
    assert response.header("retry-after") is None


def test_status_without_a_body(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "status-204")
    assert (response.status, response.header("content-length"), response.body) == (204, None, b"")


def test_money(mock: ThreadedMock) -> None:
    theirs = ask_for(mock, messages, "spend-limit")
    assert theirs.status == 429
    assert error_of(theirs)["details"] == {"error_code": "enforced_spend_limit_reached"}
    ours = ask_for(mock, chat, "spend-limit")
    assert (ours.status, error_of(ours)["code"]) == (429, "insufficient_quota")
    assert "credit balance is too low" in str(error_of(ask_for(mock, messages, "credit-low")))
    long = error_of(ask_for(mock, messages, "prompt-too-long"))
    assert "prompt is too long" in str(long)


def test_fail_then_ok_counts_by_model_and_session(mock: ThreadedMock) -> None:
    fault = "fail-2-then-ok:503"
    assert [ask_for(mock, chat, fault).status for _ in range(4)] == [503, 503, 200, 200]
    assert [ask_for(mock, chat, fault + "#b").status for _ in range(3)] == [503, 503, 200]
    session = {"x-session-id": "s1"}
    found = [ask_for(mock, chat, fault, headers=session).status for _ in range(3)]
    assert found == [503, 503, 200]


@both
@streamed
def test_documents_that_are_not_the_answer(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    page = ask_for(mock, ask, "html-200", stream=stream)
    assert (page.status, page.header("content-type")) == (200, "text/html; charset=utf-8")
    assert b"<script>" in page.body
    assert ask_for(mock, ask, "html-502", stream=stream).status == 502
    empty = ask_for(mock, ask, "empty-200", stream=stream)
    assert (empty.status, empty.body, empty.header("content-length")) == (200, b"", "0")
    error = ask_for(mock, ask, "error-200", stream=stream)
    assert error.status == 200
    assert error_of(error)["message"] == "Overloaded"


def test_models_and_betas(mock: ThreadedMock) -> None:
    theirs = ask_for(mock, messages, "no-such-model")
    assert (theirs.status, error_of(theirs)["type"]) == (404, "not_found_error")
    assert error_of(ask_for(mock, chat, "no-such-model"))["code"] == "model_not_found"
    assert error_of(ask_for(mock, chat, "status-404"))["code"] is None
    beta = {"anthropic-beta": "new-2026-01-01"}
    assert ask_for(mock, messages, "no-betas", headers=beta).status == 400
    assert ask_for(mock, messages, "no-betas").status == 200


def test_redirect(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "redirect-307", headers={"x-mock-location": "http://a/b"})
    assert (response.status, response.header("location")) == (307, "http://a/b")
    with run_in_thread(Options(canary="http://canary/")) as other:
        assert ask_for(other, chat, "redirect-302").header("location") == "http://canary/"


@both
@streamed
def test_early_hints(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "early-hints", stream=stream)
    assert (response.early, response.status, response.end) == ([103], 200, "complete")


@pytest.mark.parametrize("fault", ["refuse-after-accept", "reset-before-status"])
def test_reset_without_an_answer(mock: ThreadedMock, fault: str) -> None:
    response = ask_for(mock, chat, fault)
    assert (response.end, response.head) == ("reset", b"")


def test_reset_before_the_body_is_read(mock: ThreadedMock) -> None:
    headers = {"x-mock-fault": "refuse-after-accept", "content-length": "1000"}
    with RawClient(mock) as client:
        client.send(request_bytes("PUT", "/v1/messages", headers))
        assert client.read_response().end == "reset"


def test_reset_at_once(mock: ThreadedMock) -> None:
    mock.fault = "refuse-after-accept"
    # The reset may come so early that connecting itself reports it.
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", mock.port), timeout=5) as sock,
    ):
        sock.recv(1)
    assert mock.requests == []


def test_hang(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "hang", timeout=0.2)
    assert (response.end, response.head) == ("timeout", b"")
    mock.wait_until(lambda: mock.requests[0].client_closed_early)


@both
@streamed
def test_hang_after_headers(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "hang-after-headers", stream=stream, silence=0.2)
    assert (response.end, response.status, response.body) == ("timeout", 200, b"")


def test_slow_first(mock: ThreadedMock) -> None:
    assert ask_for(mock, chat, "slow-first-100").seconds >= 0.1
