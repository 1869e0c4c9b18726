"""The request log, usage and cost, as commands show them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import call

WRITTEN_S = 5.0


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, shared_mock: ThreadedMock) -> Iterator[Proxy]:
    """A proxy with one account in both formats and a price of the operator's."""
    cli = Cli(tmp_path_factory.mktemp("logs") / "data")
    cli.ok(
        *("accounts", "add", "one", "--provider", "custom", "--base-url", shared_mock.url),
        *("--endpoint", f"anthropic_messages={shared_mock.url}", "--api-key", "sk-one"),
    )
    cli.ok("prices", "set", "mock-large", "--input", "3", "--output", "15")
    with running(cli.data_dir) as proxy:
        yield proxy


@pytest.fixture
def cli(live: Proxy) -> Cli:
    """Commands on the live proxy's data."""
    return Cli(live.data_dir)


def rows(cli: Cli, *flags: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = cli.ok("logs", "--json", *flags).json()["items"]
    return items


def row_of(cli: Cli, request_id: str | None) -> dict[str, Any]:
    """The row of an exchange, once it is written."""
    found: list[dict[str, Any]] = []

    def is_written() -> bool:
        found[:] = [row for row in rows(cli) if row["request_id"] == request_id]
        return bool(found)

    wait_until(is_written, WRITTEN_S, f"the row of {request_id}")
    return found[0]


def usage_of(cli: Cli, model: str) -> dict[str, Any]:
    """The sums of one model; empty where there is none."""
    items = cli.ok("usage", "--by", "model", "--json").json()["items"]
    return next((item for item in items if item["model"] == model), {})


def test_an_exchange_is_one_row_with_tokens_and_an_exact_cost(
    live: Proxy, cli: Cli, wire_format: str, stream: bool
) -> None:
    answer = call(live.port, live.key, wire_format, "mock-large", stream=stream)
    row = row_of(cli, answer.header("x-codegate-request-id"))
    assert (row["account"], row["provider"], row["strategy"]) == ("one", "custom", "default")
    assert row["client_format"] == row["upstream_format"] == wire_format
    assert (row["status"], row["outcome"], row["is_streaming"]) == (200, "ok", stream)
    assert row["attempts"][0]["account"] == "one"
    assert row["tokens_in"] > 0
    assert row["tokens_out"] > 0
    expected = Decimal(row["tokens_in"] * 3 + row["tokens_out"] * 15) / 1_000_000
    if not row["tokens_cache_read"] and not row["tokens_cache_write"]:
        assert Decimal(row["cost_usd"]) == expected
    assert live.key not in json.dumps(row)


def test_an_unknown_price_is_no_price(live: Proxy, cli: Cli) -> None:
    answer = call(live.port, live.key, "openai_chat", "mock-small", stream=False)
    row = row_of(cli, answer.header("x-codegate-request-id"))
    assert row["cost_usd"] is None
    assert row["tokens_out"] > 0


@pytest.mark.parametrize(
    ("fault", "tokens"),
    [
        ("usage-missing", None),
        ("usage-negative", None),
        ("usage-huge", None),
        # What can be read is kept, and said to be a guess.
        ("usage-float", True),
        ("usage-string", True),
    ],
)
def test_f47_counts_that_are_none_never_lower_a_sum(
    live: Proxy, cli: Cli, wire_format: str, stream: bool, fault: str, tokens: bool | None
) -> None:
    before = usage_of(cli, f"fault:{fault}")
    answer = call(live.port, live.key, wire_format, f"fault:{fault}", stream=stream)
    assert answer.status == 200
    row = row_of(cli, answer.header("x-codegate-request-id"))
    assert row["outcome"] == "ok"
    assert row["is_estimated"] is True
    counts = [row[name] for name in row if name.startswith("tokens_")]
    assert all(count is None or 0 <= count < 10**9 for count in counts)
    assert (row["tokens_out"] is not None) == (tokens is True)
    after = usage_of(cli, f"fault:{fault}")
    assert after["requests"] == before.get("requests", 0) + 1
    for name in ("tokens_in", "tokens_out", "cost_usd"):
        assert Decimal(after[name]) >= Decimal(before.get(name, 0)) >= 0


def test_rows_are_found_by_what_they_hold(live: Proxy, cli: Cli) -> None:
    answer = call(live.port, live.key, "openai_chat", "fault:status-400", stream=False)
    row_of(cli, answer.header("x-codegate-request-id"))
    assert {row["status"] for row in rows(cli, "--status", "4xx")} == {400}
    assert {row["status"] for row in rows(cli, "--status", "400")} == {400}
    assert {row["outcome"] for row in rows(cli, "--status", "upstream_error")} == {"upstream_error"}
    assert rows(cli, "--account", "nobody") == []
    assert rows(cli, "--tenant", "nobody") == []
    assert rows(cli, "--since", "2099-01-01") == []
    assert len(rows(cli, "--since", "1h", "--limit", "1")) == 1
    assert cli.run("logs", "--since", "yesterday-ish").code == 2
    assert "upstream_error" in cli.ok("logs").out
    assert cli.ok("logs", "--account", "nobody").out == "Nothing fits.\n"


def test_usage_sums_what_the_rows_say(live: Proxy, cli: Cli) -> None:
    answer = call(live.port, live.key, "openai_chat", "mock-large", stream=False)
    row_of(cli, answer.header("x-codegate-request-id"))
    everything = rows(cli, "--limit", "1000")
    for by in ("day", "model", "account", "tenant"):
        found = cli.ok("usage", "--by", by, "--json").json()
        assert found["total"]["requests"] == len(everything)
        cost = sum((Decimal(r["cost_usd"] or 0) for r in everything), Decimal(0))
        assert Decimal(found["total"]["cost_usd"]) == cost
        assert all(by in item for item in found["items"])
        assert "total" in cli.ok("usage", "--by", by).out
    assert cli.run("usage", "--by", "colour").code == 2


def test_following_shows_what_comes(live: Proxy, cli: Cli) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "codegate", "logs", "--follow", "--json", "--limit", "1"],
        env=cli.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        answer = call(live.port, live.key, "openai_chat", "mock-small", stream=False)
        line = json.loads(process.stdout.readline())
        assert line["request_id"] == answer.header("x-codegate-request-id")
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_an_exchange_that_failed_has_a_line_and_one_that_did_not_has_a_row_alone(
    tmp_path: Path, shared_mock: ThreadedMock
) -> None:
    cli = Cli(tmp_path / "data")
    flags = ("--provider", "custom", "--base-url", shared_mock.url, "--api-key", "sk-one")
    cli.ok("accounts", "add", "one", *flags)
    with running(cli.data_dir, settings={"access_log": "off"}) as proxy:
        good = call(proxy.port, proxy.key, "openai_chat", "mock-large", stream=False)
        bad = call(proxy.port, proxy.key, "openai_chat", "fault:status-400", stream=False)
        assert (good.status, bad.status) == (200, 400)
        made = [answer.header("x-codegate-request-id") for answer in (good, bad)]
        assert [row_of(cli, name)["outcome"] for name in made] == ["ok", "upstream_error"]
        assert [line["request_id"] for line in proxy.wait_exchanges(1)] == made[1:]


