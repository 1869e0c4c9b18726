"""What becomes of state when the disk, the database or the process fails (short forms)."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import RawClient, call, head, headers_of, model_request, path_of

FLUSHED_S = 1.0


def add_account(cli: Cli, url: str) -> None:
    cli.ok(
        *("accounts", "add", "one", "--provider", "custom", "--base-url", url),
        *("--api-key", "sk-one"),
    )
    cli.ok("prices", "set", "mock-large", "--input", "1", "--output", "1")


@pytest.fixture
def live(start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock) -> Proxy:
    """A proxy with one stored account."""
    proxy = start_proxy()
    add_account(Cli(proxy.data_dir), shared_mock.url)
    wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
    return proxy


def ask(proxy: Proxy) -> int:
    return call(proxy.port, proxy.key, "openai_chat", "mock-large", stream=False).status


def stored(data_dir: Path) -> tuple[int, int, int]:
    """Rows, their cost, and the month's spend."""
    raw = sqlite3.connect(data_dir / "codegate.db")
    try:
        rows, cost = raw.execute(
            "SELECT count(*), coalesce(sum(cost), 0) FROM request_log"
        ).fetchone()
        (spend,) = raw.execute("SELECT coalesce(sum(cost), 0) FROM spend").fetchone()
    finally:
        raw.close()
    return rows, cost, spend


@pytest.mark.parametrize(
    "kills", [5, pytest.param(50, marks=(pytest.mark.soak, pytest.mark.timeout(600)))]
)
def test_f72_a_killed_process_keeps_every_acknowledged_change(
    tmp_path: Path, shared_mock: ThreadedMock, kills: int
) -> None:
    data_dir = tmp_path / "data"
    cli = Cli(data_dir)
    add_account(cli, shared_mock.url)
    acknowledged: list[str] = []
    answered: list[float] = []
    for kill in range(kills):
        proxy = Proxy(data_dir)
        stop = threading.Event()

        def load(proxy: Proxy = proxy, stop: threading.Event = stop) -> None:
            with contextlib.suppress(OSError, IndexError, ValueError):
                while not stop.is_set():
                    if ask(proxy) == 200:
                        answered.append(time.monotonic())

        clients = [threading.Thread(target=load) for _ in range(4)]
        for client in clients:
            client.start()
        # Long enough that what was answered first must have been written.
        end = time.monotonic() + FLUSHED_S + random.uniform(0.2, 0.8)
        while time.monotonic() < end:
            name = f"alias-{kill}-{len(acknowledged)}"
            if cli.run("aliases", "set", name, "mock-large").code == 0:
                acknowledged.append(name)
        os.killpg(proxy.process.pid, signal.SIGKILL)
        killed = time.monotonic()
        stop.set()
        for client in clients:
            client.join(10)
        proxy.stop()
        raw = sqlite3.connect(data_dir / "codegate.db")
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        raw.close()
        kept = {i["name"] for i in cli.ok("aliases", "list", "--json").json()["items"]}
        assert set(acknowledged) <= kept
        rows, cost, spend = stored(data_dir)
        assert spend == cost, "spend and rows are written together"
        assert rows >= len([t for t in answered if t < killed - FLUSHED_S])
        # What was lost is lost; the next round counts from here.
        answered[:] = [killed - 2 * FLUSHED_S] * rows
    assert len(acknowledged) > kills


def test_f73_a_full_disk_stops_records_only(live: Proxy) -> None:
    worker = live.worker()
    cli = Cli(live.data_dir)
    assert ask(live) == 200
    wait_until(lambda: stored(live.data_dir)[0] == 1, 5, "the first row")
    # The system refuses the worker every write behind the first block of a file.
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for _ in range(60):
        assert ask(live) == 200
    wait_until(lambda: live.health()["status"] == "degraded", 10, "the trouble to show")
    assert "disk" in live.health()["storage"]
    assert ask(live) == 200
    metrics = live.get("/metrics")[1].decode()
    waiting = next(x for x in metrics.splitlines() if x.startswith("codegate_log_waiting "))
    assert float(waiting.split()[1]) > 0
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    wait_until(lambda: live.health()["status"] == "ok", 5, "normal again without a restart")
    wait_until(lambda: stored(live.data_dir)[0] == 62, 5, "every record")
    rows, cost, spend = stored(live.data_dir)
    assert cost == spend
    assert len(cli.ok("logs", "--json", "--limit", "100").json()["items"]) == rows


def test_f76_a_locked_database_delays_nobody(live: Proxy) -> None:
    assert ask(live) == 200
    wait_until(lambda: stored(live.data_dir)[0] == 1, 5, "the first row")
    blocker = sqlite3.connect(live.data_dir / "codegate.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    slowest = 0.0
    end = time.monotonic() + 2.5
    count = 0
    while time.monotonic() < end:
        started = time.monotonic()
        assert ask(live) == 200
        slowest = max(slowest, time.monotonic() - started)
        count += 1
    assert slowest < 1.0, "a request waited for the database"
    wait_until(lambda: live.health()["storage"] != "ok", 3, "the trouble to show")
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(lambda: stored(live.data_dir)[0] == count + 1, 5, "nothing lost, nothing twice")
    _, cost, spend = stored(live.data_dir)
    assert cost == spend


def test_f76_a_command_waits_and_then_says_why(live: Proxy) -> None:
    blocker = sqlite3.connect(live.data_dir / "codegate.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    done = Cli(live.data_dir).run("aliases", "set", "a", "b")
    assert done.code == 1
    assert "locked by another process" in done.err
    assert 4 < time.monotonic() - started < 15
    blocker.execute("ROLLBACK")
    blocker.close()
    assert Cli(live.data_dir).run("aliases", "set", "a", "b").code == 0


def test_a_stop_writes_every_record(live: Proxy) -> None:
    for _ in range(20):
        assert ask(live) == 200
    live.signal(signal.SIGTERM)
    assert live.wait() == 0
    assert stored(live.data_dir)[0] == 20


def test_a_proxy_goes_on_when_its_database_is_gone(live: Proxy) -> None:
    for path in live.data_dir.glob("codegate.db*"):
        path.unlink()
    for _ in range(5):
        assert ask(live) == 200
        time.sleep(0.1)


def test_f91_few_descriptors_are_told_at_start(start_proxy: Callable[..., Proxy]) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        proxy = start_proxy()
        soft, hard = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert soft == hard
    assert ("few file descriptors" in proxy.log) == (hard < 4096)


def test_f91_without_descriptors_connections_wait_and_nothing_spins(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock
) -> None:
    proxy = start_proxy(before=("prlimit", "--nofile=128:128"))
    add_account(Cli(proxy.data_dir), shared_mock.url)
    wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
    with contextlib.ExitStack() as stack, RawClient(proxy.port) as early:
        early.send(head("GET", "/livez"))
        assert early.read_answer().status == 200
        for _ in range(150):
            stack.enter_context(RawClient(proxy.port))
        time.sleep(0.3)
        spent, begun = proxy.cpu_s(), time.monotonic()
        # Whoever is in is served, upstream connection and all.
        body = model_request("openai_chat", "mock-large", stream=False)
        headers = headers_of("openai_chat", proxy.key)
        early.send(head("POST", path_of("openai_chat"), headers, length=len(body)) + body)
        assert early.read_answer().status == 200
        time.sleep(2)
        assert proxy.cpu_s() - spent < 0.2 * (time.monotonic() - begun)
        assert proxy.descriptors() < 128
    assert ask(proxy) == 200
    assert proxy.log_count < 20
