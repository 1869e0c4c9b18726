"""Half an hour of mixed load: memory, descriptors and tasks stay, and nobody is told an error that
the upstream did not make. ``SOAK_MINUTES`` makes it shorter."""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import FORMATS
from tests.support.cli import Cli
from tests.support.provider import provider_process
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import RawClient, head, headers_of, model_request, path_of

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
CLIENTS = 8
DRIFT_KIB = 1024
#: One request in so many meets a fault; one in so many hangs up in the middle of its stream.
FAULT_EVERY = 100
LEAVE_EVERY = 15
FAULTS = ("status-500", "reset-before-status", "error-after-3", "html-502", "empty-200")
#: Of all timers; a machine that others use makes some late, a loop that is blocked many.
LATE_SHARE = 0.001


class Mixture:
    """Clients that send plain requests and streams, leave, and meet faults, until told to stop."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        self.done = 0
        self.unexplained: list[str] = []

    def run(self, seconds: float) -> list[tuple[float, int]]:
        """Load for so long; (second, private memory in KiB) from beginning to end."""
        memory = []
        began = time.monotonic()
        for thread in self._threads:
            thread.start()
        while (elapsed := time.monotonic() - began) < seconds:
            memory.append((elapsed, self._proxy.rss_anon_kib()))
            time.sleep(min(1.0, seconds / 100))
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return memory

    def _work(self) -> None:
        while not self._stop.is_set() and len(self.unexplained) < 10:
            number = next(self._numbers)
            try:
                self._make(number)
                self.done += 1
            except Exception as error:
                self.unexplained.append(f"{number}: {error!r}")

    def _make(self, number: int) -> None:
        wire_format, stream = FORMATS[number % 2], number % 3 == 0
        is_fault = number % FAULT_EVERY == 0
        fault = FAULTS[number // FAULT_EVERY % len(FAULTS)]
        model = f"fault:{fault}#{number}" if is_fault else "mock-large"
        text = "hello " * (20_000 if number % 50 == 0 else 20)
        body = model_request(wire_format, model, stream=stream, text=text)
        headers = headers_of(wire_format, self._proxy.key)
        with RawClient(self._proxy.port, 60.0) as client:
            client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
            if stream and not is_fault and number % LEAVE_EVERY == 0:
                client.read_until(b"data:")
                return
            answer = client.read_answer()
        if not is_fault and (answer.status != 200 or not answer.is_complete):
            self.unexplained.append(f"{number}: {answer.status}: {answer.body[:200]!r}")


def gauge(proxy: Proxy, name: str) -> float:
    """A value of `/metrics`."""
    lines = proxy.get("/metrics")[1].decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def median_between(memory: list[tuple[float, int]], first: float, last: float) -> float:
    """The median memory in a part of the run, given as shares of it."""
    end = memory[-1][0]
    return statistics.median(kib for at, kib in memory if first * end <= at <= last * end)


@pytest.mark.soak
@pytest.mark.timeout(MINUTES * 60 + 120)
def test_half_an_hour_of_mixed_load_leaves_nothing_behind(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data")
    settings = {"cooldown_base_s": 0, "auto_switch_on_error": "off", "log_retention_days": 0}
    with provider_process() as url:
        cli.ok(
            *("accounts", "add", "one", "--provider", "custom", "--base-url", url),
            *("--endpoint", f"anthropic_messages={url}", "--api-key", "sk-one"),
        )
        with running(cli.data_dir, settings=settings) as proxy:
            wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
            mixture = Mixture(proxy)
            Mixture(proxy).run(3)
            proxy.wait_idle(10)
            descriptors = proxy.descriptors()
            memory = mixture.run(MINUTES * 60)
            proxy.wait_idle(10)
            assert mixture.unexplained == []
            assert mixture.done > 100
            # Idle upstream connections are the pool's; it closes them in their time.
            wait_until(
                lambda: proxy.descriptors() <= descriptors + CLIENTS, 90, "descriptors to be back"
            )
            late = gauge(proxy, "codegate_loop_late")
            worst_ms = gauge(proxy, "codegate_loop_late_seconds") * 1000
            assert gauge(proxy, "codegate_exchanges") == 0
            assert gauge(proxy, "codegate_bodies_bytes") == 0
    # The last sixth against that from a third on: minutes 25 to 30 and 10 to 15 of thirty.
    drift = median_between(memory, 5 / 6, 1) - median_between(memory, 1 / 3, 1 / 2)
    assert drift <= DRIFT_KIB, f"{drift:.0f} KiB more after {mixture.done} exchanges"
    timers = MINUTES * 60 / 0.1
    assert late <= timers * LATE_SHARE, (
        f"{late:.0f} of {timers:.0f} late, {worst_ms:.0f} ms at worst"
    )
