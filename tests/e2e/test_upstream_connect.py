"""Faults in reaching an upstream: addresses, names, pooled connections that are gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.conftest import FORMATS, ONE_SECOND
from tests.support.aftermath import aftermath, check_good, check_refusal, undisturbed
from tests.support.names import slow_resolver
from tests.support.proxy import Proxy, refusing_port, running
from tests.support.raw import Answer, RawClient, call, head, headers_of, model_request, path_of

PARALLEL = 20
REPEATS = 1000


def turn(proxy: Proxy, wire_format: str, model: str, *, stream: bool) -> Answer:
    return call(proxy.port, proxy.key, wire_format, model, stream=stream)


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose upstream's port nobody listens on."""
    with refusing_port() as port:
        upstreams = [f"{name}=http://127.0.0.1:{port}" for name in FORMATS]
        with running(tmp_path_factory.mktemp("nobody") / "data", upstreams=upstreams) as proxy:
            yield proxy


@pytest.fixture
def half_dead(shared_mock: ThreadedMock, start_proxy: Callable[..., Proxy]) -> Iterator[Proxy]:
    """A fresh proxy whose first account cannot be reached and whose second is well."""
    with refusing_port() as port:
        urls = (f"http://127.0.0.1:{port}", shared_mock.url)
        yield start_proxy(upstreams=[f"{name}={url}" for name in FORMATS for url in urls])


@pytest.fixture(scope="module")
def nameless(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy whose Chat upstream has a name that does not resolve, after a third of a second."""
    directory = tmp_path_factory.mktemp("nameless")
    upstreams = [
        "openai_chat=http://after-300.slow.invalid",
        f"anthropic_messages={shared_mock.url}",
    ]
    env = slow_resolver(directory)
    with running(directory / "data", upstreams=upstreams, settings=ONE_SECOND, env=env) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def late(shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose Chat upstream is found only after connecting may take no longer."""
    directory = tmp_path_factory.mktemp("late")
    upstreams = [
        f"openai_chat=http://to-2500.slow.invalid:{shared_mock.port}",
        f"anthropic_messages={shared_mock.url}",
    ]
    env = slow_resolver(directory)
    with running(directory / "data", upstreams=upstreams, settings=ONE_SECOND, env=env) as proxy:
        yield proxy


def test_f1_connection_refused(nobody: Proxy, wire_format: str, stream: bool) -> None:
    with aftermath(nobody, "upstream_error") as after:
        begun = time.monotonic()
        answer = turn(nobody, wire_format, "mock-large", stream=stream)
        assert time.monotonic() - begun < 1
        check_refusal(answer, wire_format, 502)
    assert after.line["error_code"] == "upstream_connect"


def test_f1_connection_refused_and_the_next_answers(
    half_dead: Proxy, wire_format: str, stream: bool
) -> None:
    with aftermath(half_dead, "ok") as after:
        begun = time.monotonic()
        answer = turn(half_dead, wire_format, "mock-large", stream=stream)
        assert time.monotonic() - begun < 1.5
        check_good(answer, wire_format, stream=stream)
    assert [attempt["reason"] for attempt in after.line["attempts"]] == ["connect", "ok"]
    assert answer.header("x-codegate-account") == f"{wire_format}-2"


def test_f2_a_name_that_does_not_resolve(nameless: Proxy, stream: bool) -> None:
    with aftermath(nameless, "upstream_error") as after:
        begun = time.monotonic()
        answer = turn(nameless, "openai_chat", "mock-large", stream=stream)
        assert time.monotonic() - begun < 2
        check_refusal(answer, "openai_chat", 502)
    assert after.line["error_code"] == "upstream_dns"


def test_f2_twenty_names_at_once_disturb_nobody(nameless: Proxy) -> None:
    # Beside a probe that is under way the account of the other format would answer.
    pin = [("x-codegate-account", "openai_chat")]

    def resolve(_: int) -> Answer:
        key = nameless.key
        return call(nameless.port, key, "openai_chat", "mock-large", stream=True, headers=pin)

    with (
        aftermath(nameless, "upstream_error", "client_closed", exchanges=PARALLEL + 1),
        undisturbed(nameless),
        ThreadPoolExecutor(PARALLEL) as pool,
    ):
        for answer in pool.map(resolve, range(PARALLEL)):
            check_refusal(answer, "openai_chat", 502)


def test_f3_a_name_that_is_found_too_late(late: Proxy, stream: bool) -> None:
    with (
        aftermath(late, "timeout", "client_closed", exchanges=2) as after,
        undisturbed(late),
    ):
        begun = time.monotonic()
        answer = turn(late, "openai_chat", "mock-large", stream=stream)
        assert 0.9 < time.monotonic() - begun < 2
        check_refusal(answer, "openai_chat", 504)
    assert "upstream_connect_timeout" in {line["error_code"] for line in after.lines}


class Repeater:
    """Calls over one kept connection, as fast as the answers come."""

    def __init__(self, proxy: Proxy, wire_format: str, *, stream: bool) -> None:
        body = model_request(wire_format, "mock-large", stream=stream)
        headers = headers_of(wire_format, proxy.key)
        self._request = head("POST", path_of(wire_format), headers, length=len(body)) + body
        self._port = proxy.port
        self.failures: list[bytes] = []

    def run(self, count: int) -> None:
        with RawClient(self._port) as client:
            for _ in range(count):
                client.send(self._request)
                answer = client.read_answer()
                if answer.status != 200 or not answer.is_complete:
                    self.failures.append(answer.body)


@pytest.fixture(scope="module")
def shutting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Proxy, ThreadedMock]]:
    """An upstream that closes its connections when nobody expects it."""
    with run_in_thread(Options()) as provider:
        upstreams = [f"{name}={provider.url}" for name in FORMATS]
        with running(tmp_path_factory.mktemp("shutting") / "data", upstreams=upstreams) as proxy:
            yield proxy, provider


# A thousand calls each: closed right after the answer, and 0 to 5 ms after it.
_CLOSINGS = {
    "close-after-answer": REPEATS,
    **{f"close-after-ms-{ms}": REPEATS // 6 + 1 for ms in range(6)},
}


@pytest.mark.parametrize("fault", _CLOSINGS)
def test_f7_an_upstream_that_closes_idle_connections(
    shutting: tuple[Proxy, ThreadedMock], fault: str
) -> None:
    proxy, provider = shutting
    provider.fault = fault
    kinds = [(name, stream) for name in FORMATS for stream in (False, True)]
    repeaters = [Repeater(proxy, name, stream=stream) for name, stream in kinds]
    each = _CLOSINGS[fault] // len(repeaters) + 1
    with aftermath(proxy, "ok", exchanges=each * len(repeaters), pooled=8):
        threads = [threading.Thread(target=r.run, args=(each,)) for r in repeaters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [failure for r in repeaters for failure in r.failures] == []
