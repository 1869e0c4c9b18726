"""Whatever happens to accounts, in whatever order: what routing promises of each choice."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from codegate.accounts.account import Account
from codegate.accounts.health import Access
from codegate.errors import BudgetExceeded, CodegateError, NoUpstream, RateLimited
from codegate.routing.affinity import Session
from codegate.routing.failover import Failover
from codegate.routing.router import Plan
from codegate.routing.traffic import Seat, Traffic
from tests.support.routing import Clock, account, plan_of, traffic

USD = 10**12
MONTH_S = 31 * 86400.0
FAULTS = ("fault", "overload", "limit", "told", "exhausted", "refused")

sessions = st.sampled_from([None, "s1", "s2", "s3"])


class Routing(RuleBasedStateMachine):
    """Requests that begin, fail over and end, beside an own account of what each was told."""

    @initialize(
        strategy=st.sampled_from(["priority", "round-robin", "least-used", "budget-aware"]),
        keys=st.lists(st.integers(1, 3), min_size=1, max_size=4),
        rpm=st.sampled_from([0, 0, 2, 5]),
        budget=st.sampled_from([None, None, 3 * USD]),
    )
    def begin(self, strategy: str, keys: list[int], rpm: int, budget: int | None) -> None:
        self.clock, self.wall = Clock(), Clock(1_795_000_000.0)
        self.state: Traffic = traffic(self.clock, self.wall)
        self.accounts: list[Account] = [
            # The first account alone has limits: others must take what it may not.
            account(
                f"a{i}",
                keys=count,
                rpm=0 if i else rpm,
                budget=None if i else budget,
                created=i,
            )
            for i, count in enumerate(keys)
        ]
        self.plan: Plan = plan_of(*self.accounts, strategy=strategy)
        self.told: dict[str, float] = {}
        self.out: set[str] = set()
        self.sent: dict[str, deque[float]] = {a.name: deque() for a in self.accounts}
        self.open: list[tuple[Failover, Seat]] = []

    def _pass(self, seconds: float) -> None:
        self.clock.now += seconds
        self.wall.now += seconds

    def _is_told(self, name: str) -> bool:
        return self.told.get(name, 0.0) > self.clock.now

    def _at_limit(self, found: Account) -> bool:
        times = self.sent[found.name]
        recent = sum(1 for at in times if at > self.clock.now - 60)
        is_full = bool(found.rpm) and recent >= found.rpm
        budget = found.monthly_budget
        return is_full or (bool(budget) and self.state.spend.spent(found.name) >= (budget or 0))

    def _check(self, seat: Seat, home: str | None) -> None:
        """What holds for every place that is taken."""
        found = seat.upstream.account
        assert seat.credential not in self.out, "a refused key was used"
        assert not self._is_told(seat.account), "asked while cooling by the upstream's word"
        assert not self._is_told(seat.credential), "asked while cooling by the upstream's word"
        times = self.sent[found.name]
        times.append(self.clock.now)
        if found.rpm:
            assert sum(1 for at in times if at > self.clock.now - 60) <= found.rpm
        if home is not None:
            assert seat.account == home, "left its home although that was free"

    def _home(self, session: Session | None) -> str | None:
        """The account that a conversation has to go to, by what was known before."""
        if session is None:
            return None
        home = self.state.affinity.find(session)
        if home is None:
            return None
        upstream = next(u for u in self.plan.upstreams if u.account.name == home.account)
        return home.account if self.state.free_seat(upstream) is not None else None

    @rule(name=sessions, is_long=st.booleans())
    def start(self, name: str | None, is_long: bool) -> None:
        session = None if name is None else Session("default", self.plan.group, name)
        failover = Failover(plan=self.plan, traffic=self.state, session=session, is_long=is_long)
        home = self._home(session)
        at_limit = {a.name for a in self.accounts if self._at_limit(a)}
        try:
            seat = failover.first()
        except CodegateError as error:
            self._check_refusal(error, at_limit)
            failover.end()
            return
        assert seat.account not in at_limit, "asked beyond a limit"
        self._check(seat, home)
        self.open.append((failover, seat))

    def _check_refusal(self, error: CodegateError, at_limit: set[str]) -> None:
        """Nobody is refused while there is somebody to ask."""
        assert isinstance(error, RateLimited | BudgetExceeded | NoUpstream)
        for found in self.accounts:
            for name in found.credentials:
                is_waiting = self.state.health.access(name) is Access.PROBING
                assert (
                    name in self.out
                    or found.name in at_limit
                    or self._is_told(name)
                    or self._is_told(found.name)
                    or is_waiting
                    or self.state.health.access(found.name) is Access.PROBING
                ), f"{name} was not asked"
        if isinstance(error, NoUpstream):
            assert {n for a in self.accounts for n in a.credentials} <= self.out
        else:
            assert error.retry_after_s is not None

    @precondition(lambda self: self.open)
    @rule(data=st.data(), cost=st.sampled_from([None, 0, USD // 2, USD]))
    def end_well(self, data: st.DataObject, cost: int | None) -> None:
        failover, seat = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.state.answered(seat)
        self.state.succeeded(seat)
        self._over(failover, seat, cost)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def client_leaves(self, data: st.DataObject) -> None:
        failover, seat = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self._over(failover, seat, None)

    def _over(self, failover: Failover, seat: Seat, cost: int | None) -> None:
        failover.end()
        self.state.spend.add(seat.account, cost)
        self.state.leave(seat)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), how=st.sampled_from(FAULTS), delay_s=st.sampled_from([0.0, 2.0, 90.0]))
    def fail_over(self, data: st.DataObject, how: str, delay_s: float) -> None:
        failover, seat = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self._fail(seat, how, delay_s)
        self.state.leave(seat)
        following = failover.next_free() or failover.next_guessed()
        if following is None:
            failover.end()
            return
        assert following.credential not in failover.tried[:-1], "tried twice"
        self._check(following, None)
        self.open.append((failover, following))

    def _fail(self, seat: Seat, how: str, delay_s: float) -> None:
        now = self.clock.now
        if how == "fault":
            self.state.failed(seat, how)
        elif how == "overload":
            self.state.overloaded(seat, delay_s or None, how)
            if delay_s:
                self.told[seat.account] = now + delay_s
        elif how == "limit":
            self.state.limited(seat, None, how)
        elif how == "told":
            self.state.limited(seat, delay_s, how)
            self.told[seat.credential] = now + delay_s
        elif how == "exhausted":
            self.state.exhausted(seat, None, how)
            self.told[seat.credential] = now + 3600
        else:
            self.state.refused(seat, how)
            self.out.add(seat.credential)

    @rule(seconds=st.sampled_from([0.5, 2.0, 15.0, 61.0, 300.0, 4000.0, MONTH_S]))
    def wait(self, seconds: float) -> None:
        self._pass(seconds)

    @rule(data=st.data())
    def enable(self, data: st.DataObject) -> None:
        found = data.draw(st.sampled_from(self.accounts))
        self.state.reset(found)
        for name in (found.name, *found.credentials):
            self.told.pop(name, None)
            self.out.discard(name)

    def teardown(self) -> None:
        """No account starves: once all is well again, each is asked within one round."""
        if not hasattr(self, "plan"):
            return
        while self.open:
            self._over(*self.open.pop(), None)
        self._pass(2 * MONTH_S)
        for found in self.accounts:
            self.state.reset(found)
        plan = plan_of(*self.accounts, strategy="round-robin", group=self.plan.group)
        served = set()
        for _ in self.accounts:
            failover = Failover(plan=plan, traffic=self.state)
            seat = failover.first()
            served.add(seat.account)
            self.state.succeeded(seat)
            self._over(failover, seat, None)
        assert served == {a.name for a in self.accounts}


TestRouting = pytest.mark.timeout(300)(Routing.TestCase)
TestRouting.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
