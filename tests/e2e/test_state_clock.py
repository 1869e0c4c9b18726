"""A wall clock that jumps: times that are waited for are another clock's."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import Answer, call

HOUR_S = 3600
YEAR_S = 366 * 86_400
LIMIT_S = 1.0
LATEST_S = 10.0

# Python runs a module of this name before anything else: the proxy's wall clock is ours.
CLOCK = """
import datetime, os, time

_seconds, _nanoseconds, _real = time.time, time.time_ns, datetime.datetime
_path = os.environ["CLOCK_SHIFT_FILE"]


def _shift():
    with open(_path) as file:
        return int(file.read() or 0)


class _Shifted(_real):
    @classmethod
    def now(cls, tz=None):
        return _real.fromtimestamp(time.time(), tz)


time.time = lambda: _seconds() + _shift()
time.time_ns = lambda: _nanoseconds() + _shift() * 10**9
datetime.datetime = _Shifted
"""


class Clock:
    """The wall clock of a proxy."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = folder / "shift"
        (folder / "sitecustomize.py").write_text(CLOCK)
        self.env = {"PYTHONPATH": str(folder), "CLOCK_SHIFT_FILE": str(self._file)}
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Be that far from the real time from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock that goes right."""
    return Clock(tmp_path / "clock")


def ask(proxy: Proxy, model: str) -> Answer:
    return call(proxy.port, proxy.key, "openai_chat", model, stream=False)


def timed(proxy: Proxy, model: str) -> tuple[Answer, float]:
    begun = time.monotonic()
    return ask(proxy, model), time.monotonic() - begun


def test_f90_jumps_of_the_clock_end_no_wait_and_keep_rows_in_order(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock, clock: Clock
) -> None:
    settings = {"plain_first_byte_timeout_s": LIMIT_S, "cooldown_base_s": 0}
    proxy = start_proxy(settings=settings, env=clock.env)
    cli = Cli(proxy.data_dir)
    cli.ok(
        *("accounts", "add", "one", "--provider", "custom", "--base-url", shared_mock.url),
        *("--api-key", "sk-one"),
    )
    wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
    made: list[str | None] = []

    for shift in (HOUR_S, -10 * YEAR_S):
        with ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(timed, proxy, "fault:hang")
            time.sleep(LIMIT_S / 3)
            clock.jump(shift)
            answer, took = hanging.result(LATEST_S)
        assert answer.status == 504
        assert LIMIT_S * 0.9 < took < LATEST_S
        made.append(answer.header("x-codegate-request-id"))

        limited = ask(proxy, "fault:status-429-after-1")
        cooling = time.monotonic()
        assert limited.status == 429
        clock.jump(-shift)
        refused = ask(proxy, "mock-large")
        if time.monotonic() - cooling < 0.9:
            assert refused.status == 429
        made += [a.header("x-codegate-request-id") for a in (limited, refused)]
        wait_until(lambda: ask(proxy, "mock-small").status == 200, LATEST_S, "the end of cooling")
        assert time.monotonic() - cooling > 0.9

    made.append(ask(proxy, "mock-large").header("x-codegate-request-id"))
    assert made == sorted(made, key=str), "ids follow the order of the requests"
    assert len(set(made)) == len(made)

    def rows() -> list[str]:
        return [r["request_id"] for r in cli.ok("logs", "--json", "--limit", "999").json()["items"]]

    wait_until(lambda: made[-1] in rows(), 5, "the last row")
    assert [r for r in rows() if r in made] == made


def test_the_clock_of_these_tests_is_the_proxy_s(
    start_proxy: Callable[..., Proxy], clock: Clock
) -> None:
    proxy = start_proxy(env=clock.env)
    clock.jump(-10 * YEAR_S)
    ask(proxy, "m")
    year = int(proxy.wait_exchanges(1)[0]["time"][:4])
    assert year < time.gmtime().tm_year - 8
