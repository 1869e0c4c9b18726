"""Whom each strategy asks first, exactly, over many requests."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from codegate.routing.affinity import Session
from codegate.routing.failover import Failover
from codegate.routing.router import Plan
from codegate.routing.traffic import Seat, Traffic
from tests.support.routing import Clock, account, plan_of, traffic

REQUESTS = 10_000
USD = 10**12


def serve(state: Traffic, plan: Plan, cost: int | None = None) -> str:
    """One request that ends well; the account that took it."""
    failover = Failover(plan=plan, traffic=state)
    seat = failover.first()
    finish(state, failover, seat, cost)
    return seat.account


def finish(state: Traffic, failover: Failover, seat: Seat, cost: int | None) -> None:
    """The good end of a request."""
    failover.end()
    state.succeeded(seat)
    state.spend.add(seat.account, cost)
    state.leave(seat)


def test_priority_takes_the_first_while_it_may() -> None:
    state = traffic(Clock())
    plan = plan_of(account("a"), account("b"))
    assert Counter(serve(state, plan) for _ in range(REQUESTS)) == {"a": REQUESTS}


@pytest.mark.parametrize("count", [2, 3, 7])
def test_round_robin_is_a_strict_rotation(count: int) -> None:
    state = traffic(Clock())
    names = [f"a{i}" for i in range(count)]
    plan = plan_of(*map(account, names), strategy="round-robin")
    served = [serve(state, plan) for _ in range(REQUESTS)]
    assert served == [names[i % count] for i in range(REQUESTS)]


def test_round_robin_shares_what_an_absent_account_leaves() -> None:
    clock = Clock()
    state = traffic(clock)
    plan = plan_of(*map(account, "abc"), strategy="round-robin")
    assert serve(state, plan) == "a"
    state.health.limited("b", 60.0, "status_429")
    assert Counter(serve(state, plan) for _ in range(1000)) == {"a": 500, "c": 500}
    clock.now += 60
    assert serve(state, plan) == "b"
    assert Counter(serve(state, plan) for _ in range(999)) == {"a": 333, "b": 333, "c": 333}


def test_an_account_with_two_models_has_two_turns() -> None:
    state = traffic(Clock())
    plan = plan_of(account("a"), account("b"), strategy="round-robin")
    twice = Plan(
        upstreams=(*plan.upstreams, replace(plan.upstreams[0], model="other")),
        strategy="round-robin",
    )
    served = []
    for _ in range(6):
        failover = Failover(plan=twice, traffic=state)
        seat = failover.first()
        served.append((seat.account, seat.upstream.model))
        finish(state, failover, seat, None)
    assert served == [("a", "m"), ("b", "m"), ("a", "other")] * 2


def test_rotations_of_different_routes_do_not_mix() -> None:
    state = traffic(Clock())
    one = plan_of(*map(account, "ab"), strategy="round-robin", group="c/opus")
    two = plan_of(*map(account, "ab"), strategy="round-robin", group="c/haiku")
    served = [(serve(state, one), serve(state, two)) for _ in range(4)]
    assert served == [("a", "a"), ("b", "b"), ("a", "a"), ("b", "b")]


def test_least_used_follows_the_months_spend() -> None:
    state = traffic(Clock())
    state.spend.load({"t0": (3 * USD, 9), "t1": (1 * USD, 9), "t2": (2 * USD, 9)})
    plan = plan_of(*map(account, ("t0", "t1", "t2", "t3")), strategy="least-used")
    draw = random.Random(5)
    spent = {"t0": 3 * USD, "t1": 1 * USD, "t2": 2 * USD, "t3": 0}
    requests = {"t0": 9, "t1": 9, "t2": 9, "t3": 0}
    for _ in range(REQUESTS):
        wanted = min(spent, key=lambda name: (spent[name], requests[name]))
        cost = draw.choice([0, 1, 10**9, draw.randrange(10**10)])
        assert serve(state, plan, cost) == wanted
        spent[wanted] += cost
        requests[wanted] += 1
    assert max(spent.values()) - min(spent.values()) <= 10**10


def test_least_used_without_prices_shares_alike() -> None:
    state = traffic(Clock())
    plan = plan_of(*map(account, "abcd"), strategy="least-used")
    served = Counter(serve(state, plan, None) for _ in range(REQUESTS))
    assert served == dict.fromkeys("abcd", REQUESTS // 4)


def test_budget_aware_goes_by_the_share_that_is_left() -> None:
    state = traffic(Clock())
    budgets = {"small": 10 * USD, "large": 90 * USD}
    plan = plan_of(
        account("open"),
        *(account(name, budget=budget) for name, budget in budgets.items()),
        strategy="budget-aware",
    )
    spent = dict.fromkeys(budgets, 0)
    for _ in range(REQUESTS):
        cost = USD // 100
        left = {n: (budgets[n] - spent[n]) / budgets[n] for n in budgets if spent[n] < budgets[n]}
        wanted = max(left, key=lambda name: left[name]) if left else "open"
        served = serve(state, plan, cost)
        if len(left) == 2 and left["small"] == left["large"]:
            assert served in left
        else:
            assert served == wanted
        if served in spent:
            spent[served] += cost
    # A hundred dollars at a cent each; the account without a budget takes what comes after.
    assert spent == budgets
    assert serve(state, plan, USD) == "open"


@pytest.mark.parametrize("strategy", ["least-used", "budget-aware"])
def test_spend_is_followed_at_concurrency_64(strategy: str) -> None:
    state = traffic(Clock(), under_way=64)
    plan = plan_of(*(account(name, budget=10**6 * USD) for name in "abcd"), strategy=strategy)
    draw = random.Random(7)
    running: list[tuple[Failover, Seat]] = []
    for _ in range(REQUESTS):
        while len(running) >= 64:
            failover, seat = running.pop(draw.randrange(len(running)))
            finish(state, failover, seat, USD // 100)
        failover = Failover(plan=plan, traffic=state)
        running.append((failover, failover.first()))
    for failover, seat in running:
        finish(state, failover, seat, USD // 100)
    spent = [state.spend.spent(name) for name in "abcd"]
    assert sum(spent) == REQUESTS * USD // 100
    # Requests under way count at their account's average, so that nobody is flocked to.
    assert max(spent) - min(spent) <= 2 * USD // 100


def test_affinity_keeps_50_sessions_at_home_until_their_account_fails() -> None:
    clock = Clock()
    state = traffic(clock)
    names = [f"a{i}" for i in range(8)]
    plan = plan_of(*map(account, names), strategy="round-robin")
    homes: dict[int, list[str]] = {n: [] for n in range(50)}
    for turn in range(30):
        clock.now += 1
        if turn == 15:
            state.health.limited("a3", 3600.0, "status_429")
        for number in random.Random(turn).sample(range(50), 50):
            failover = Failover(
                plan=plan, traffic=state, session=Session("default", plan.group, f"s{number}")
            )
            seat = failover.first()
            homes[number].append(seat.account)
            finish(state, failover, seat, None)
    started = Counter(visited[0] for visited in homes.values())
    assert sorted(started.values()) == [6, 6, 6, 6, 6, 6, 7, 7]
    for visited in homes.values():
        moves = [turn for turn in range(1, 30) if visited[turn] != visited[turn - 1]]
        assert moves == ([15] if visited[0] == "a3" else [])
    ended = Counter(visited[-1] for visited in homes.values())
    assert "a3" not in ended
    assert max(ended.values()) - min(ended.values()) <= 2


def test_sessions_at_home_take_no_turn() -> None:
    state = traffic(Clock())
    plan = plan_of(*map(account, "abc"), strategy="round-robin")
    session = Session("default", plan.group, "s")
    served = []
    for turn in range(30):
        failover = Failover(plan=plan, traffic=state, session=session)
        seat = failover.first()
        finish(state, failover, seat, None)
        assert seat.account == "a"
        if turn:
            served.append(serve(state, plan))
    assert served == ["bca"[i % 3] for i in range(29)]
