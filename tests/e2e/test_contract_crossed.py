"""The contract of retries and failover, row by row, where accounts speak different formats.

Each row is met twice: from an account of the other format to one of the client's own, and back.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.test_contract import OVERLOAD, ROWS, SLACK_S, Row

# These rows say the same of both: they run here with this module's pairs.
from tests.e2e.test_contract import test_row_after_the_first_byte as test_row_after_the_first_byte
from tests.e2e.test_contract import (
    test_row_broken_json_before_the_first_event as test_row_broken_json_before_the_first_event,
)
from tests.e2e.test_contract import test_row_client_gone as test_row_client_gone
from tests.support.aftermath import check_good
from tests.support.pair import OTHER, Pair, Pairs, ends_in_s, four_pairs
from tests.support.raw import check_error


@pytest.fixture(scope="module", params=["first", "second"])
def crossing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Pairs]]:
    """Which of the two accounts is of the other format, and the pairs."""
    crossed = str(request.param)
    with four_pairs(
        tmp_path_factory.mktemp(f"crossed-{crossed}") / "data",
        crossed=crossed,
        first_byte_timeout_s=1,
        plain_first_byte_timeout_s=1,
        idle_timeout_s=1,
    ) as pairs:
        yield crossed, pairs


@pytest.fixture
def crossed(crossing: tuple[str, Pairs]) -> str:
    """Which of the two accounts is of the other format."""
    return crossing[0]


@pytest.fixture
def pairs(crossing: tuple[str, Pairs]) -> Iterator[Pairs]:
    """The pairs with everything well."""
    yield crossing[1]
    crossing[1].heal()


def paths(pair: Pair, mock_number: int) -> set[str]:
    """The endpoints that were called at an upstream."""
    mock = (pair.first, pair.second)[mock_number]
    return {entry.target for entry in pair.seen(mock)}


ALIKE = {
    *("status-408", "status-503", "status-526", "status-422"),
    *("status-529-after-30", "status-429-after-2", "status-429-date-40", "status-429-reset-50"),
}
"""What the contract of one format says of these, it says in the same words of others."""
KINDS = [row for row in ROWS if row.fault not in ALIKE]

ENDPOINT = {"anthropic_messages": "/v1/messages", "openai_chat": "/v1/chat/completions"}


def check_formats(pair: Pair, crossed: str) -> None:
    """Each account got the format that it speaks."""
    for number, name in enumerate(("first", "second")):
        spoken = OTHER[pair.wire_format] if crossed == name else pair.wire_format
        assert paths(pair, number) <= {ENDPOINT[spoken]}


@pytest.mark.parametrize("row", KINDS, ids=[row.fault for row in KINDS])
def test_row(pairs: Pairs, crossed: str, row: Row) -> None:
    pairs.first.fault = row.fault
    pairs.each(lambda pair: fail_over(pair, row))
    for pair in pairs.pairs:
        check_formats(pair, crossed)


def fail_over(pair: Pair, row: Row) -> None:
    """As in one format: the next account's answer, or the error in the client's own words."""
    answer = pair.ask()
    if row.is_next:
        check_good(answer, pair.wire_format, stream=pair.stream)
        assert answer.header("x-codegate-account") == pair.names[1]
        assert answer.header("x-codegate-attempts") == "2"
        assert len(pair.seen(pair.second)) == 1
    else:
        error = check_error(answer, pair.wire_format, row.lone)
        assert "<html" not in str(error).lower()
        assert len(pair.seen(pair.second)) == 0
    assert len(pair.seen(pair.first)) == 1
    if row.state == "healthy":
        assert pair.health()["state"] == "healthy"
        return
    health = pair.wait_state(row.state)
    assert health["faults"] == row.faults
    if row.cools is not None:
        assert row.cools - SLACK_S <= ends_in_s(health) <= row.cools + 0.1


def test_row_reset_before_status(pairs: Pairs, crossed: str) -> None:
    pairs.first.fault = "reset-before-status"

    def use(pair: Pair) -> None:
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        assert len(pair.seen(pair.first)) <= 2
        assert pair.wait_state("cooling")["faults"] == 1
        check_formats(pair, crossed)

    pairs.each(use)


def test_row_nobody_listens(pairs: Pairs, crossed: str) -> None:
    pairs.first.fault = "refuse-after-accept"

    def use(pair: Pair) -> None:
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        assert pair.wait_state("cooling")["faults"] == 1
        check_formats(pair, crossed)

    pairs.each(use)


def test_row_first_event_is_an_error(pairs: Pairs, crossed: str) -> None:
    """As the status that its type stands for in the upstream's own dialect."""
    for pair in pairs.pairs:
        pairs.first.fault = "error-first-event" if pair.stream else "error-200"
        check_good(pair.ask(), pair.wire_format, stream=pair.stream)
        health = pair.wait_state("cooling")
        spoken = OTHER[pair.wire_format] if crossed == "first" else pair.wire_format
        faults, cools = (0, 5) if spoken == "anthropic_messages" else (1, 15)
        assert health["faults"] == faults
        assert cools - SLACK_S <= ends_in_s(health) <= cools + 0.1


def test_n14_a_spend_limit_with_nobody_left_is_told_in_the_clients_words(
    pairs: Pairs, crossed: str
) -> None:
    pairs.first.fault = pairs.second.fault = "spend-limit"
    for pair, answer in zip(pairs.pairs, pairs.each(lambda pair: pair.ask()), strict=True):
        # The last word is the second account's.
        is_foreign = crossed == "second" and pair.wire_format == "anthropic_messages"
        error = check_error(answer, pair.wire_format, 402 if is_foreign else 429)
        assert answer.header("x-should-retry") == "false"
        assert len(pair.seen(pair.first)) == len(pair.seen(pair.second)) == 1
        if pair.wire_format == "openai_chat":
            assert error["code"] == "insufficient_quota"


def test_row_overloaded_with_nobody_left(pairs: Pairs) -> None:
    pairs.first.fault = pairs.second.fault = "status-529"
    for pair, answer in zip(pairs.pairs, pairs.each(lambda pair: pair.ask()), strict=True):
        check_error(answer, pair.wire_format, OVERLOAD[pair.wire_format])
