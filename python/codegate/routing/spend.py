"""What each account cost this month, kept in memory beside the sums in the database.

One worker writes both, so they say the same; this one without the delay of a batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(slots=True)
class _Sums:
    cost: int = 0
    requests: int = 0
    under_way: int = 0


class SpendBook:
    """Money in 1e-12 USD; a month is the calendar's in UTC.

    What is under way counts for what a request of its account cost on average until now, so that
    many at once neither flock to one account nor run far over its budget.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock`` tells seconds since 1970."""
        self._clock = clock
        self._accounts: dict[str, _Sums] = {}
        self._month_ends = month_end(clock())

    @property
    def month(self) -> str:
        """The month that is counted, as ``2026-11``."""
        return month_of(self._month_ends - 1)

    def load(self, sums: Mapping[str, tuple[int, int]]) -> None:
        """Take over cost and requests by account, as they were stored for ``month``."""
        for account, (cost, requests) in sums.items():
            found = self._of(account)
            found.cost, found.requests = cost, requests

    def begin(self, account: str) -> None:
        """A request goes to ``account``."""
        sums = self._accounts.get(account) or self._of(account)
        sums.under_way += 1

    def end(self, account: str, cost: int | None) -> None:
        """``leave`` and ``add`` in one."""
        if self._clock() >= self._month_ends:
            self._turn_month()
        sums = self._accounts.get(account) or self._of(account)
        sums.under_way -= 1
        sums.requests += 1
        if cost is not None:
            sums.cost += cost

    def leave(self, account: str) -> None:
        """It has come back."""
        sums = self._accounts.get(account) or self._of(account)
        sums.under_way -= 1

    def add(self, account: str, cost: int | None) -> None:
        """An exchange that ended at ``account``; ``None`` where no price is known."""
        if self._clock() >= self._month_ends:
            self._turn_month()
        sums = self._accounts.get(account) or self._of(account)
        sums.requests += 1
        if cost is not None:
            sums.cost += cost

    def spent(self, account: str) -> int:
        """This month's cost, with a share for what is under way."""
        if self._clock() >= self._month_ends:
            self._turn_month()
        sums = self._accounts.get(account)
        if sums is None:
            return 0
        if not sums.under_way or not sums.requests:
            return sums.cost
        return sums.cost + sums.under_way * (sums.cost // sums.requests)

    def settled(self, account: str) -> int:
        """This month's cost of what has ended."""
        sums = self._accounts.get(account)
        return 0 if sums is None else sums.cost

    def requests(self, account: str) -> int:
        """This month's requests, those under way included."""
        sums = self._accounts.get(account)
        return 0 if sums is None else sums.requests + sums.under_way

    def month_ends_in_s(self) -> float:
        """Seconds until every budget is whole again."""
        return max(0.0, self._month_ends - self._clock())

    def _of(self, account: str) -> _Sums:
        sums = self._accounts.get(account)
        if sums is None:
            sums = self._accounts[account] = _Sums()
        return sums

    def _turn_month(self) -> None:
        self._month_ends = month_end(self._clock())
        for sums in self._accounts.values():
            sums.cost = sums.requests = 0


def month_of(seconds: float) -> str:
    """The month in which a moment lies."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")


def month_end(seconds: float) -> float:
    """The first moment of the month after."""
    now = datetime.fromtimestamp(seconds, UTC)
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC).timestamp()