def test_metrics_tell_cost(live: Proxy) -> None:
    call(live.port, live.key, "openai_chat", "mock-large", stream=False)
    text = live.get("/metrics")[1].decode()
    assert 'codegate_cost_usd_total{account="one",model="mock-large"}' in text
    assert "codegate_log_waiting" in text


def test_without_request_logging_there_is_no_row_but_usage(live: Proxy, cli: Cli) -> None:
    cli.ok("settings", "set", "request_logging", "off")

    def total() -> int:
        return int(cli.ok("usage", "--json").json()["total"]["requests"])

    def is_silent() -> bool:
        before = total()
        answer = call(live.port, live.key, "openai_chat", "mock-large", stream=False)
        wait_until(lambda: total() > before, WRITTEN_S, "usage to go on")
        made = answer.header("x-codegate-request-id")
        return made not in [row["request_id"] for row in rows(cli)]

    wait_until(is_silent, WRITTEN_S, "no row any more")
    cli.ok("settings", "unset", "request_logging")
    wait_until(lambda: not is_silent(), WRITTEN_S, "rows again")


def test_rows_hold_no_prompt_and_no_answer(live: Proxy, cli: Cli, tmp_path: Path) -> None:
    secret = "canary-prompt-9b31f0"
    answer = call(
        live.port,
        live.key,
        "openai_chat",
        "mock-large",
        stream=False,
        text=secret,
    )
    row_of(cli, answer.header("x-codegate-request-id"))
    stored = b"".join(p.read_bytes() for p in live.data_dir.glob("codegate.db*"))
    assert secret.encode() not in stored
