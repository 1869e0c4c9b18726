"""The state machine of an account's health."""

from __future__ import annotations

from collections.abc import Callable

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
        book.failed("a", "status_500", book.begin("a"))
        assert book.ends_in_s("a") == wait_s
        assert book.access("a") is Access.COOLING
        clock.now += wait_s
        assert book.access("a") is Access.PROBE


def test_only_a_success_forgets_faults(book: HealthBook, clock: Clock) -> None:
    book.failed("a", "reset", book.begin("a"))
    clock.now += 15
    book.succeeded("a", book.begin("a"))
    assert book.access("a") is Access.FREE
    book.failed("a", "reset", book.begin("a"))
    assert book.ends_in_s("a") == 15


def test_exactly_one_probe_goes_first(book: HealthBook, clock: Clock) -> None:
    book.failed("a", "reset", book.begin("a"))
    clock.now += 15
    mark = book.begin("a")
    assert book.access("a") is Access.PROBING
    book.failed("a", "reset", mark)
    assert book.ends_in_s("a") == 30


def test_a_probe_that_says_nothing_gives_its_place_back(book: HealthBook, clock: Clock) -> None:
    book.failed("a", "reset", book.begin("a"))
    clock.now += 15
    mark = book.begin("a")
    book.gave_up("a", mark - 1)
    assert book.access("a") is Access.PROBING, "another request gave the probe's place away"
    book.gave_up("a", mark)
    assert book.access("a") is Access.PROBE


@pytest.mark.parametrize(("told_s", "taken_s"), [(2.0, 2.0), (0.75, 0.75), (1e9, 86400.0)])
def test_a_told_delay_is_taken_exactly(book: HealthBook, told_s: float, taken_s: float) -> None:
    book.limited("a", told_s, "status_429")
    assert book.ends_in_s("a") == taken_s
    assert book.was_told("a")


def test_overload_is_no_fault_and_doubles_to_half_a_minute(book: HealthBook, clock: Clock) -> None:
    for wait_s in (5, 10, 20, 30, 30):
        book.overloaded("a", None, "status_529", book.begin("a"))
        assert book.ends_in_s("a") == wait_s
        clock.now += wait_s
    assert book.report("a").faults == 0


def test_a_refused_credential_is_out_until_reset(book: HealthBook, clock: Clock) -> None:
    book.refused("a", "status_401")
    clock.now += 1e6
    assert book.access("a") is Access.OUT
    assert book.report("a").state == "needs_login"
    book.reset(["a"])
    assert book.access("a") is Access.FREE


def test_requests_that_fail_together_are_one_fault(book: HealthBook, clock: Clock) -> None:
    marks = [book.begin("a") for _ in range(50)]
    for mark in marks:
        book.failed("a", "reset", mark)
        clock.now += 0.01
    assert book.report("a").faults == 1
    assert book.ends_in_s("a") == pytest.approx(15 - 0.5)


def test_what_was_under_way_ends_no_cooldown(book: HealthBook) -> None:
    old = book.begin("a")
    book.limited("a", 30.0, "status_429")
    book.succeeded("a", old)
    assert book.access("a") is Access.COOLING
    book.succeeded("a", book.begin("a"))
    assert book.access("a") is Access.FREE


def test_a_probe_that_answers_lets_in_who_has_no_other_choice(
    book: HealthBook, clock: Clock
) -> None:
    book.limited("a", 2.0, "status_429")
    clock.now += 2
    mark = book.begin("a")
    assert book.was_told("a")
    book.answered("a", mark)
    assert not book.was_told("a")
    assert book.access("a") is Access.PROBING


def test_every_change_moves_the_version(book: HealthBook, clock: Clock) -> None:
    mark = book.begin("a")
    seen = {book.version}
    changes: list[Callable[[], None]] = [
        lambda: book.failed("a", "reset", mark),
        lambda: book.limited("a", 1.0, "status_429"),
        lambda: book.refused("b", "status_401"),
        lambda: book.reset(["b"]),
        lambda: book.succeeded("a", book.begin("a")),
    ]
    for change in changes:
        change()
        assert book.version not in seen
        seen.add(book.version)
    book.succeeded("a", book.begin("a"))
    assert book.version in seen
