"""The state machine of an account's health."""

from __future__ import annotations

import pytest

from codegate.accounts.health import Access, HealthBook


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> HealthBook:
    return HealthBook(clock=clock)


def test_guessed_cooldowns_double_to_the_longest(book: HealthBook, clock: Clock) -> None:
    for wait_s in (15, 30, 60, 120, 240, 300, 300):
        book.failed("a", "status_500")
        assert book.ends_in_s("a") == wait_s
        assert book.access("a") is Access.COOLING
        clock.now += wait_s
        assert book.access("a") is Access.PROBE


def test_only_a_success_forgets_faults(book: HealthBook, clock: Clock) -> None:
    book.failed("a", "reset")
    clock.now += 15
    book.begin("a")
    book.succeeded("a")
    assert book.access("a") is Access.FREE
    book.failed("a", "reset")
    assert book.ends_in_s("a") == 15


def test_exactly_one_probe_goes_first(book: HealthBook, clock: Clock) -> None:
    book.failed("a", "reset")
    clock.now += 15
    book.begin("a")
    assert book.access("a") is Access.PROBING
    book.failed("a", "reset")
    assert book.ends_in_s("a") == 30


def test_a_probe_that_says_nothing_gives_its_place_back(book: HealthBook, clock: Clock) -> None:
    book.failed("a", "reset")
    clock.now += 15
    book.begin("a")
    book.gave_up("a")
    assert book.access("a") is Access.PROBE


@pytest.mark.parametrize(("told_s", "taken_s"), [(2.0, 2.0), (0.75, 0.75), (1e9, 86400.0)])
def test_a_told_delay_is_taken_exactly(book: HealthBook, told_s: float, taken_s: float) -> None:
    book.limited("a", told_s, "status_429")
    assert book.ends_in_s("a") == taken_s
    assert book.was_told("a")


def test_overload_is_no_fault_and_doubles_to_half_a_minute(book: HealthBook, clock: Clock) -> None:
    for wait_s in (5, 10, 20, 30, 30):
        book.overloaded("a", None, "status_529")
        assert book.ends_in_s("a") == wait_s
        clock.now += wait_s
    assert book.report("a").faults == 0


def test_a_refused_credential_is_out_until_reset(book: HealthBook, clock: Clock) -> None:
    book.refused("a", "status_401")
    clock.now += 1e6
    assert book.access("a") is Access.OUT
    assert book.report("a").state == "needs_login"
    book.reset("a")
    assert book.access("a") is Access.FREE
