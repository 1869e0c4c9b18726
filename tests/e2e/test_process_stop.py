"""F85 and F86: how the proxy stops."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import (
    Answer,
    RawClient,
    events,
    head,
    headers_of,
    is_error_event,
    model_request,
    path_of,
    request,
)

STREAMS = 20
Start = Callable[..., Proxy]


def upstreams(mock: ThreadedMock) -> list[str]:
    """The mock for both formats."""
    return [f"{name}={mock.url}" for name in ("anthropic_messages", "openai_chat")]


def ask(proxy: Proxy, wire_format: str, model: str, *, stream: bool = True) -> RawClient:
    """A client that has sent its whole request."""
    body = model_request(wire_format, model, stream=stream)
    client = RawClient(proxy.port, 20)
    headers = headers_of(wire_format, proxy.key)
    client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
    return client


def finish(client: RawClient) -> Answer:
    """The whole answer."""
    with client:
        return client.read_answer()


def is_refused(proxy: Proxy) -> bool:
    """Whether a new connection gets nowhere."""
    try:
        return request(proxy.port, "GET", "/livez", timeout_s=2).status >= 500
    except OSError:
        return True


def check_ended(proxy: Proxy) -> None:
    """Nobody listens any more, no process is left, every line of the log is JSON."""
    assert is_refused(proxy)
    for line in proxy.log.splitlines():
        json.loads(line)


def test_f85_idle_the_proxy_stops_at_once(start_proxy: Start, mock: ThreadedMock) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        proxy = start_proxy(upstreams=upstreams(mock))
        # An idle connection is no reason to wait.
        with RawClient(proxy.port) as idle:
            idle.send(head("GET", "/livez"))
            idle.read_answer()
            started = time.monotonic()
            proxy.signal(number)
            assert proxy.wait() == 0
            assert time.monotonic() - started < 5
        check_ended(proxy)


def test_f85_streams_end_in_their_own_time(
    start_proxy: Start, mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(upstreams=upstreams(mock))
    model = "fault:pace-200"
    clients = [ask(proxy, wire_format, model) for _ in range(STREAMS)]
    wait_until(lambda: proxy.health()["exchanges"] == STREAMS)
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    wait_until(lambda: is_refused(proxy), 2, "new connections to be refused")
    for client in clients:
        answer = finish(client)
        assert answer.status == 200
        assert answer.is_complete
        names = [name for name, _ in events(answer.body)]
        datas = [data for _, data in events(answer.body)]
        end = names[-1] == "message_stop" if wire_format == "anthropic_messages" else None
        assert end or datas[-1] == "[DONE]"
    assert proxy.wait() == 0
    assert time.monotonic() - started < 11
    found = proxy.exchanges()
    assert len(found) == STREAMS, "the log was not flushed"
    assert {row["outcome"] for row in found} == {"ok"}
    check_ended(proxy)


def test_f85_readiness_says_so_before_the_listener_closes(
    start_proxy: Start, mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(upstreams=upstreams(mock), settings={"drain_delay_s": 2})
    assert proxy.get("/readyz") == (200, b"ok\n")
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    wait_until(lambda: proxy.get("/readyz")[0] == 503, 2, "readiness to turn")
    assert proxy.get("/livez")[0] == 200
    assert proxy.health()["status"] == "draining"
    refused = finish(ask(proxy, wire_format, "mock-large"))
    assert refused.status == 503
    assert refused.header("x-codegate-error") == "draining"
    assert refused.header("retry-after") == "1"
    assert proxy.wait() == 0
    assert 1.9 < time.monotonic() - started < 7
    check_ended(proxy)


def test_f86_streams_that_last_too_long_get_an_error_event(
    start_proxy: Start, mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(upstreams=upstreams(mock), settings={"drain_timeout_s": 1})
    clients = [ask(proxy, wire_format, "fault:busy") for _ in range(STREAMS)]
    silent = ask(proxy, wire_format, "fault:stall-after-3")
    wait_until(lambda: proxy.health()["exchanges"] == STREAMS + 1)
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    for client in (*clients, silent):
        answer = finish(client)
        assert answer.status == 200
        assert answer.is_complete
        found = events(answer.body)
        assert is_error_event(found[-1], wire_format), found[-1]
        assert sum(is_error_event(event, wire_format) for event in found) == 1
    assert proxy.wait() == 0
    assert time.monotonic() - started < 1 + 4
    rows = proxy.exchanges()
    assert len(rows) == STREAMS + 1
    assert {row["outcome"] for row in rows} == {"drained"}
    check_ended(proxy)
    mock.wait_until(lambda: all(entry.closed_at for entry in mock.requests))


def test_f86_who_still_waits_for_a_first_byte_gets_an_error(
    start_proxy: Start, mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    proxy = start_proxy(upstreams=upstreams(mock), settings={"drain_timeout_s": 1})
    client = ask(proxy, wire_format, "fault:hang", stream=stream)
    wait_until(lambda: proxy.health()["exchanges"] == 1)
    started = time.monotonic()
    proxy.signal(signal.SIGTERM)
    answer = finish(client)
    assert answer.status == 503
    assert answer.header("x-codegate-error") == "draining"
    assert answer.json()["error"]["message"]
    assert proxy.wait() == 0
    assert time.monotonic() - started < 1 + 4
    (row,) = proxy.exchanges()
    assert row["outcome"] == "drained"
    assert row["status"] == 503
    check_ended(proxy)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay_s", [0, 20])
def test_f86_a_second_signal_ends_it_at_once(
    start_proxy: Start, mock: ThreadedMock, second: signal.Signals, delay_s: int
) -> None:
    proxy = start_proxy(upstreams=upstreams(mock), settings={"drain_delay_s": delay_s})
    with ask(proxy, "openai_chat", "fault:busy") as client:
        client.read_head()
        worker = proxy.worker()
        proxy.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert proxy.process.poll() is None
        started = time.monotonic()
        proxy.signal(second)
        proxy.wait()
        assert time.monotonic() - started < 3
    wait_until(lambda: not is_alive(worker), 2, "the worker to be gone")
    check_ended(proxy)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
