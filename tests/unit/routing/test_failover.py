"""The way of one exchange through its plan when accounts fail on it."""

from __future__ import annotations

from codegate.routing.failover import Failover
from codegate.routing.traffic import Traffic
from tests.support.routing import Clock, account, plan_of, traffic


def two_of_which_one_cools(known: Traffic, *, delay_s: float | None = None) -> Failover:
    """An exchange that begins with ``b`` because ``a`` is cooling."""
    plan = plan_of(account("a"), account("b"))
    earlier = Failover(plan=plan, traffic=known)
    seat = earlier.first()
    if delay_s is None:
        known.failed(seat, "status_500")
    else:
        known.limited(seat, delay_s, "status_429")
    known.leave(seat)
    earlier.end()
    failover = Failover(plan=plan, traffic=known)
    seat = failover.first()
    assert seat.account == "b"
    known.failed(seat, "status_500")
    known.leave(seat)
    assert failover.next_free() is None
    return failover


def test_an_account_whose_cooldown_was_guessed_is_the_last_resort() -> None:
    known = traffic(Clock())
    failover = two_of_which_one_cools(known)
    seat = failover.next_guessed()
    assert seat is not None
    assert seat.account == "a"
    assert known.retries.used == 1
    failover.end()
    assert known.retries.used == 0


def test_the_last_resort_is_tried_once() -> None:
    known = traffic(Clock())
    failover = two_of_which_one_cools(known)
    seat = failover.next_guessed()
    assert seat is not None
    known.failed(seat, "status_500")
    known.leave(seat)
    assert failover.next_guessed() is None


def test_what_an_upstream_said_itself_is_never_overruled() -> None:
    failover = two_of_which_one_cools(traffic(Clock()), delay_s=30.0)
    assert failover.next_guessed() is None


def test_the_last_resort_needs_a_place_in_the_retry_budget() -> None:
    known = traffic(Clock())
    failover = two_of_which_one_cools(known)
    while known.retries.take():
        pass
    assert failover.next_guessed() is None


def test_of_several_the_one_that_cools_for_the_shortest_goes_first() -> None:
    clock = Clock()
    known = traffic(clock)
    plan = plan_of(account("a"), account("b"), account("c"))
    for name in ("b", "a"):
        earlier = Failover(plan=plan, traffic=known)
        seat = earlier.first()
        while seat.account != name:
            following = earlier.next_free()
            assert following is not None
            seat = following
        known.failed(seat, "status_500")
        clock.now += 1
    failover = Failover(plan=plan, traffic=known)
    seat = failover.first()
    assert seat.account == "c"
    known.failed(seat, "status_500")
    assert failover.next_free() is None
    last = failover.next_guessed()
    assert last is not None
    assert last.account == "b"
