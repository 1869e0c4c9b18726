"""The order in which the accounts of a plan are asked: one rule for each strategy."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from codegate.routing.router import Plan, Upstream
from codegate.routing.spend import SpendBook

_MAX_GROUPS = 4096


class Turns:
    """Whose turn it is: the one that was asked longest ago.

    With all accounts free that is a strict rotation. One that was left out for a while, or is
    new, goes first once, and the others share alike what it does not take.
    """

    def __init__(self) -> None:
        """Nobody was asked yet."""
        self._count = 0
        self._latest: dict[str, dict[Hashable, int]] = {}

    def take(self, group: str, name: Hashable) -> None:
        """``name`` was asked."""
        self._count += 1
        latest = self._latest.get(group)
        if latest is None:
            if len(self._latest) >= _MAX_GROUPS:
                # Clients choose model names; the table must not grow with them.
                self._latest.clear()
            latest = self._latest[group] = {}
        latest[name] = self._count

    def latest(self, group: str) -> dict[Hashable, int]:
        """When each was asked last; those that never were are missing."""
        return self._latest.get(group) or {}


def order(plan: Plan, turns: Turns, spend: SpendBook) -> Sequence[Upstream]:
    """The plan's upstreams as its strategy wants them tried now. Equals keep their order."""
    upstreams = plan.upstreams
    if len(upstreams) == 1:
        return upstreams
    match plan.strategy:
        case "round-robin":
            latest = turns.latest(plan.group)
            return sorted(upstreams, key=lambda u: latest.get(turn_of(u), 0))
        case "least-used":
            return sorted(upstreams, key=lambda u: _used(u, spend))
        case "budget-aware":
            return sorted(upstreams, key=lambda u: (-_share_left(u, spend), *_used(u, spend)))
        case _:
            return upstreams


def turn_of(upstream: Upstream) -> Hashable:
    """Who takes turns: an account may stand in a route with several models."""
    return upstream.account.name, upstream.model


def _used(upstream: Upstream, spend: SpendBook) -> tuple[int, int]:
    name = upstream.account.name
    return spend.spent(name), spend.requests(name)


def _share_left(upstream: Upstream, spend: SpendBook) -> float:
    """Between 0 and 1; an account without a budget comes behind all that have one."""
    budget = upstream.account.monthly_budget
    if not budget:
        return -1.0
    return max(0.0, (budget - spend.spent(upstream.account.name)) / budget)
