"""F51 to F54: a client that leaves frees its upstream at once and leaves one line in the log."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable

import pytest

from codegate.mock.journal import Entry
from codegate.mock.provider import ThreadedMock
from tests.support.invariants import nothing_left, rows, wait_rows
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import RawClient, head, headers_of, model_request, path_of

TRIES = 20
FREED_S = 1.0
"""Ten times what is promised (100 ms)."""

_numbers = itertools.count()


def unique(fault: str) -> str:
    """A model name that selects ``fault`` and is no other test's."""
    return f"fault:{fault}#gone{next(_numbers)}"


def ask(proxy: Proxy, wire_format: str, model: str, *, stream: bool) -> RawClient:
    """A client that has sent its whole request."""
    body = model_request(wire_format, model, stream=stream)
    client = RawClient(proxy.port)
    headers = headers_of(wire_format, proxy.key)
    client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
    return client


def entries(mock: ThreadedMock, model: str) -> list[Entry]:
    """What the upstream received for ``model``."""
    return [entry for entry in mock.requests if entry.model == model]


def wait_asked(mock: ThreadedMock, model: str) -> Entry:
    """Wait until the upstream has the request."""
    mock.wait_until(lambda: bool(entries(mock, model)))
    return entries(mock, model)[0]


def wait_freed(mock: ThreadedMock, entry: Entry, left_at: float) -> float:
    """Seconds from ``left_at`` until the upstream saw its connection close."""
    mock.wait_until(lambda: entry.closed_at is not None)
    assert entry.closed_at is not None
    assert entry.outcome == "client_closed"
    return entry.closed_at - left_at


