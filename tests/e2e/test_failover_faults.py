"""Failover under load and over time: storms, parallel limits, stopped processes, SDKs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anthropic
import openai
import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.aftermath import check_good
from tests.support.cli import Cli
from tests.support.names import slow_resolver
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import Answer, call, check_error, headers_of, path_of, request

Starter = Callable[..., Proxy]
CLIENTS = 100
STORM_S = 2.5


@pytest.fixture
def four() -> Iterator[list[ThreadedMock]]:
    """Four upstreams."""
    with (
        run_in_thread(Options()) as a,
        run_in_thread(Options()) as b,
        run_in_thread(Options()) as c,
        run_in_thread(Options()) as d,
    ):
        yield [a, b, c, d]


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port that lets nobody in: the listener's queue is full, attempts stay unanswered."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        waiting = [socket.socket(family) for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname()[:2])
        time.sleep(0.2)
        try:
            yield int(listener.getsockname()[1])
        finally:
            for one in waiting:
                one.close()


def test_f5_a_connection_that_is_never_accepted(start_proxy: Starter, wire_format: str) -> None:
    with black_hole() as port:
        proxy = start_proxy(
            upstreams=[f"{wire_format}=http://127.0.0.1:{port}"],
            settings={"connect_timeout_s": 1},
        )
        begun = time.monotonic()
        answer = call(proxy.port, proxy.key, wire_format, "m", stream=False)
        took_s = time.monotonic() - begun
    check_error(answer, wire_format, 504)
    assert answer.header("x-codegate-error") == "upstream_connect_timeout"
    assert 0.9 <= took_s <= 5


@pytest.mark.parametrize("live", ["127.0.0.1", "::1"])
def test_f6_the_address_that_is_alive_answers_beside_the_dead_one(
    start_proxy: Starter, tmp_path: Path, live: str
) -> None:
    with run_in_thread(Options(host=live)) as mock:
        dead = "::1" if live == "127.0.0.1" else "127.0.0.1"
        # The dead address comes first.
        name = ("46" if dead == "127.0.0.1" else "64") + "-0.slow.invalid"
        with black_hole(dead, mock.port):
            proxy = start_proxy(
                upstreams=[f"openai_chat=http://{name}:{mock.port}"], env=slow_resolver(tmp_path)
            )
            begun = time.monotonic()
            answer = call(proxy.port, proxy.key, "openai_chat", "m", stream=True)
            took_s = time.monotonic() - begun
    check_good(answer, "openai_chat", stream=True)
    assert answer.header("x-codegate-attempts") == "1"
    assert 0.2 <= took_s <= 2.5
    assert "account cooling" not in proxy.log


def test_f12_the_next_request_after_the_told_delay_is_served(
    mock: ThreadedMock, start_proxy: Starter, wire_format: str
) -> None:
    proxy = start_proxy(upstreams=[f"{wire_format}={mock.url}"])
    mock.script("status-429-after-6", None)
    begun = time.monotonic()
    answer = call(proxy.port, proxy.key, wire_format, "m", stream=False)
    check_error(answer, wire_format, 429)
    assert answer.header("retry-after") == "6"
    while True:
        answer = call(proxy.port, proxy.key, wire_format, "m", stream=False)
        if answer.status == 200:
            break
        assert len(mock.requests) == 1, "asked while cooling"
        time.sleep(0.02)
    assert 5.9 <= mock.requests[1].at - mock.requests[0].at <= 8
    assert time.monotonic() - begun < 9


def test_f18_every_account_is_tried_once_and_the_last_answer_is_the_clients(
    four: list[ThreadedMock], start_proxy: Starter, wire_format: str, stream: bool
) -> None:
    proxy = start_proxy(upstreams=[f"{wire_format}={mock.url}" for mock in four])
    for mock, code in zip(four, (500, 502, 503, 507), strict=True):
        mock.fault = f"status-{code}"
    begun = time.monotonic()
    answer = call(proxy.port, proxy.key, wire_format, "m", stream=stream)
    check_error(answer, wire_format, 507)
    assert answer.header("x-codegate-attempts") == "4"
    assert [len(mock.requests) for mock in four] == [1, 1, 1, 1]
    assert time.monotonic() - begun < 5


def test_f27_a_storm_stays_a_trickle_and_ends_at_once(
    mock: ThreadedMock, start_proxy: Starter
) -> None:
    proxy = start_proxy(upstreams=[f"openai_chat={mock.url}"])
    mock.fault = "status-500"
    stop = threading.Event()
    counts: Counter[int] = Counter()
    first_good: list[float] = []
    lock = threading.Lock()

    def client(_: int) -> None:
        while not stop.is_set():
            answer = call(proxy.port, proxy.key, "openai_chat", "m", stream=False, timeout_s=30)
            with lock:
                counts[answer.status] += 1
                if answer.status == 200:
                    first_good.append(time.monotonic())
            stop.wait(0.2)

    with ThreadPoolExecutor(CLIENTS) as pool:
        done = [pool.submit(client, i) for i in range(CLIENTS)]
        time.sleep(STORM_S)
        with lock:
            asked, seen = counts.total(), len(mock.journal)
        mock.fault = None
        healed = time.monotonic()
        wait_until(lambda: bool(first_good), 10, "the first good answer")
        stop.set()
        for future in done:
            future.result()
    assert asked > CLIENTS
    # What is under way at this moment was seen by the upstream, but has not ended yet.
    assert seen <= 1.2 * (asked + CLIENTS), (seen, asked)
    assert first_good[0] - healed <= 2


def test_f28_after_its_cooldown_an_account_gets_one_probe_of_many(
    mock: ThreadedMock, start_proxy: Starter, wire_format: str
) -> None:
    with run_in_thread(Options()) as second:
        proxy = start_proxy(
            upstreams=[f"{wire_format}={mock.url}", f"{wire_format}={second.url}"],
            settings={"cooldown_base_s": 1},
        )
        mock.fault = "status-500"
        call(proxy.port, proxy.key, wire_format, "m", stream=False)
        time.sleep(1.1)
        mock.fault = "slow-first-700+status-500"
        with ThreadPoolExecutor(20) as pool:
            answers = list(
                pool.map(
                    lambda _: call(proxy.port, proxy.key, wire_format, "m", stream=False), range(20)
                )
            )
        assert [answer.status for answer in answers] == [200] * 20
        assert len(mock.requests) == 2, "more than one probe"


def test_f92_a_stopped_process_blames_nobody_in_mass(
    start_proxy: Starter, wire_format: str
) -> None:
    with run_in_thread(Options(pace_ms=50, deltas=60)) as paced:
        proxy = start_proxy(
            upstreams=[f"{wire_format}={paced.url}"],
            settings={"idle_timeout_s": 1, "first_byte_timeout_s": 1},
        )
        with ThreadPoolExecutor(20) as pool:
            streams = [
                pool.submit(
                    call, proxy.port, proxy.key, wire_format, "m", stream=True, timeout_s=30
                )
                for _ in range(20)
            ]
            wait_until(lambda: proxy.health()["exchanges"] == 20, 5, "all streams run")
            time.sleep(0.5)
            worker = proxy.worker()
            os.kill(worker, signal.SIGSTOP)
            time.sleep(2.5)
            os.kill(worker, signal.SIGCONT)
            answers = [stream.result() for stream in streams]
        assert {answer.status for answer in answers} == {200}
        lines = [line for line in proxy.log.splitlines() if "account cooling" in line]
        faults = [json.loads(line)["faults"] for line in lines]
        assert max(faults, default=0) <= 1, "each stream counted as a fault of its own"
        answer = call(proxy.port, proxy.key, wire_format, "m", stream=True, timeout_s=30)
        check_good(answer, wire_format, stream=True)


def test_n8_thinking_in_the_history_goes_to_the_next_account_as_it_is(
    mock: ThreadedMock, start_proxy: Starter, stream: bool
) -> None:
    with run_in_thread(Options()) as second:
        proxy = start_proxy(
            upstreams=[f"anthropic_messages={mock.url}", f"anthropic_messages={second.url}"]
        )
        first_turn = {
            "model": "mock-large",
            "max_tokens": 4000,
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "messages": [{"role": "user", "content": 'mock:think "hm"\nmock:say "hello"'}],
        }
        answer = post_json(proxy, first_turn)
        blocks = answer.json()["content"]
        assert blocks[0]["type"] == "thinking"
        second_turn = {
            **first_turn,
            "stream": stream,
            "messages": [
                *first_turn["messages"],  # type: ignore[misc]  # the dictionary is of mixed values
                {"role": "assistant", "content": blocks},
                {"role": "user", "content": "go on"},
            ],
        }
        mock.fault = "status-500"
        answer = post_json(proxy, second_turn)
        check_good(answer, "anthropic_messages", stream=stream)
        assert answer.header("x-codegate-account") == "anthropic_messages-2"
        (seen,) = second.requests
        assert seen.body == mock.requests[-1].body
        assert seen.json()["messages"] == second_turn["messages"]  # type: ignore[index]  # an object


def post_json(proxy: Proxy, body: object) -> Answer:
    """One Messages call."""
    headers = headers_of("anthropic_messages", proxy.key)
    data = json.dumps(body).encode()
    return request(proxy.port, "POST", path_of("anthropic_messages"), headers, data)


def test_n15_sdks_wait_for_a_short_limit_and_return_at_once_from_a_long_one(
    mock: ThreadedMock, start_proxy: Starter
) -> None:
    """Five seconds are slept out and the retry passes; three hours are not slept at all."""
    proxy = start_proxy(
        upstreams=[f"anthropic_messages={mock.url}", f"openai_chat={mock.url}"],
    )
    mock.fault = "status-429-after-6"
    for wire_format in ("anthropic_messages", "openai_chat"):
        check_error(call(proxy.port, proxy.key, wire_format, "m", stream=False), wire_format, 429)
    mock.fault = None
    with ThreadPoolExecutor(2) as pool:
        for took_s in pool.map(lambda ask: timed(ask, proxy), (ask_anthropic, ask_openai)):
            assert 3 <= took_s <= 9
    mock.fault = "status-429-after-10800"
    for wire_format in ("anthropic_messages", "openai_chat"):
        check_error(call(proxy.port, proxy.key, wire_format, "m", stream=False), wire_format, 429)
    seen = len(mock.requests)
    for ask in (ask_anthropic, ask_openai):
        begun = time.monotonic()
        with pytest.raises((anthropic.RateLimitError, openai.RateLimitError)) as error:
            ask(proxy)
        assert time.monotonic() - begun < 2
        assert isinstance(error.value, anthropic.RateLimitError | openai.RateLimitError)
        assert 10000 <= int(error.value.response.headers["retry-after"]) <= 10800
    assert len(mock.requests) == seen


def timed(ask: Callable[[Proxy], None], proxy: Proxy) -> float:
    """Seconds that a call took."""
    begun = time.monotonic()
    ask(proxy)
    return time.monotonic() - begun


def ask_anthropic(proxy: Proxy) -> None:
    """One turn of the SDK, with its own retries."""
    with anthropic.Anthropic(api_key=proxy.key, base_url=proxy.url) as client:
        client.messages.create(
            model="m", max_tokens=16, messages=[{"role": "user", "content": "hello"}]
        )


def ask_openai(proxy: Proxy) -> None:
    """One turn of the SDK, with its own retries."""
    with openai.OpenAI(api_key=proxy.key, base_url=f"{proxy.url}/v1") as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])


def test_s42_the_limit_of_an_account_holds_at_200_parallel_requests(
    mock: ThreadedMock, start_proxy: Starter, wire_format: str
) -> None:
    proxy = start_proxy()
    cli = Cli(proxy.data_dir)
    cli.ok(
        *("accounts", "add", "one", "--provider", "custom", "--api-key-stdin", "--rpm", "50"),
        *("--base-url", mock.url, "--format", wire_format),
        stdin=proxy.upstream_key + "\n",
    )
    wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account is in force")
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: call(proxy.port, proxy.key, wire_format, "m", stream=False), range(200)
            )
        )
    assert sum(answer.status == 200 for answer in answers) == 50
    assert len(mock.requests) == 50
    refused = next(answer for answer in answers if answer.status != 200)
    check_error(refused, wire_format, 429)
    assert 1 <= int(refused.header("retry-after") or 0) <= 60
