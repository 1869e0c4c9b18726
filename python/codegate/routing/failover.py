"""Which upstream is next: the plan's order, the accounts' health, and what may still be spent.

The contract in short: each free account of the plan is tried at most once, in order; the same
account again only when nothing else is free and the failure allows it; accounts that are cooling
are left alone, unless all are and nobody told us for how long.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from codegate.accounts.health import Access, HealthBook
from codegate.errors import NoUpstream, RateLimited
from codegate.routing.router import Upstream

MAX_ATTEMPTS = 3
"""Attempts of one exchange, not counting free accounts that were not tried yet."""

_SHARE = 0.2
_AT_LEAST = 3
_BACKOFF_S = 0.5


class RetryBudget:
    """How many retries a worker may have under way: 20 % of its requests, and never under 3.

    It counts only what loads an upstream that is in trouble: the same account again, and accounts
    already at fault. Going on to a healthy account is never refused.
    """

    def __init__(self, requests: Callable[[], int]) -> None:
        """``requests`` tells how many exchanges are under way."""
        self._requests = requests
        self.used = 0

    def take(self) -> bool:
        """Take one retry if there is one."""
        if self.used >= max(_AT_LEAST, int(self._requests() * _SHARE)):
            return False
        self.used += 1
        return True

    def give_back(self, count: int) -> None:
        """Return what one exchange took."""
        self.used -= count


@dataclass(slots=True, kw_only=True)
class Failover:
    """The way of one exchange through its plan."""

    plan: tuple[Upstream, ...]
    health: HealthBook
    budget: RetryBudget
    tried: list[str] = field(default_factory=list)
    retries: int = 0

    def first(self) -> Upstream:
        """The upstream to begin with.

        Raises ``RateLimited`` when every account is cooling by its upstream's own word, and
        ``NoUpstream`` when every one needs a log-in.
        """
        upstream = self._free()
        if upstream is None:
            upstream = self._least_cold()
        self._enter(upstream)
        return upstream

    def next_free(self) -> Upstream | None:
        """The next account that was not tried and is free, or takes a probe now."""
        upstream = self._free()
        if upstream is None:
            return None
        self._enter(upstream)
        return upstream

    def again(self, upstream: Upstream) -> bool:
        """Whether the same account may be tried once more."""
        if len(self.tried) >= MAX_ATTEMPTS or self.tried.count(upstream.account.name) > 1:
            return False
        if not self.budget.take():
            return False
        self.retries += 1
        self.tried.append(upstream.account.name)
        return True

    def backoff_s(self) -> float:
        """The pause before the same account again."""
        n = len(self.tried) - 1
        # Spread in time is all it needs to be; nothing is kept secret by it.
        return _BACKOFF_S * 2.0**n * random.uniform(0.8, 1.2)  # noqa: S311

    def end(self) -> None:
        """The exchange is over; its retries count no longer."""
        self.budget.give_back(self.retries)
        self.retries = 0

    def _enter(self, upstream: Upstream) -> None:
        self.health.begin(upstream.account.name)
        self.tried.append(upstream.account.name)

    def _free(self) -> Upstream | None:
        for upstream in self.plan:
            name = upstream.account.name
            if name in self.tried:
                continue
            access = self.health.access(name)
            if access is Access.FREE or access is Access.PROBE:
                return upstream
        return None

    def _least_cold(self) -> Upstream:
        """All are cooling, probing or out: wait for a told end, try a guessed one."""
        access = {u.account.name: self.health.access(u.account.name) for u in self.plan}
        usable = [u for u in self.plan if access[u.account.name] is not Access.OUT]
        if not usable:
            raise NoUpstream(
                "every account that could take this request needs a new log-in or key; "
                "the operator of the proxy has to renew it"
            )
        guessed = [u for u in usable if not self.health.was_told(u.account.name)]
        if guessed:
            return min(guessed, key=lambda u: self.health.ends_in_s(u.account.name))
        wait_s = min(self.health.ends_in_s(u.account.name) for u in usable)
        raise RateLimited(
            "every account that could take this request is at its limit", retry_after_s=wait_s
        )
