"""Whom an exchange asks: order, cooldowns, limits, budgets, keys, homes."""

from __future__ import annotations

import pytest

from codegate.errors import BudgetExceeded, NoUpstream, RateLimited
from codegate.routing.affinity import Affinity, Session
from codegate.routing.failover import MAX_ATTEMPTS, Failover
from codegate.routing.traffic import Seat, Traffic
from tests.support.routing import Clock, account, plan_of, traffic


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> Traffic:
    return traffic(clock)


def test_f18_every_healthy_account_is_tried_once(state: Traffic) -> None:
    failover = Failover(plan=plan_of(*map(account, "abcd")), traffic=state)
    seat = failover.first()
    tried = [seat.account]
    while True:
        state.failed(seat, "status_500")
        following = failover.next_free()
        if following is None:
            break
        seat = following
        tried.append(seat.account)
    assert tried == ["a", "b", "c", "d"]
    assert not failover.may_again(seat), "more than the attempts of one exchange"
    assert len(tried) > MAX_ATTEMPTS


def test_a_plain_plan_is_begun_as_any_other(state: Traffic, clock: Clock) -> None:
    plan, plainly = plan_of(account("a")), traffic(clock)
    assert plan.is_plain
    usual = Failover(plan=plan, traffic=state).first()
    seat = plainly.take_plainly(plan.upstreams[0])
    assert seat is not None
    for name in Seat.__slots__:
        assert getattr(seat, name) == getattr(usual, name), name
    assert plainly.spend.requests("a") == state.spend.requests("a") == 1
    plainly.leave(seat)
    assert plainly.spend.requests("a") == 0


def test_an_exchange_that_ends_at_a_seat_has_left_it_and_is_counted(state: Traffic) -> None:
    seat = Failover(plan=plan_of(account("a"), account("b")), traffic=state).first()
    state.end(seat, 5)
    assert (state.spend.requests("a"), state.spend.spent("a")) == (1, 5)
    assert state.spend.settled("a") == 5


def test_where_anything_is_to_be_weighed_nothing_is_taken_plainly(state: Traffic) -> None:
    limited = plan_of(account("a", rpm=1)).upstreams[0]
    assert state.take_plainly(limited) is None
    state.health.failed("b", "reset", state.health.begin("b"))
    assert state.take_plainly(plan_of(account("a")).upstreams[0]) is None
    assert state.spend.requests("a") == 0
    for plan in (
        plan_of(account("a"), account("b")),
        plan_of(account("a", keys=2)),
        plan_of(account("a"), strategy="round-robin"),
    ):
        assert not plan.is_plain


def test_of_all_that_cool_the_one_that_ends_first_is_tried(state: Traffic, clock: Clock) -> None:
    plan = plan_of(*map(account, "abc"))
    for name, faults in (("a", 3), ("b", 1), ("c", 2)):
        for _ in range(faults):
            state.health.failed(name, "reset", state.health.begin(name))
    assert Failover(plan=plan, traffic=state).first().account == "b"


def test_told_ends_are_waited_for(state: Traffic, clock: Clock) -> None:
    plan = plan_of(*map(account, "ab"))
    state.health.limited("a", 40.0, "status_429")
    state.health.limited("b", 7.5, "status_429")
    with pytest.raises(RateLimited) as refused:
        Failover(plan=plan, traffic=state).first()
    assert refused.value.retry_after_s == 7.5
    state.health.failed("a", "reset", state.health.begin("a"))
    # A guess may be wrong, the upstream's word is not.
    assert Failover(plan=plan, traffic=state).first().account == "a"


def test_f28_of_ten_that_fail_at_least_one_is_always_tried(state: Traffic, clock: Clock) -> None:
    plan = plan_of(*(account(f"a{i}") for i in range(10)))
    for _ in range(500):
        failover = Failover(plan=plan, traffic=state)
        seat = failover.first()
        while True:
            state.failed(seat, "status_500")
            state.leave(seat)
            following = failover.next_free()
            if following is None:
                break
            seat = following
        failover.end()
        clock.now += 0.7
    assert state.retries.used == 0


def test_f28_at_the_end_of_a_cooldown_exactly_one_goes_first(state: Traffic, clock: Clock) -> None:
    plan = plan_of(*map(account, "ab"))
    state.health.failed("a", "reset", state.health.begin("a"))
    clock.now += 15
    seats = [Failover(plan=plan, traffic=state).first() for _ in range(20)]
    assert [seat.account for seat in seats] == ["a"] + ["b"] * 19
    state.answered(seats[0])
    assert Failover(plan=plan, traffic=state).first().account == "b"
    state.succeeded(seats[0])
    assert Failover(plan=plan, traffic=state).first().account == "a"


def test_while_a_lone_accounts_probe_runs_others_wait_for_its_answer_only(
    state: Traffic, clock: Clock
) -> None:
    plan = plan_of(account("a"))
    state.health.limited("a", 2.0, "status_429")
    clock.now += 2
    probe = Failover(plan=plan, traffic=state).first()
    with pytest.raises(RateLimited):
        Failover(plan=plan, traffic=state).first()
    state.answered(probe)
    assert Failover(plan=plan, traffic=state).first().account == "a"


def test_nobody_left_needs_a_person(state: Traffic) -> None:
    plan = plan_of(*map(account, "ab"))
    for name in "ab":
        state.health.refused(name, "status_401")
    with pytest.raises(NoUpstream, match="log-in"):
        Failover(plan=plan, traffic=state).first()


