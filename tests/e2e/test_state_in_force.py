"""How soon a change by command is in force in a proxy that runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import Answer, call

PROMISED_S = 1.0
LONGEST_S = 10.0
"""Of a single change on a machine that has other things to do; half of them must hold it."""
KEY = "sk-canary-in-force-2b"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, shared_mock: ThreadedMock) -> Iterator[Proxy]:
    """A proxy with two accounts."""
    cli = Cli(tmp_path_factory.mktemp("force") / "data")
    for name in ("one", "two"):
        cli.ok(
            *("accounts", "add", name, "--provider", "custom", "--base-url", shared_mock.url),
            *("--endpoint", f"anthropic_messages={shared_mock.url}", "--api-key", KEY),
        )
    cli.ok("configs", "add", "work", "--tier", "opus=two:mock-small")
    with running(cli.data_dir, upstream_key=KEY) as proxy:
        yield proxy


def ask(proxy: Proxy, model: str = "mock-large", key: str | None = None) -> Answer:
    return call(proxy.port, key or proxy.key, "openai_chat", model, stream=False)


def account(proxy: Proxy, model: str = "mock-large") -> str | None:
    return ask(proxy, model).header("x-codegate-account")


def sent(proxy: Proxy, model: str) -> str | None:
    return ask(proxy, model).header("x-codegate-upstream-model")


def changes(
    live: Proxy, cli: Cli, mock: ThreadedMock
) -> Iterator[tuple[tuple[str, ...], Callable[[], bool]]]:
    """Commands, and what shows that each is in force. Each begins where the last one ended."""
    url = mock.url
    yield ("accounts", "edit", "two", "--priority", "5"), lambda: account(live) == "two"
    yield ("accounts", "disable", "two"), lambda: account(live) == "one"
    yield ("accounts", "enable", "two"), lambda: account(live) == "two"
    yield (
        (
            *("accounts", "add", "new", "--provider", "custom", "--base-url", url),
            *("--api-key", KEY, "--priority", "9"),
        ),
        lambda: account(live) == "new",
    )
    yield ("accounts", "remove", "new"), lambda: account(live) == "two"
    yield ("aliases", "set", "quick", "mock-small"), lambda: sent(live, "quick") == "mock-small"
    yield ("aliases", "unset", "quick"), lambda: sent(live, "quick") == "quick"
    yield ("configs", "activate", "work"), lambda: sent(live, "opus-x") == "mock-small"
    yield ("configs", "deactivate"), lambda: sent(live, "opus-x") == "opus-x"
    yield ("settings", "set", "max_body_bytes", "9"), lambda: ask(live).status == 413
    yield ("settings", "unset", "max_body_bytes"), lambda: ask(live).status == 200

    def cut() -> bool:
        answer = call(live.port, live.key, "anthropic_messages", "mock-cut", stream=False)
        return bool(answer.json()["stop_reason"] == "max_tokens")

    yield ("limits", "set", "mock-cut", "--max-output", "1"), cut
    yield ("limits", "unset", "mock-cut"), lambda: not cut()

    def is_priced() -> bool:
        before = spent(live)
        ask(live, "mock-priced")
        live.settle()
        return spent(live) > before

    yield ("prices", "set", "mock-priced", "--input", "1", "--output", "1"), is_priced
    yield ("prices", "unset", "mock-priced"), lambda: not is_priced()
    old = live.key
    yield ("key", "rotate"), lambda: ask(live, key=old).status == 401


def spent(live: Proxy) -> Decimal:
    lines = live.get("/metrics")[1].decode().splitlines()
    return sum(
        (Decimal(x.split()[-1]) for x in lines if x.startswith("codegate_cost_usd_total{")),
        Decimal(0),
    )


def test_every_change_is_in_force_within_a_second(live: Proxy, shared_mock: ThreadedMock) -> None:
    cli, took = Cli(live.data_dir), {}
    for command, is_in_force in changes(live, cli, shared_mock):
        assert not is_in_force(), f"{command} would change nothing"
        cli.ok(*command)
        begun = time.monotonic()
        wait_until(is_in_force, LONGEST_S, f"{command} to be in force")
        took[command] = time.monotonic() - begun
    assert len(took) > 15
    assert statistics.median(took.values()) < PROMISED_S, took


def test_a_rotated_key_opens_and_the_old_one_does_not(
    start_proxy: Callable[..., Proxy], wire_format: str
) -> None:
    proxy = start_proxy()
    old = proxy.key
    new = Cli(proxy.data_dir).ok("key", "rotate").out.strip()
    assert new == proxy.key != old

    def status(key: str) -> int:
        return call(proxy.port, key, wire_format, "mock-large", stream=False).status

    # No account: 503 is an answer to somebody who was let in.
    wait_until(lambda: status(new) == 503, PROMISED_S * 10, "the new key")
    assert status(old) == 401
    assert old not in proxy.log
    assert new not in proxy.log


def test_a_key_file_that_is_gone_or_wrong_takes_nobody_s_key_away(
    start_proxy: Callable[..., Proxy],
) -> None:
    proxy = start_proxy()
    key, path = proxy.key, proxy.data_dir / "proxy-key"

    def status() -> int:
        return call(proxy.port, key, "openai_chat", "mock-large", stream=False).status

    path.write_text("no key at all\n")
    wait_until(lambda: "the old proxy key stays in force" in proxy.log, LONGEST_S, "the warning")
    assert status() == 503
    path.unlink()
    time.sleep(0.6)
    assert status() == 503
    assert proxy.log.count("the old proxy key stays in force") == 1
    path.write_text(key + "\n")
    path.chmod(0o600)


def test_a_fixed_key_is_not_replaced_by_a_file(
    start_proxy: Callable[..., Proxy], tmp_path: Path
) -> None:
    fixed = "cgk_fixed-by-the-operator-1"
    proxy = start_proxy(env={"PROXY_API_KEY": fixed})
    (proxy.data_dir / "proxy-key").write_text("cgk_" + "x" * 32 + "\n")
    time.sleep(0.6)
    answer = call(proxy.port, fixed, "openai_chat", "mock-large", stream=False)
    assert answer.status == 503
    refused = Cli(proxy.data_dir).run("key", "rotate", env={"PROXY_API_KEY": fixed})
    assert refused.code == 1
    assert "PROXY_API_KEY fixes the key" in refused.err
