"""Every exchange is booked once, to the last token and to 1e-9 USD, as the upstream booked it.

The upstream's books are kept by a program that knows nothing of the proxy, from the journal of a
mock provider in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import books
from tests.support.cli import Cli
from tests.support.mixture import Case, mixed, run
from tests.support.provider import provider_process
from tests.support.proxy import running, wait_until

BOOKS = Path(books.__file__)
CLOSE = Decimal("1e-9")
SEED = 20261121
EXCHANGES = 10_000

# Model, format, streamed, what the upstream tells, and USD worked out by hand.
BY_HAND: tuple[tuple[str, str, bool, dict[str, int], str | None], ...] = (
    # 1000 x 3 + 500 x 15 = 10,500 millionths
    ("mock-large", "a", False, {"input": 1000, "output": 500}, "0.0105"),
    ("mock-large", "c", False, {"input": 1000, "output": 500}, "0.0105"),
    ("mock-large", "a", True, {"input": 1000, "output": 500}, "0.0105"),
    ("mock-large", "c", True, {"input": 1000, "output": 500}, "0.0105"),
    # + 10,000 x 0.3 = 3,000
    ("mock-large", "a", True, {"input": 1000, "output": 500, "cache_read": 10_000}, "0.0135"),
    ("mock-large", "c", True, {"input": 1000, "output": 500, "cache_read": 10_000}, "0.0135"),
    # 7 x 3 + 1 x 15 + 2000 x 3.75 = 21 + 15 + 7,500
    ("mock-large", "a", False, {"input": 7, "output": 1, "cache_write": 2000}, "0.007536"),
    ("mock-large", "c", False, {"input": 7, "output": 1, "cache_write": 2000}, "0.007536"),
    # 1 x 3 + 1 x 15
    ("mock-large", "a", False, {"input": 1, "output": 1}, "0.000018"),
    # 0 + 3 x 15 + 100,000 x 0.3 + 1,000 x 3.75 = 45 + 30,000 + 3,750
    (
        *("mock-large", "c", True),
        {"input": 0, "output": 3, "cache_read": 100_000, "cache_write": 1000},
        "0.033795",
    ),
    # 3 x 0.25 + 1 x 1.25 = 2
    ("mock-small", "a", False, {"input": 3, "output": 1}, "0.000002"),
    # 1 x 0.25 + 1 x 1.25 + 1 x 0.025 + 1 x 0.3125 = 1.8375
    (
        *("mock-small", "c", False),
        {"input": 1, "output": 1, "cache_read": 1, "cache_write": 1},
        "0.0000018375",
    ),
    ("mock-small", "a", True, {"input": 800_000, "output": 64_000}, "0.28"),
    # 1 x 0.123457 + 1 x 7.000001 = 7.123458
    ("mock-odd", "a", False, {"input": 1, "output": 1}, "0.000007123458"),
    # 999,999 x 0.123457 = 123,456.876543; 3 x 7.000001 = 21.000003
    ("mock-odd", "c", False, {"input": 999_999, "output": 3}, "0.123477876546"),
    # 0 + 1 x 7.000001 + 1 x 0.012346 + 1 x 0.154321 = 7.166668
    (
        *("mock-odd", "a", True),
        {"input": 0, "output": 1, "cache_read": 1, "cache_write": 1},
        "0.000007166668",
    ),
    # 1 x 2 + 1 x 8 + 10 x 2 + 100 x 2 = 230
    (
        *("mock-plain", "c", True),
        {"input": 1, "output": 1, "cache_read": 10, "cache_write": 100},
        "0.00023",
    ),
    ("mock-plain", "a", False, {"input": 500_000, "output": 250_000}, "3"),
    ("mock-unpriced", "a", False, {"input": 500, "output": 20}, None),
    ("mock-unpriced", "c", True, {"input": 500, "output": 20}, None),
    # 2000 x 3 + 100 x 15 + 50,000 x 0.3 + 4000 x 3.75 = 6,000 + 1,500 + 15,000 + 15,000
    (
        *("claude-sonnet-4-5", "a", True),
        {"input": 2000, "output": 100, "cache_read": 50_000, "cache_write": 4000},
        "0.0375",
    ),
    # 100 x 0.15 + 10 x 0.6 + 1000 x 0.075 = 15 + 6 + 75
    ("gpt-4o-mini", "c", False, {"input": 100, "output": 10, "cache_read": 1000}, "0.000096"),
    # not above 100,000: 100,000 x 0.1 + 10 x 0.5
    ("claude-haiku-5-5", "a", False, {"input": 100_000, "output": 10}, "0.010005"),
    # above: 100,000 x 0.5 + 10 x 2.5 + 1 x 0.05
    (
        *("claude-haiku-5-5", "a", True),
        {"input": 100_000, "output": 10, "cache_read": 1},
        "0.05002505",
    ),
    # mapped to mock-large: 20 x 3 + 2 x 15
    ("team", "a", False, {"input": 20, "output": 2}, "0.00009"),
    ("team", "c", True, {"input": 20, "output": 2}, "0.00009"),
    # another name for mock-small: 20 x 0.25 + 2 x 1.25
    ("quick", "c", False, {"input": 20, "output": 2}, "0.0000075"),
    # broken off after the first event: 1000 x 2 + 1 x 8 + 100 x 0.5 + 10 x 2.5
    (
        *("fault:reset-after-1", "a", True),
        {"input": 1000, "output": 500, "cache_read": 100, "cache_write": 10},
        "0.002083",
    ),
    # Chat Completions tells nothing before its end.
    ("fault:reset-after-3", "c", True, {"input": 1000, "output": 500}, None),
    # left by the client after two events: 40 x 2 + 1 x 8
    ("fault:stall-after-2", "a", True, {"input": 40, "output": 9}, "0.000088"),
)


def cases_by_hand() -> list[Case]:
    formats = {"a": "anthropic_messages", "c": "openai_chat"}
    return [
        Case(
            number=number,
            kind="left-stream" if "stall" in model else "reset" if "reset" in model else "whole",
            wire_format=formats[short],
            stream=stream,
            model=model,
            usage=usage,
        )
        for number, (model, short, stream, usage, _) in enumerate(BY_HAND)
    ]


def set_up(cli: Cli, url: str) -> None:
    for name in ("one", "two"):
        cli.ok(
            *("accounts", "add", name, "--provider", "custom", "--base-url", url),
            *("--endpoint", f"anthropic_messages={url}", "--api-key", f"sk-books-{name}"),
            *("--model-map", "team=mock-large"),
        )
    cli.ok("aliases", "set", "quick", "mock-small")
    own = {m: p for m, p in books.PRICES.items() if m.startswith("mock-")}
    for model, (paid, made, read, written) in {**own, "fault:": books.FAULT_PRICE}.items():
        caches = [] if model == "mock-plain" else ["--cache-read", read, "--cache-write", written]
        cli.ok("prices", "set", model, "--input", paid, "--output", made, *caches)


def kept_books(journal: Path) -> dict[str, dict[str, Any]]:
    """What the upstream's bookkeeper makes of its journal, without a way to import the proxy."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(BOOKS), str(journal)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def check_row(case: Case, row: dict[str, Any], booked: dict[str, Any]) -> Decimal:
    """One exchange in the proxy's records and in the books. Its cost, 0 where none is known."""
    assert row["outcome"] == case.outcome(), (case, row)
    assert not case.request_id or row["request_id"] == case.request_id
    assert not case.status or row["status"] == case.status
    assert (row["client_format"], row["is_streaming"]) == (case.wire_format, case.stream)
    assert row["session"] == case.session
    assert len(row["attempts"]) == booked["requests"] or case.kind == "left-early"
    assert (row["account"], row["upstream_model"]) == (booked["account"], booked["model"])
    names = ("tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write")
    found = None if row["tokens_in"] is None else [row[name] or 0 for name in names]
    assert found == booked["tokens"], (case, row)
    assert row["is_estimated"] == (row["outcome"] == "ok" and case.kind == "no-usage")
    assert (row["cost_usd"] is None) == (booked["usd"] is None), (case, row)
    if booked["usd"] is None:
        return Decimal(0)
    assert abs(Decimal(row["cost_usd"]) - Decimal(booked["usd"])) <= CLOSE, (case, row)
    return Decimal(booked["usd"])


