"""Fixtures for every test: wire formats, a mock upstream, a proxy in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.proxy import Proxy

FORMATS = ("anthropic_messages", "openai_chat")


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
    """One mock for tests that only need answers; select faults by model name."""
    with run_in_thread(Options()) as provider:
        yield provider


@pytest.fixture(scope="session")
def shared_proxy(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """One proxy with one-second deadlines in front of ``shared_mock``."""
    proxy = Proxy(
        tmp_path_factory.mktemp("shared") / "data",
        upstreams=[f"{name}={shared_mock.url}" for name in FORMATS],
        settings={
            "connect_timeout_s": 1,
            "first_byte_timeout_s": 1,
            "plain_first_byte_timeout_s": 1,
            "idle_timeout_s": 1,
            "total_timeout_s": 10,
            "body_timeout_s": 1,
        },
    )
    yield proxy
    proxy.stop()
    proxy.check_log()
