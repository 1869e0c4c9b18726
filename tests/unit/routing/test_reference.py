"""Routing as CodeGate 1 did it, where that was right, and what is done instead where not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codegate.catalog.catalog import shipped
from codegate.errors import BudgetExceeded, RateLimited
from codegate.routing.failover import Failover
from codegate.routing.router import Routes
from codegate.tenants.quota import SlidingWindow
from tests.arch.tree import ROOT
from tests.support.routing import Clock, account, chosen, config, plan_of, traffic

CASES: dict[str, Any] = json.loads((ROOT / "tests" / "fixtures" / "routing.json").read_text())
USD = 10**12


def wanted(case: dict[str, Any]) -> Any:
    """What happens here. A case that was changed says what it was."""
    if "changed" in case:
        assert case["was"] != case["changed"]
        return case["changed"]
    return case["kept"]


@pytest.mark.parametrize("case", CASES["tiers"], ids=lambda case: case["model"] or "empty")
def test_tiers(case: dict[str, Any]) -> None:
    assert shipped().tier(case["model"]) == wanted(case)


def test_guessed_cooldowns_grow_with_each_fault_in_a_row() -> None:
    clock = Clock()
    book = traffic(clock).health
    for faults, seconds in CASES["cooldown_s_by_faults"].items():
        book.failed("a", "status_500", book.begin("a"))
        assert book.report("a").faults == int(faults)
        assert book.ends_in_s("a") == seconds


def test_a_told_delay_and_its_end_by_a_success() -> None:
    clock = Clock()
    book = traffic(clock).health
    book.limited("a", CASES["told_delay_s"], "status_429")
    assert book.ends_in_s("a") == CASES["told_delay_s"]
    clock.now += CASES["told_delay_s"]
    book.succeeded("a", book.begin("a"))
    assert book.ends_in_s("a") == 0


def test_faults_are_not_forgotten_when_a_cooldown_ends() -> None:
    case = CASES["faults_after_a_cooldown"]
    clock = Clock()
    book = traffic(clock).health
    book.failed("a", "status_500", book.begin("a"))
    clock.now += case["was"] + 1
    book.failed("a", "status_500", book.begin("a"))
    assert book.ends_in_s("a") == wanted(case)


def test_cooling_accounts_come_last_and_keep_their_order_else() -> None:
    state = traffic(Clock())
    plan = plan_of(account("cooled"), account("first"), account("second"))
    state.health.failed("cooled", "status_500", state.health.begin("cooled"))
    failover = Failover(plan=plan, traffic=state)
    assert failover.first().account == "first"
    second = failover.next_free()
    assert second is not None
    assert second.account == "second"


def test_of_all_that_cool_the_nearest_end_is_tried() -> None:
    case = CASES["all_cooling"]
    clock = Clock()
    state = traffic(clock)
    state.health.base_s = state.health.max_s = 1.0
    plan = plan_of(*(account(name) for name in reversed(case["ends_s"])))
    for name, ends_s in case["ends_s"].items():
        state.health.base_s = state.health.max_s = ends_s
        state.health.failed(name, "status_500", state.health.begin(name))
    assert Failover(plan=plan, traffic=state).first().account == wanted(case)


@pytest.mark.parametrize("case", CASES["windows"], ids=lambda case: f"{case['limit']}")
def test_windows(case: dict[str, Any]) -> None:
    clock = Clock()
    state = traffic(clock)
    plan = plan_of(account("a", rpm=case["limit"]))
    refused = 0
    for _ in range(case["calls"]):
        try:
            Failover(plan=plan, traffic=state).first()
        except RateLimited:
            refused += 1
    assert refused == case["refused"]


def test_a_window_slides_and_counts_only_what_was_let_in() -> None:
    clock = Clock()
    window = SlidingWindow(clock)
    assert window.admit(1) == 0
    clock.now += CASES["window_s"] - 0.001
    assert window.wait_s(1) == pytest.approx(0.001)
    assert window.admit(1) > 0
    clock.now += 0.001
    assert window.admit(1) == 0, "the refused one was counted"


@pytest.mark.parametrize("case", CASES["orders"], ids=lambda case: case["strategy"])
def test_orders(case: dict[str, Any]) -> None:
    state = traffic(Clock())
    spend = {name: (usd * USD, 1) for name, usd in case.get("spend_usd", {}).items()}
    state.spend.load(spend)
    budgets = {name: usd * USD for name, usd in case.get("budgets_usd", {}).items()}
    plan = plan_of(
        *(account(name, budget=budgets.get(name)) for name in case["accounts"]),
        strategy=case["strategy"],
    )
    served = [Failover(plan=plan, traffic=state).first().account for _ in wanted(case)]
    assert served == wanted(case)


def test_an_account_over_its_budget_is_left_out() -> None:
    case = CASES["budget"]
    state = traffic(Clock())
    state.spend.load({"a": (case["spend_usd"] * USD, 1)})
    limited = account("a", budget=case["budget_usd"] * USD)
    plan = plan_of(limited, account("b"))
    assert Failover(plan=plan, traffic=state).first().account == "b"
    with pytest.raises(BudgetExceeded):
        Failover(plan=plan_of(limited), traffic=state).first()


def test_a_limit_reached_is_a_429() -> None:
    case = CASES["limit_of_the_only_account"]
    state = traffic(Clock())
    plan = plan_of(account("a", rpm=case["rpm"]))
    statuses = []
    for _ in range(case["calls"]):
        try:
            Failover(plan=plan, traffic=state).first()
            statuses.append(200)
        except RateLimited as error:
            statuses.append(error.status)
    assert statuses == wanted(case)


def test_a_tier_without_assignment_takes_the_default_route() -> None:
    routes = Routes(
        accounts=(account("a", created=1), account("b", created=2, priority=1)),
        config=config(opus=["a"]),
    )
    served = [name for name, _ in chosen(routes, "claude-haiku-4-5")]
    assert served == wanted(CASES["tier_without_assignment"])
