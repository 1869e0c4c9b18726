"""Failover over two accounts of one format, against real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.proxy import Proxy
from tests.support.raw import call, check_error, events, is_error_event

Starter = Callable[..., Proxy]


@pytest.fixture
def second() -> Iterator[ThreadedMock]:
    """The mock behind the second account; it always answers well."""
    with run_in_thread(Options()) as provider:
        yield provider


@pytest.fixture
def pair(mock: ThreadedMock, second: ThreadedMock, start_proxy: Starter, wire_format: str) -> Proxy:
    """A proxy whose first account is ``mock`` and whose second is ``second``."""
    return start_proxy(
        upstreams=[f"{wire_format}={mock.url}", f"{wire_format}={second.url}"],
        settings={
            "first_byte_timeout_s": 1,
            "plain_first_byte_timeout_s": 1,
            "cooldown_base_s": 1,
            "cooldown_max_s": 4,
        },
    )


FAULTS = [
    "reset-before-status",
    "status-500",
    "status-503",
    "status-529",
    "status-429-after-2",
    "status-401",
    "html-200",
    "error-200",
    "empty-200",
    "hang",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_client_never_notices(
    pair: Proxy, mock: ThreadedMock, wire_format: str, stream: bool, fault: str
) -> None:
    mock.fault = fault
    answer = call(pair.port, pair.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 200
    assert answer.is_complete
    assert answer.header("x-codegate-account") == f"{wire_format}-2"
    assert answer.header("x-codegate-attempts") == "2"
    (line,) = pair.wait_exchanges(1)
    assert [a["account"] for a in line["attempts"]] == [wire_format, f"{wire_format}-2"]
    assert line["outcome"] == "ok"


def test_f23_first_event_is_an_error(
    pair: Proxy, mock: ThreadedMock, second: ThreadedMock, wire_format: str
) -> None:
    mock.fault = "error-first-event"
    answer = call(pair.port, pair.key, wire_format, "mock-large", stream=True)
    assert answer.status == 200
    assert not any(is_error_event(event, wire_format) for event in events(answer.body))
    assert len(second.requests) == 1


def test_f28_a_cooling_account_is_left_alone_then_probed_once(
    pair: Proxy, mock: ThreadedMock, wire_format: str
) -> None:
    mock.fault = "status-500"
    call(pair.port, pair.key, wire_format, "mock-large", stream=False)
    seen = len(mock.requests)
    for _ in range(5):
        assert call(pair.port, pair.key, wire_format, "mock-large", stream=False).status == 200
    assert len(mock.requests) == seen, "asked while cooling"
    mock.fault = None
    time.sleep(1.1)
    answer = call(pair.port, pair.key, wire_format, "mock-large", stream=False)
    assert answer.header("x-codegate-account") == wire_format
    assert len(mock.requests) == seen + 1


def test_a_clients_fault_is_not_tried_elsewhere(
    pair: Proxy, mock: ThreadedMock, second: ThreadedMock, wire_format: str
) -> None:
    mock.fault = "status-422"
    answer = call(pair.port, pair.key, wire_format, "mock-large", stream=False)
    check_error(answer, wire_format, 422)
    assert len(second.requests) == 0


def test_f17_a_lone_account_gets_a_second_chance(
    mock: ThreadedMock, start_proxy: Starter, wire_format: str, stream: bool
) -> None:
    proxy = start_proxy(upstreams=[f"{wire_format}={mock.url}"])
    mock.script("status-500", None)
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 200
    first, again = mock.requests
    assert first.body == again.body


def test_f12_a_told_delay_is_the_clients_when_nobody_else_is_there(
    mock: ThreadedMock, start_proxy: Starter, wire_format: str
) -> None:
    proxy = start_proxy(upstreams=[f"{wire_format}={mock.url}"])
    mock.fault = "status-429-after-30"
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=False)
    check_error(answer, wire_format, 429)
    assert answer.header("retry-after") == "30"
    seen = len(mock.requests)
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=False)
    check_error(answer, wire_format, 429)
    assert 25 <= int(answer.header("retry-after") or 0) <= 30
    assert len(mock.requests) == seen, "asked while cooling by the upstream's word"


def test_switching_can_be_turned_off(
    mock: ThreadedMock, second: ThreadedMock, start_proxy: Starter
) -> None:
    proxy = start_proxy(
        upstreams=[f"openai_chat={mock.url}", f"openai_chat={second.url}"],
        settings={"auto_switch_on_rate_limit": "off"},
    )
    mock.fault = "status-429-after-30"
    check_error(call(proxy.port, proxy.key, "openai_chat", "m", stream=False), "openai_chat", 429)
    assert len(second.requests) == 0


def test_after_the_commit_nothing_is_tried_again(
    pair: Proxy, mock: ThreadedMock, second: ThreadedMock, wire_format: str
) -> None:
    mock.fault = "reset-after-3"
    answer = call(pair.port, pair.key, wire_format, "mock-large", stream=True)
    assert answer.status == 200
    found = events(answer.body)
    assert is_error_event(found[-1], wire_format)
    assert sum(is_error_event(event, wire_format) for event in found) == 1
    assert len(second.requests) == 0
