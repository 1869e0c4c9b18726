"""The contract of retries and failover, row by row: both formats, streamed and not.

Each row is asked twice: with another account to go on to, and pinned to the one that fails.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.arch.tree import ROOT
from tests.support.aftermath import check_broken_stream, check_good
from tests.support.pair import Pair, Pairs, ends_in_s, four_pairs
from tests.support.raw import Answer, check_error

DAY_S = 86400
_CASES = json.loads((ROOT / "tests" / "fixtures" / "routing.json").read_text())["retry_after"]
TOLD = [(case["text"], float(case.get("changed", case.get("kept")))) for case in _CASES]
OVERLOAD = {"anthropic_messages": 529, "openai_chat": 503}


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    """Deadlines of a second, the cooldowns as they are shipped."""
    with four_pairs(
        tmp_path_factory.mktemp("contract") / "data",
        first_byte_timeout_s=1,
        plain_first_byte_timeout_s=1,
        idle_timeout_s=1,
    ) as pairs:
        yield pairs


@pytest.fixture
def pairs(four: Pairs) -> Iterator[Pairs]:
    """The pairs with everything well."""
    yield four
    four.heal()


@dataclass(frozen=True, kw_only=True)
class Row:
    """``fault`` is the upstream's; ``lone`` the status for whoever may ask nobody else, which
    costs ``tries`` requests. ``cools`` is about how long the account is left alone then."""

    fault: str
    lone: int
    tries: int = 1
    state: str = "cooling"
    cools: float | None = 15
    faults: int = 1
    is_next: bool = True
    pause_s: float = 0.0
    should_retry: str | None = None
    retry_after: str | None = None


ROWS = [
    *(
        Row(fault=f"status-{code}", lone=code, tries=2, pause_s=0.4)
        for code in (408, 500, 503, 526)
    ),
    Row(fault="status-529", lone=529, tries=2, pause_s=1.0, cools=5, faults=0),
    Row(fault="status-529-after-30", lone=529, cools=30, faults=0),
    Row(fault="status-429-after-2", lone=429, tries=2, pause_s=2.0, cools=2, faults=0),
    Row(fault="status-429-after-ms-1500", lone=429, tries=2, pause_s=1.5, cools=1.5, faults=0),
    Row(fault="status-429-after-30", lone=429, cools=30, faults=0, retry_after="30"),
    Row(fault="status-429-date-40", lone=429, cools=40, faults=0),
    Row(fault="status-429-reset-50", lone=429, cools=50, faults=0),
    Row(
        fault="status-429-after-7200",
        lone=429,
        cools=7200,
        faults=0,
        should_retry="false",
        retry_after="7200",
    ),
    Row(fault="status-429", lone=429),
    Row(fault="spend-limit", lone=429, cools=3600, faults=0, should_retry="false"),
    Row(fault="credit-low", lone=400, cools=3600, faults=0, should_retry="false"),
    Row(fault="status-402", lone=402, cools=3600, faults=0, should_retry="false"),
    Row(
        fault="status-401",
        lone=502,
        state="needs_login",
        cools=None,
        faults=0,
        should_retry="false",
    ),
    Row(fault="status-403", lone=403, state="healthy", cools=None, faults=0),
    *(
        Row(fault=f"status-{code}", lone=code, state="healthy", is_next=False)
        for code in (400, 404, 422)
    ),
    Row(fault="no-such-model", lone=404, state="healthy", cools=None, faults=0),
    Row(fault="html-200", lone=502),
    Row(fault="empty-200", lone=502),
    Row(fault="redirect-302", lone=502, should_retry="false"),
    Row(fault="hang", lone=504),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.fault for row in ROWS])
def test_row(pairs: Pairs, row: Row) -> None:
    pairs.first.fault = row.fault
    pairs.each(lambda pair: fail_over(pair, row))
    pairs.heal()
    pairs.first.fault = row.fault
    # More second tries than three at a time are not allowed to so few requests.
    pairs.each(lambda pair: ask_alone(pair, row), at_once=2)


def fail_over(pair: Pair, row: Row) -> None:
    """The client gets the next account's answer, or an error where trying it makes no sense."""
    answer = pair.ask()
    if row.is_next:
        check_good(answer, pair.wire_format, stream=pair.stream)
        assert answer.header("x-codegate-account") == pair.names[1]
        assert answer.header("x-codegate-attempts") == "2"
        assert len(pair.seen(pair.second)) == 1
    else:
        check_error(answer, pair.wire_format, row.lone)
        assert len(pair.seen(pair.second)) == 0
    assert len(pair.seen(pair.first)) == 1
    if row.state == "healthy":
        time.sleep(0.6)
        assert pair.health()["state"] == "healthy"
        return
    health = pair.wait_state(row.state)
    assert health["faults"] == row.faults
    if row.cools is not None:
        slack_s = SLACK_S + 1.0 * (row.fault == "status-429-date-40")
        assert row.cools - slack_s <= ends_in_s(health) <= row.cools + 0.1
        seen = len(pair.seen(pair.first))
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        if row.cools > SLACK_S:
            assert len(pair.seen(pair.first)) == seen, "asked while cooling"


