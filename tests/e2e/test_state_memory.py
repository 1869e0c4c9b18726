"""How much memory a proxy takes, after its start and after very many exchanges."""

from __future__ import annotations

import itertools
import statistics
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli import Cli
from tests.support.provider import provider_process
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import RawClient, head, headers_of, model_request, path_of

WORKER_KIB = 80 * 1024
TREE_KIB = 130 * 1024
DRIFT_KIB = 2 * 1024
CLIENTS = 8
EVERY = 250
"""Requests between two looks at the memory."""


def tree_kib(pid: int) -> int:
    """Private memory of a process and everything below it."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    own = next(int(x.split()[1]) for x in status if x.startswith("RssAnon"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(tree_kib(int(child)) for child in children)


def large_requests(proxy: Proxy, count: int, model: str, *, stream: bool) -> list[RawClient]:
    """So many requests of 1 MB, sent and not answered yet."""
    body = model_request("openai_chat", model, stream=stream, text="x" * 1_000_000)
    headers = headers_of("openai_chat", proxy.key)
    clients = [RawClient(proxy.port, 30.0) for _ in range(count)]
    for client in clients:
        client.send(head("POST", path_of("openai_chat"), headers, length=len(body)) + body)
    return clients


def test_a_started_proxy_is_small(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy()
    assert proxy.rss_anon_kib() <= WORKER_KIB
    assert tree_kib(proxy.process.pid) <= TREE_KIB


def test_memory_of_large_bodies_is_given_back(start_proxy: Callable[..., Proxy]) -> None:
    with provider_process() as url:
        proxy = start_proxy(upstreams=[f"openai_chat={url}"])
        before = proxy.rss_anon_kib()
        # What is under way together is held together: the upstream answers late.
        clients = large_requests(proxy, 64, "fault:slow-first-1500", stream=False)
        wait_until(lambda: proxy.rss_anon_kib() > before + 32 * 1024, 10, "bodies in memory")
        for client in clients:
            assert client.read_answer().status == 200
            client.close()
        wait_until(lambda: proxy.rss_anon_kib() < before + 16 * 1024, 8, "it to be given back")


def test_a_request_that_failed_leaves_nothing_of_its_body(
    start_proxy: Callable[..., Proxy],
) -> None:
    with provider_process() as url:
        proxy = start_proxy(upstreams=[f"openai_chat={url}"], settings={"cooldown_base_s": 0})
        for _ in range(2):
            # The first makes the heap as large as it gets.
            before = proxy.rss_anon_kib()
            for _ in range(6):
                for client in large_requests(proxy, 8, "fault:html-502", stream=False):
                    assert client.read_answer().status == 502
                    client.close()
        assert proxy.rss_anon_kib() < before + 16 * 1024


def test_a_stream_holds_nothing_of_its_request(start_proxy: Callable[..., Proxy]) -> None:
    with provider_process() as url:
        proxy = start_proxy(upstreams=[f"openai_chat={url}"])
        before = proxy.rss_anon_kib()
        clients = large_requests(proxy, 32, "fault:stall-after-2", stream=True)
        for client in clients:
            assert client.socket.recv(1), "its first event"
        wait_until(lambda: proxy.rss_anon_kib() < before + 12 * 1024, 8, "their requests to go")
        assert proxy.health()["exchanges"] == 32
        for client in clients:
            client.close()


class Load:
    """Exchanges in turn on connections that stay open, and the memory as they were made."""

    def __init__(self, proxy: Proxy, total: int, streams: int) -> None:
        self._proxy = proxy
        self._numbers = itertools.count()
        self._total = total
        self._every = total // streams
        self.memory: dict[int, int] = {}
        self.failed: list[BaseException] = []

    def run(self) -> None:
        """Make them all."""
        threads = [threading.Thread(target=self._work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.failed:
            raise self.failed[0]

    def _work(self) -> None:
        try:
            with RawClient(self._proxy.port, 60.0) as client:
                while not self.failed and (number := next(self._numbers)) < self._total:
                    self._make(client, number)
                    if number % EVERY == 0:
                        self.memory[number] = self._proxy.rss_anon_kib()
        except BaseException as error:
            self.failed.append(error)

    def _make(self, client: RawClient, number: int) -> None:
        wire_format = ("anthropic_messages", "openai_chat")[number % 2]
        # Some names are used once, as clients may choose them.
        model = f"mock-{number}" if number % 10 == 0 else "mock-large"
        stream = number % self._every == 0
        body = model_request(wire_format, model, stream=stream, text=f"hello {number}")
        headers = headers_of(wire_format, self._proxy.key)
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        answer = client.read_answer()
        assert answer.status == 200
        assert answer.is_complete

    def between(self, first: int, last: int) -> float:
        """The median memory while these requests were made, in KiB."""
        return statistics.median(v for n, v in self.memory.items() if first <= n < last)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_memory_does_not_grow_with_exchanges(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data")
    with provider_process() as url:
        cli.ok(
            *("accounts", "add", "one", "--provider", "custom", "--base-url", url),
            *("--endpoint", f"anthropic_messages={url}", "--api-key", "sk-one"),
        )
        with running(cli.data_dir, settings={"log_retention_days": 0}) as proxy:
            wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
            load = Load(proxy, 100_000, 1000)
            load.run()
    drift = load.between(90_000, 100_000) - load.between(20_000, 30_000)
    assert drift <= DRIFT_KIB, f"{drift:.0f} KiB more"