def test_limits_and_budgets_of_the_operator(clock: Clock) -> None:
    wall = Clock(1_796_000_000.0)
    state = traffic(clock, wall)
    plan = plan_of(account("a", rpm=2), account("b", budget=100))
    seats = [Failover(plan=plan, traffic=state).first() for _ in range(3)]
    assert [seat.account for seat in seats] == ["a", "a", "b"]
    state.spend.add("b", 100)
    with pytest.raises(RateLimited) as limited:
        Failover(plan=plan, traffic=state).first()
    assert limited.value.retry_after_s == 60
    plan = plan_of(account("b", budget=100))
    with pytest.raises(BudgetExceeded) as spent:
        Failover(plan=plan, traffic=state).first()
    # 1 December 2026, 00:00 UTC.
    assert spent.value.retry_after_s == 1_796_083_200 - wall.now
    wall.now = 1_796_083_200
    assert Failover(plan=plan, traffic=state).first().account == "b"


def test_what_is_under_way_counts_towards_a_budget(state: Traffic) -> None:
    plan = plan_of(account("a", budget=100))
    first = Failover(plan=plan, traffic=state).first()
    state.spend.add("a", 30)
    state.leave(first)
    for _ in range(3):
        Failover(plan=plan, traffic=state).first()
    with pytest.raises(BudgetExceeded) as spent:
        Failover(plan=plan, traffic=state).first()
    assert spent.value.retry_after_s == 1


def test_a_healthy_account_is_never_refused_by_the_retry_budget(state: Traffic) -> None:
    plan = plan_of(*map(account, "ab"))
    for _ in range(1000):
        failover = Failover(plan=plan, traffic=state)
        seat = failover.first()
        assert seat.account == "a"
        while state.retries.take():
            pass
        state.limited(seat, 0.0, "status_429")
        following = failover.next_free()
        assert following is not None
        assert following.account == "b"


def test_the_retry_budget_bounds_probes_and_second_tries(state: Traffic, clock: Clock) -> None:
    plan = plan_of(*map(account, "ab"))
    state.health.failed("b", "reset", state.health.begin("b"))
    clock.now += 15
    while state.retries.take():
        pass
    failover = Failover(plan=plan, traffic=state)
    seat = failover.first()
    state.failed(seat, "reset")
    assert failover.next_free() is None
    assert not failover.may_again(seat)


def test_a_key_cools_alone_and_the_account_with_the_last(state: Traffic, clock: Clock) -> None:
    plan = plan_of(account("a", keys=3), account("b"))
    failover = Failover(plan=plan, traffic=state)
    seat = failover.first()
    seen = [seat.credential]
    for delay_s in (30.0, 20.0, 40.0):
        state.limited(seat, delay_s, "status_429")
        following = failover.next_free()
        assert following is not None
        seat = following
        seen.append(seat.credential)
    assert seen == ["a/1", "a/2", "a/3", "b"]
    lone = plan_of(plan.upstreams[0].account)
    with pytest.raises(RateLimited) as refused:
        Failover(plan=lone, traffic=state).first()
    assert refused.value.retry_after_s == 20
    clock.now += 20
    assert Failover(plan=lone, traffic=state).first().credential == "a/2"


def test_a_fault_of_the_service_cools_every_key(state: Traffic) -> None:
    plan = plan_of(account("a", keys=3), account("b"))
    failover = Failover(plan=plan, traffic=state)
    state.failed(failover.first(), "status_500")
    following = failover.next_free()
    assert following is not None
    assert following.account == "b"
    assert Failover(plan=plan, traffic=state).first().account == "b"


def test_another_key_is_no_last_resort_against_a_fault_of_the_service(state: Traffic) -> None:
    failover = Failover(plan=plan_of(account("a", keys=2)), traffic=state)
    seat = failover.first()
    state.failed(seat, "status_500")
    assert failover.next_free() is None
    assert failover.next_guessed() is None
    lone = Failover(plan=plan_of(account("b", keys=2)), traffic=state)
    seat = lone.first()
    state.limited(seat, None, "status_429")
    following = lone.next_free()
    assert following is not None
    assert following.credential == "b/2"


def test_conversations_are_forgotten_in_order_and_in_time() -> None:
    clock = Clock()
    homes = Affinity(capacity=3, clock=clock)
    names = [Session("t", "g", f"s{i}") for i in range(4)]
    for name in names[:3]:
        homes.settle(name, "a", "a", is_long=False)
    homes.settle(names[0], "a", "a", is_long=True)
    homes.settle(names[3], "a", "a", is_long=False)
    assert [homes.find(name) is not None for name in names] == [True, False, True, True]
    clock.now += 301
    assert [homes.find(name) is not None for name in names] == [True, False, False, False]
    # A turn that asks for no long cache does not end the one that is there.
    homes.settle(names[0], "a", "a", is_long=False)
    clock.now += 3000
    assert homes.find(names[0]) is not None
    clock.now += 400
    assert homes.find(names[0]) is None
    assert len(homes) == 0


def test_tenants_share_no_home() -> None:
    homes = Affinity(clock=Clock())
    homes.settle(Session("t1", "g", "s"), "a", "a", is_long=False)
    assert homes.find(Session("t2", "g", "s")) is None
