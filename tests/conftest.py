"""Fixtures for every test: wire formats, a mock upstream, a proxy in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codegate.config import INTERFACES
from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support import interface
from tests.support.proxy import Proxy
from tests.support.scripted import Script, Scripted, scripted
from tests.support.secure import Secure, secure_pair

FORMATS = ("anthropic_messages", "openai_chat")
ONE_SECOND = {
    # Tests share these proxies: no account may be left alone because of the test before.
    "cooldown_base_s": 0,
    # Nor may the account of the other format answer in place of one that breaks on purpose.
    "auto_switch_on_error": "off",
    "auto_switch_on_rate_limit": "off",
    "connect_timeout_s": 1,
    "first_byte_timeout_s": 1,
    "plain_first_byte_timeout_s": 1,
    "idle_timeout_s": 1,
    "total_timeout_s": 10,
    "body_timeout_s": 1,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--interface rsgi`` runs every proxy so."""
    parser.addoption("--interface", choices=INTERFACES, default="asgi")


def pytest_configure(config: pytest.Config) -> None:
    """Before a proxy is started."""
    interface.choose(config.getoption("--interface"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what this interface cannot do."""
    if interface.chosen() != "rsgi":
        return
    for item in items:
        if getattr(item, "originalname", item.name) in interface.NEEDS_BACK_PRESSURE:
            item.add_marker(pytest.mark.skip(reason="needs back-pressure"))


@pytest.fixture(params=FORMATS)
def wire_format(request: pytest.FixtureRequest) -> str:
    """Each wire format in turn."""
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    """Plain, then streamed."""
    return bool(request.param)


@pytest.fixture
def mock() -> Iterator[ThreadedMock]:
    """A mock provider on a fresh port."""
    with run_in_thread(Options()) as provider:
        yield provider


@pytest.fixture
def start_proxy(tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Starts proxies that end with the test; their logs are checked (I5, I8)."""
    started: list[Proxy] = []

    def start(**options: Any) -> Proxy:
        proxy = Proxy(tmp_path / f"data{len(started)}", **options)
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.stop()
    for proxy in started:
        proxy.check_log()


@pytest.fixture(scope="session")
def shared_mock() -> Iterator[ThreadedMock]:
    """One mock for tests that only need answers; select faults by model name.

    Its journal forgets nothing of a whole run, so that a test may count from where it began.
    """
    with run_in_thread(Options(journal_size=100_000)) as provider:
        yield provider


@pytest.fixture(scope="session")
def shared_proxy(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """One proxy with one-second deadlines in front of ``shared_mock``."""
    proxy = Proxy(
        tmp_path_factory.mktemp("shared") / "data",
        upstreams=[f"{name}={shared_mock.url}" for name in FORMATS],
        settings=ONE_SECOND,
    )
    yield proxy
    proxy.stop()
    proxy.check_log()


@pytest.fixture(scope="session")
def scripted_upstream() -> Iterator[Scripted]:
    """One upstream of plain sockets; a test sets what it does."""
    with scripted(lambda peer: peer.close()) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def shared_scripted_proxy(
    scripted_upstream: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """One proxy with one-second deadlines in front of ``scripted_upstream``."""
    data_dir = tmp_path_factory.mktemp("scripted") / "data"
    upstreams = [f"{name}={scripted_upstream.url}" for name in FORMATS]
    proxy = Proxy(data_dir, upstreams=upstreams, settings=ONE_SECOND)
    yield proxy
    proxy.stop()
    proxy.check_log()


@pytest.fixture
def scripted_proxy(
    shared_scripted_proxy: Proxy, scripted_upstream: Scripted
) -> Iterator[Callable[[Script], Proxy]]:
    """Sets what the upstream does and returns the proxy in front of it."""

    def use(script: Script) -> Proxy:
        scripted_upstream.script = script
        return shared_scripted_proxy

    yield use
    scripted_upstream.script = lambda peer: peer.close()


@pytest.fixture(scope="session")
def secure_h1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A mock that speaks HTTP/1.1 over TLS, and a proxy with one-second deadlines before it."""
    directory = tmp_path_factory.mktemp("secure-h1")
    with secure_pair(directory, "http/1.1", formats=FORMATS, settings=ONE_SECOND) as secure:
        yield secure


@pytest.fixture(scope="session")
def secure_h2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """The same over HTTP/2."""
    directory = tmp_path_factory.mktemp("secure-h2")
    with secure_pair(directory, "h2", formats=FORMATS, settings=ONE_SECOND) as secure:
        yield secure


@pytest.fixture(params=["secure_h1", "secure_h2"], ids=["h1", "h2"])
def secure(request: pytest.FixtureRequest) -> Iterator[Secure]:
    """Each protocol over TLS in turn."""
    found: Secure = request.getfixturevalue(request.param)
    yield found
    found.mock.fault = None