SLACK_S = 3.0
"""What a busy machine may take until the end of a cooldown is looked at."""


def ask_alone(pair: Pair, row: Row) -> None:
    """Nobody else may be asked: the same account again where the row says so, then the error."""
    answer = pair.ask(is_pinned=True)
    status = row.lone
    if row.fault.startswith("status-529"):
        status = OVERLOAD[pair.wire_format]
    error = check_error(answer, pair.wire_format, status)
    assert not any(b in str(error).lower() for b in ("<html", "canary"))
    requests = pair.seen(pair.first)
    assert len(requests) == row.tries
    if row.tries == 2:
        assert requests[0].body == requests[1].body
        assert requests[1].at - requests[0].at >= row.pause_s
    assert len(pair.seen(pair.second)) == 0
    assert answer.header("x-codegate-attempts") == str(row.tries)
    assert answer.header("x-should-retry") == row.should_retry
    if row.retry_after is not None:
        assert answer.header("retry-after") == row.retry_after


def test_row_reset_before_status(pairs: Pairs) -> None:
    pairs.first.fault = "reset-before-status"

    def use(pair: Pair) -> None:
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        # Once more, within the transport, only on a connection that was used before.
        assert len(pair.seen(pair.first)) <= 2
        assert pair.wait_state("cooling")["faults"] == 1

    pairs.each(use)


def test_row_first_event_is_an_error(pairs: Pairs) -> None:
    """As the status that its type stands for: 529, or 500 in a dialect without a word for it."""
    for pair in pairs.pairs:
        pairs.first.fault = "error-first-event" if pair.stream else "error-200"
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        health = pair.wait_state("cooling")
        faults, cools = (0, 5) if pair.wire_format == "anthropic_messages" else (1, 15)
        assert health["faults"] == faults
        assert cools - SLACK_S <= ends_in_s(health) <= cools + 0.1


def test_row_broken_json_before_the_first_event(pairs: Pairs) -> None:
    pairs.first.fault = "bad-json-at-1"

    def use(pair: Pair) -> None:
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        assert pair.wait_state("cooling")["faults"] == 1

    pairs.each(use)


def test_row_client_gone(pairs: Pairs) -> None:
    """No further try, and no word about the account."""
    pairs.first.fault = "hang"

    def use(pair: Pair) -> None:
        with pytest.raises(TimeoutError):
            pair.ask(timeout_s=0.4)
        time.sleep(1.2)
        assert len(pair.seen(pair.second)) == 0
        assert pair.health()["state"] == "healthy"

    pairs.each(use)


def test_row_after_the_first_byte(pairs: Pairs) -> None:
    """No retry ever: an error event, a fault, and no success before the end marker."""
    pairs.first.fault = "reset-after-3"

    def use(pair: Pair) -> None:
        answer = pair.ask()
        if pair.stream:
            check_broken_stream(answer, pair.wire_format)
            assert len(pair.seen(pair.second)) == 0
        else:
            # Of a plain answer nothing was sent yet.
            check_good(answer, pair.wire_format, stream=False)
        assert len(pair.seen(pair.first)) == 1
        assert pair.wait_state("cooling")["faults"] == 1

    pairs.each(use)