def test_f51_leaving_a_busy_stream_frees_the_upstream(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    delays = []
    model = unique("busy")
    with nothing_left(shared_proxy):
        for number in range(TRIES):
            client = ask(shared_proxy, wire_format, model, stream=True)
            client.read_head()
            for _ in range(3):
                client.read_chunk()
            left_at = time.monotonic()
            client.close()
            entry = entries(shared_mock, model)[number]
            delays.append(wait_freed(shared_mock, entry, left_at))
    for row in wait_rows(shared_proxy, model, TRIES):
        assert row["outcome"] == "client_closed"
        assert row["bytes_out"] > 0
        assert row["attempts"][0]["reason"] == "ok"
        if wire_format == "anthropic_messages":
            # Usage that was received before the client left still counts.
            assert row["tokens_in"] is not None
    assert max(delays) < FREED_S, delays


def test_f51_little_is_sent_after_the_client_left(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    model = unique("busy")
    client = ask(shared_proxy, wire_format, model, stream=True)
    client.read_head()
    client.read_chunk()
    entry = wait_asked(shared_mock, model)
    left_at = time.monotonic()
    client.reset()
    wait_freed(shared_mock, entry, left_at)
    (row,) = wait_rows(shared_proxy, model)
    assert row["outcome"] == "client_closed"
    assert entry.answer_bytes - row["bytes_out"] <= 64 * 1024


@pytest.mark.parametrize("fault", ["hang", "hang-after-headers", "stall-after-2"])
def test_f52_leaving_a_silent_upstream_frees_it(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool, fault: str
) -> None:
    tries = TRIES if fault == "hang" else 5
    delays = []
    with nothing_left(shared_proxy):
        models = [unique(fault) for _ in range(tries)]
        for model in models:
            client = ask(shared_proxy, wire_format, model, stream=stream)
            entry = wait_asked(shared_mock, model)
            time.sleep(0.06)  # an exchange is watched from 30 ms on
            left_at = time.monotonic()
            client.close()
            delays.append(wait_freed(shared_mock, entry, left_at))
        for model in models:
            wait_until(lambda: shared_proxy.health()["exchanges"] == 0)
            assert len(entries(shared_mock, model)) == 1, "the upstream was asked again"
    (row,) = wait_rows(shared_proxy, models[-1])
    assert row["outcome"] == "client_closed"
    assert max(delays) < FREED_S, delays


def test_f52_leaving_long_before_any_deadline_frees_it(
    start_proxy: Callable[..., Proxy], mock: ThreadedMock
) -> None:
    proxy = start_proxy(upstreams=[f"openai_chat={mock.url}"])
    for count in (1, 4):
        with ask(proxy, "openai_chat", "gpt-5-mini", stream=False) as client:
            # There is a connection to the upstream now. What comes alone is sent on it at once,
            # from the event loop's thread; more of them are sent from the extension's.
            assert client.read_answer().status == 200
        models = [unique("hang") for _ in range(count)]
        clients = [ask(proxy, "openai_chat", model, stream=False) for model in models]
        asked = [wait_asked(mock, model) for model in models]
        left_at = time.monotonic()
        for client in clients:
            client.close()
        for entry in asked:
            assert wait_freed(mock, entry, left_at) < FREED_S
        wait_until(lambda: proxy.health()["exchanges"] == 0)


def test_f52_leaving_before_the_watch_begins_is_noticed_too(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    model = unique("hang")
    client = ask(shared_proxy, wire_format, model, stream=False)
    left_at = time.monotonic()
    client.close()
    # The server may notice the close before it hands the request on: then nothing is asked.
    wait_until(lambda: shared_proxy.health()["exchanges"] == 0)
    for entry in entries(shared_mock, model):
        assert wait_freed(shared_mock, entry, left_at) < FREED_S
        (row,) = wait_rows(shared_proxy, model)
        assert row["outcome"] == "client_closed"


def test_f52_leaving_inside_the_body_reaches_no_upstream(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    model = unique("hang")
    body = model_request(wire_format, model, stream=True)
    before = len(rows(shared_proxy, ""))
    with nothing_left(shared_proxy):
        client = RawClient(shared_proxy.port)
        headers = headers_of(wire_format, shared_proxy.key)
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body[:-5])
        wait_until(lambda: shared_proxy.health()["exchanges"] == 1)
        client.close()
        shared_proxy.wait_idle()
    assert not entries(shared_mock, model)
    (row,) = wait_rows(shared_proxy, "", before + 1)[before:]
    assert row["outcome"] == "client_closed"
    assert row["error_code"] == "body_incomplete"


def test_f53_half_close_counts_as_leaving(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    model = unique("hang" if not stream else "busy")
    client = ask(shared_proxy, wire_format, model, stream=stream)
    entry = wait_asked(shared_mock, model)
    left_at = time.monotonic()
    client.socket.shutdown(socket.SHUT_WR)
    assert wait_freed(shared_mock, entry, left_at) < FREED_S
    client.socket.settimeout(5)
    while client.read_some():
        pass
    client.close()
    (row,) = wait_rows(shared_proxy, model)
    assert row["outcome"] == "client_closed"


def test_f54_a_storm_of_leaving_clients(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    model = unique("busy")
    count = 100
    with nothing_left(shared_proxy, growth_kib=32 * 1024, descriptors=16):
        clients = [ask(shared_proxy, wire_format, model, stream=True) for _ in range(count)]
        for client in clients:
            assert client.read_head().status == 200
        open_before = shared_mock.connections_open
        assert open_before >= count
        left_at = time.monotonic()
        for client in clients:
            client.reset()
        shared_mock.wait_until(
            lambda: all(entry.closed_at for entry in entries(shared_mock, model)), timeout=10
        )
        assert time.monotonic() - left_at < 10 * FREED_S
        found = wait_rows(shared_proxy, model, count, timeout_s=10)
    assert {row["outcome"] for row in found} == {"client_closed"}
    loud = [line for line in shared_proxy.log.splitlines() if '"level":"error"' in line]
    assert not loud, loud[:3]


def test_a_client_that_leaves_after_the_end_was_served_to_the_end(
    shared_proxy: Proxy, wire_format: str
) -> None:
    model = unique("deltas-4")
    end = b"message_stop" if wire_format == "anthropic_messages" else b"[DONE]"
    for _ in range(100):
        with ask(shared_proxy, wire_format, model, stream=True) as client:
            client.read_until(end)
    found = wait_rows(shared_proxy, model, 100)
    assert {row["outcome"] for row in found} == {"ok"}