def check_sums(cli: Cli, by: str, booked: list[dict[str, Any]]) -> None:
    """``usage`` says what the books say, for each model or account that was paid."""
    tokens: Counter[str] = Counter()
    usd: dict[str, Decimal] = {}
    for entry in booked:
        name = entry[by]
        tokens[name] += sum(entry["tokens"] or ())
        usd[name] = usd.get(name, Decimal(0)) + Decimal(entry["usd"] or 0)
    found = {item[by]: item for item in cli.ok("usage", "--by", by, "--json").json()["items"]}
    parts = ("tokens_in", "tokens_out", "tokens_cache_read", "tokens_cache_write")
    for name, count in tokens.items():
        assert sum(found[name][part] for part in parts) == count
        assert abs(Decimal(found[name]["cost_usd"]) - usd[name]) <= CLOSE


class Rows:
    """The proxy's records, one for each exchange."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.count = len(rows)
        self._by_id = {row["request_id"]: row for row in rows}
        self._by_session = {row["session"]: row for row in rows if row["session"]}
        assert len(self._by_id) == self.count
        assert len(self._by_session) == sum(bool(row["session"]) for row in rows)

    def of(self, case: Case) -> dict[str, Any]:
        """Found by what the client was told, or by the conversation where it left before."""
        if case.request_id:
            return self._by_id[case.request_id]
        return self._by_session[case.session]


@pytest.mark.timeout(300)
def test_the_books_agree_with_the_upstream_s(tmp_path: Path) -> None:
    journal, cli = tmp_path / "journal", Cli(tmp_path / "data")
    cases = [*cases_by_hand(), *mixed(EXCHANGES - len(BY_HAND), SEED)]
    assert len(BY_HAND) == 30
    settings = {"cooldown_base_s": 0, "idle_timeout_s": 60}
    with provider_process("--journal", str(journal)) as url:
        set_up(cli, url)
        with running(cli.data_dir, settings=settings) as proxy:
            run(cases, proxy.port, proxy.key)
            proxy.wait_idle(5)
            proxy.settle()
            recorded = [case for case in cases if case.kind != "bad-key"]

            def rows() -> list[dict[str, Any]]:
                items = cli.ok("logs", "--json", "--limit", "100000").json()["items"]
                found: list[dict[str, Any]] = items
                return found

            wait_until(lambda: len(rows()) >= len(recorded), 20, "every row")
    assert {case.status for case in cases if case.kind == "bad-key"} == {401}
    kept, found = kept_books(journal), Rows(rows())
    assert found.count == len(recorded)

    total, booked = Decimal(0), []
    for case in recorded:
        row = found.of(case)
        if case.kind == "bad-body":
            assert (row["outcome"], row["status"], row["cost_usd"]) == ("rejected", 400, None)
            assert case.name not in kept
        else:
            total += check_row(case, row, kept[case.name])
            booked.append(kept[case.name])
    for case, (*_, expected) in zip(cases, BY_HAND, strict=False):
        usd = None if expected is None else Decimal(expected)
        for amount in (found.of(case)["cost_usd"], kept[case.name]["usd"]):
            assert (None if amount is None else Decimal(amount)) == usd, case

    check_sums(cli, "model", booked)
    check_sums(cli, "account", booked)
    usage = cli.ok("usage", "--json").json()["total"]
    assert usage["requests"] == len(recorded)
    assert abs(Decimal(usage["cost_usd"]) - total) <= CLOSE