def test_f13_every_spelling_of_a_delay(pairs: Pairs) -> None:
    for spelling, wait_s in (
        ("after-1.5", 1.5),
        ("after-ms-750", 0.75),
        ("date-30", 30.0),
        ("date--5", 0.0),
        ("after--1", 15.0),
        ("after-99999999999", DAY_S),
        *((f"after-{text}", wait_s) for text, wait_s in TOLD if " " not in text),
    ):
        pairs.first.fault = f"status-429-{spelling}"
        begun = time.time()

        def use(pair: Pair, wait_s: float = wait_s, begun: float = begun) -> None:
            check_good(pair.ask(), pair.wire_format, stream=pair.stream)
            text = "status_429"
            end = begun + wait_s
            seen = wait_written(pair, text)
            if wait_s:
                assert end - 1.1 <= seen <= end + SLACK_S, (wait_s, seen - begun)

        pairs.each(use)
        pairs.heal()


def wait_written(pair: Pair, reason: str) -> float:
    """The end that is shown of a cooldown for ``reason``, in seconds since 1970; 0 for none."""
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        health = pair.health()
        if health["reason"] == reason:
            return float(health["until_ms"] or 0) / 1000
        time.sleep(0.02)
    raise AssertionError(f"{pair.label}: no cooldown is shown")


def test_f15_a_spend_limit_takes_the_account_out_for_an_hour_with_one_request(
    pairs: Pairs,
) -> None:
    pairs.first.fault = "spend-limit"

    def use(pair: Pair) -> Answer:
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        health = pair.wait_state("cooling")
        assert health["reason"] == "status_429"
        assert ends_in_s(health) >= 3600 - SLACK_S
        assert len(pair.seen(pair.first)) == 1
        answer = pair.ask(is_pinned=True)
        assert len(pair.seen(pair.first)) == 1
        return answer

    for pair, answer in zip(pairs.pairs, pairs.each(use), strict=True):
        check_error(answer, pair.wire_format, 429)
        assert answer.header("x-should-retry") == "false"
        assert 3500 <= int(answer.header("retry-after") or 0) <= 3600


def test_n14_a_spend_limit_with_nobody_left_is_told_as_such(pairs: Pairs) -> None:
    pairs.first.fault = pairs.second.fault = "spend-limit"
    for pair, answer in zip(pairs.pairs, pairs.each(lambda pair: pair.ask()), strict=True):
        error = check_error(answer, pair.wire_format, 429)
        assert answer.header("x-should-retry") == "false"
        assert len(pair.seen(pair.first)) == len(pair.seen(pair.second)) == 1
        if pair.wire_format == "openai_chat":
            assert error["code"] == "insufficient_quota"
        else:
            assert error["details"]["error_code"] == "enforced_spend_limit_reached"


def test_f16_an_overload_with_nobody_left_is_spelled_in_the_callers_dialect(pairs: Pairs) -> None:
    pairs.first.fault = pairs.second.fault = "status-529"
    for pair, answer in zip(pairs.pairs, pairs.each(lambda pair: pair.ask()), strict=True):
        check_error(answer, pair.wire_format, OVERLOAD[pair.wire_format])
        if pair.wire_format == "openai_chat":
            assert answer.header("retry-after")


def test_f17_a_second_try_is_the_same_request(pairs: Pairs) -> None:
    # One after the other: the script is by request, not by client.
    for pair in pairs.pairs:
        pairs.first.script("status-500", None)
        answer = pair.ask(is_pinned=True)
        check_good(answer, pair.wire_format, stream=pair.stream)
        requests = pair.seen(pair.first)
        assert len(requests) == 2
        assert requests[0].body == requests[1].body
        keys = [entry.header("idempotency-key") for entry in requests]
        assert keys[0] == keys[1]
