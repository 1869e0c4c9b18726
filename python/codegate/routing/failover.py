"""Which upstream is next: the route's order, the accounts' health, and what may still be spent.

The contract in short: each free account of the plan is tried at most once, in order; accounts that
are cooling are left alone, unless all are and nobody told us for how long; the same account again
only when there is no other and the failure allows it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from codegate.accounts.health import Access
from codegate.errors import BudgetExceeded, CodegateError, NoUpstream, RateLimited
from codegate.routing.affinity import Session
from codegate.routing.router import Plan, Upstream
from codegate.routing.strategies import order, turn_of
from codegate.routing.traffic import Blocked, Seat, Traffic

MAX_ATTEMPTS = 3
"""Attempts of one exchange, not counting free accounts that were not tried yet."""

_BACKOFF_S = 0.5


@dataclass(slots=True, kw_only=True)
class Failover:
    """The way of one exchange through its plan."""

    plan: Plan
    traffic: Traffic
    session: Session | None = None
    """The conversation that it belongs to, where it has a home to go to."""
    is_long: bool = False
    """Whether its prompt cache lives an hour."""
    tried: list[str] = field(default_factory=list)
    retries: int = 0
    _order: Sequence[Upstream] | None = None

    def first(self) -> Seat:
        """The place to begin with.

        Raises ``RateLimited`` when every account is at a limit, its upstream's or ours,
        ``BudgetExceeded`` when all are over their budget, ``NoUpstream`` when every one needs a
        log-in.
        """
        seat = None if self.session is None else self._home()
        if seat is None:
            seat = self._free() or self._least_cold()
            self._take_turn(seat)
        return self._enter(seat)

    def next_free(self) -> Seat | None:
        """The next account that was not tried and is free, or takes a probe now."""
        seat = self._free(is_first=False)
        if seat is None:
            return None
        self._take_turn(seat)
        return self._enter(seat)

    def next_guessed(self) -> Seat | None:
        """When no account is free: of those that were not tried, the one whose cooldown was only
        guessed and ends first, as far as the retry budget goes. It is asked before its time
        because the client would get an error otherwise.
        """
        if len(self.tried) >= MAX_ATTEMPTS:
            return None
        found, _ = self._cooling()
        guessed = [seat for seat in found if not self._is_spent(seat)]
        if not guessed or not self.traffic.retries.take():
            return None
        self.retries += 1
        seat = min(guessed, key=self.traffic.ends_in_s)
        self._take_turn(seat)
        return self._enter(seat)

    def _is_spent(self, seat: Seat) -> bool:
        """Whether it was tried, or another key of an account whose service itself is at fault."""
        if seat.credential in self.tried:
            return True
        siblings = seat.upstream.account.credentials
        is_at_fault = self.traffic.health.access(seat.account) is not Access.FREE
        return is_at_fault and any(name in self.tried for name in siblings)

    def may_again(self, seat: Seat) -> bool:
        """Whether the same account may be tried once more, after a pause; that is then taken."""
        if len(self.tried) >= MAX_ATTEMPTS or self.tried.count(seat.credential) > 1:
            return False
        if not self.traffic.retries.take():
            return False
        self.retries += 1
        return True

    def again(self, seat: Seat) -> Seat | None:
        """The same account after the pause, unless it reached a limit meanwhile."""
        if self.traffic.blocked(seat.upstream.account) is not None:
            return None
        return self._enter(Seat(seat.upstream, seat.credential, seat.target))

    def backoff_s(self) -> float:
        """The pause before the same account again."""
        n = len(self.tried) - 1
        # Spread in time is all it needs to be; nothing is kept secret by it.
        return _BACKOFF_S * 2.0**n * random.uniform(0.8, 1.2)  # noqa: S311

    def end(self) -> None:
        """The exchange is over; its retries count no longer."""
        if self.retries:
            self.traffic.retries.give_back(self.retries)
            self.retries = 0

    def _take_turn(self, seat: Seat) -> None:
        if self.plan.strategy == "round-robin":
            self.traffic.turns.take(self.plan.group, turn_of(seat.upstream))

    def _enter(self, seat: Seat) -> Seat:
        self.traffic.take(seat)
        self.tried.append(seat.credential)
        if self.session is not None:
            self.traffic.affinity.settle(
                self.session, seat.account, seat.credential, is_long=self.is_long
            )
        return seat

    def _home(self) -> Seat | None:
        """Where the conversation was before, if it may stay there."""
        if self.session is None:
            return None
        home = self.traffic.affinity.find(self.session)
        if home is None:
            return None
        for upstream in self.plan.upstreams:
            if upstream.account.name == home.account:
                return self.traffic.free_seat(upstream, prefer=home.credential)
        return None

    def _free(self, *, is_first: bool = True) -> Seat | None:
        if self._order is None:
            self._order = order(self.plan, self.traffic.turns, self.traffic.spend)
        traffic = self.traffic
        for upstream in self._order:
            seat = traffic.free_seat(upstream, self.tried)
            if seat is None:
                continue
            if is_first or not traffic.is_at_fault(seat):
                return seat
            if traffic.retries.take():
                self.retries += 1
                return seat
        return None

    def _least_cold(self) -> Seat:
        """All are cooling, probing, at a limit or out: try the one whose guessed cooldown ends
        first, else say how long to wait."""
        guessed, limits = self._cooling()
        if guessed:
            return min(guessed, key=self.traffic.ends_in_s)
        raise _refusal(limits)

    def _cooling(self) -> tuple[list[Seat], list[Blocked]]:
        """The places of which nobody said how long to stay away, and the limits of the others."""
        traffic = self.traffic
        limits: list[Blocked] = []
        guessed: list[Seat] = []
        for upstream in self.plan.upstreams:
            seats = [s for s in traffic.seats(upstream) if not traffic.is_out(s)]
            limit = traffic.blocked(upstream.account)
            if limit is not None and seats:
                limits.append(limit)
                continue
            for seat in seats:
                wait_s = traffic.told_wait_s(seat)
                if wait_s is None:
                    guessed.append(seat)
                else:
                    limits.append(Blocked(wait_s=wait_s, is_budget=False))
        return guessed, limits


def _refusal(limits: list[Blocked]) -> CodegateError:
    if not limits:
        return NoUpstream(
            "every account that could take this request needs a new log-in or key; "
            "the operator of the proxy has to renew it"
        )
    wait_s = min(limit.wait_s for limit in limits)
    if all(limit.is_budget for limit in limits):
        return BudgetExceeded(
            "every account that could take this request has reached its budget of this month",
            retry_after_s=wait_s,
        )
    return RateLimited(
        "every account that could take this request is at its limit", retry_after_s=wait_s
    )
