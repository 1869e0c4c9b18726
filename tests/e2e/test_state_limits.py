"""Output limits of models, laid on requests that ask for more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import exact_request, post

IN_FORCE_S = 1.0
LIMIT_NAMES = {"anthropic_messages": ("max_tokens",), "openai_chat": ("max_completion_tokens",)}


@pytest.fixture(scope="module")
def upstream() -> Iterator[ThreadedMock]:
    """A mock whose journal is this module's own."""
    with run_in_thread(Options()) as provider:
        yield provider


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, upstream: ThreadedMock) -> Iterator[Proxy]:
    """A proxy with one account, which maps one name to another."""
    cli = Cli(tmp_path_factory.mktemp("limits") / "data")
    add(cli, "one", upstream.url, "--model-map", "team=mock-mapped", "--model-map", "big=gpt-4o")
    cli.ok("limits", "set", "mock-mapped", "--max-output", "40")
    cli.ok("limits", "set", "family", "--max-output", "30")
    cli.ok("limits", "set", "family-large", "--max-output", "20")
    with running(cli.data_dir) as proxy:
        yield proxy


@pytest.fixture
def ask(live: Proxy, upstream: ThreadedMock, wire_format: str) -> Callable[..., dict[str, Any]]:
    """Sends a request; returns what the upstream got."""

    def send(model: str, **members: Any) -> dict[str, Any]:
        body = exact_request(wire_format, model, stream=False, **members)
        assert post(live.port, live.key, wire_format, body).status == 200
        got: dict[str, Any] = json.loads(upstream.requests[-1].body or b"")
        return got

    return send


def add(cli: Cli, name: str, url: str, *flags: str) -> None:
    cli.ok(
        *("accounts", "add", name, "--provider", "custom", "--base-url", url),
        *("--endpoint", f"anthropic_messages={url}", "--api-key", f"sk-{name}", *flags),
    )


def test_a_higher_limit_is_lowered_and_nothing_else_changes(
    live: Proxy, upstream: ThreadedMock, wire_format: str, stream: bool
) -> None:
    for name in LIMIT_NAMES[wire_format]:
        members: dict[str, Any] = {name: 4000}
        sent = exact_request(wire_format, "family-small", stream=stream, **members)
        assert post(live.port, live.key, wire_format, sent).status == 200
        assert upstream.requests[-1].body == sent.replace(b"4000", b"30")


@pytest.mark.parametrize(
    ("model", "asked", "gets"),
    [
        ("family", 4000, 30),
        ("family-large-2", 4000, 20),
        ("family-large-2", 10, 10),
        ("famil", 4000, 4000),
        ("team", 4000, 40),
        ("mock-mapped", 4000, 40),
        # The shipped limit holds for a model in place of the client's, not for the client's own.
        ("big", 99_999, 16_384),
        ("gpt-4o", 99_999, 99_999),
    ],
)
def test_the_limit_is_that_of_the_model_that_is_sent(
    ask: Callable[..., dict[str, Any]], wire_format: str, model: str, asked: int, gets: int
) -> None:
    (name,) = LIMIT_NAMES[wire_format]
    assert ask(model, **{name: asked})[name] == gets


def test_without_a_limit_in_the_request_none_is_added(ask: Callable[..., dict[str, Any]]) -> None:
    assert "max_completion_tokens" not in ask("family")


def test_a_thinking_budget_stays_below_the_limit(live: Proxy, upstream: ThreadedMock) -> None:
    cli = Cli(live.data_dir)
    cli.ok("limits", "set", "thinker", "--max-output", "2000")
    thinking = {"type": "enabled", "budget_tokens": 10_000}
    body = exact_request(
        "anthropic_messages", "thinker", stream=False, max_tokens=16_000, thinking=thinking
    )

    def sent() -> dict[str, Any]:
        assert post(live.port, live.key, "anthropic_messages", body).status == 200
        got: dict[str, Any] = json.loads(upstream.requests[-1].body or b"")
        return got

    wait_until(lambda: sent()["max_tokens"] == 2000, IN_FORCE_S, "the limit to be in force")
    assert sent()["thinking"] == {"type": "enabled", "budget_tokens": 1999}
    cli.ok("limits", "unset", "thinker")
    wait_until(lambda: sent()["max_tokens"] == 16_000, IN_FORCE_S, "the limit to be gone")
    assert sent()["thinking"] == thinking


def test_the_next_account_s_model_has_its_own_limit(tmp_path: Path, upstream: ThreadedMock) -> None:
    cli = Cli(tmp_path / "data")
    add(cli, "first", upstream.url, "--model-map", "m=fault:status-503#limits")
    add(cli, "second", upstream.url, "--model-map", "m=mock-second")
    cli.ok("limits", "set", "fault:", "--max-output", "11")
    cli.ok("limits", "set", "mock-second", "--max-output", "22")
    with running(cli.data_dir) as proxy:
        body = exact_request("anthropic_messages", "m", stream=False, max_tokens=500)
        assert post(proxy.port, proxy.key, "anthropic_messages", body).status == 200
    got = [json.loads(entry.body or b"")["max_tokens"] for entry in upstream.requests[-2:]]
    assert got == [11, 22]
