"""What one worker knows of its accounts between requests, and the seats that attempts take.

Health, limits and spend say whether an account may be asked; turns and homes of conversations say
who is asked first. Everything happens on the event loop, between two of its turns: no locks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic

from codegate import native
from codegate.accounts.account import Account
from codegate.accounts.health import Access, HealthBook, Report
from codegate.routing.affinity import Affinity
from codegate.routing.router import Upstream
from codegate.routing.spend import SpendBook
from codegate.routing.strategies import Turns
from codegate.tenants.quota import Quota

_SHARE = 0.2
_AT_LEAST = 3
_SETTLES_S = 1.0
_MAY_BE_ASKED = frozenset({Access.FREE, Access.PROBE})


class RetryBudget:
    """How many retries a worker may have under way: 20 % of its requests, and never under 3.

    It counts only what loads an upstream that is in trouble: the same account again, and going on
    to an account that is at fault already. Going on to a healthy account is never refused.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A limit of the operator's that an account has reached, and for how long."""

    wait_s: float
    is_budget: bool


class Seat:
    """An attempt's place at an account: with which of its keys, and since when.

    ``credential`` is the account's name where it has one key or none, else ``NAME/N``.
    """

    __slots__ = ("account", "credential", "mark", "target", "upstream")

    def __init__(self, upstream: Upstream, credential: str, target: native.Target) -> None:
        """A place that nobody has taken yet."""
        self.upstream = upstream
        self.account = upstream.account.name
        self.credential = credential
        self.target = target
        self.mark = 0


class Traffic:
    """Made once for each worker."""

    def __init__(
        self,
        *,
        requests: Callable[[], int],
        base_s: float = 15.0,
        max_s: float = 300.0,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """``requests`` tells how many exchanges are under way; the rest is as in ``HealthBook``."""
        self.health = HealthBook(base_s=base_s, max_s=max_s, clock=clock)
        self.retries = RetryBudget(requests)
        self.spend = SpendBook(wall_clock)
        self.affinity = Affinity(clock=clock)
        self.turns = Turns()
        self._quota = Quota(clock)

    # Who may be asked

    def blocked(self, account: Account) -> Blocked | None:
        """The operator's own limit that ``account`` is at, if any."""
        budget = account.monthly_budget
        if budget and self.spend.spent(account.name) >= budget:
            # What only the requests under way would use up may be free again in a moment.
            is_spent = self.spend.settled(account.name) >= budget
            wait_s = self.spend.month_ends_in_s() if is_spent else _SETTLES_S
            return Blocked(wait_s=wait_s, is_budget=True)
        if account.rpm:
            wait_s = self._quota.wait_s(account.name, account.rpm)
            if wait_s > 0:
                return Blocked(wait_s=wait_s, is_budget=False)
        return None

    def free_seat(
        self, upstream: Upstream, tried: Iterable[str] = (), prefer: str = ""
    ) -> Seat | None:
        """A place at ``upstream`` that may be taken now, with the key ``prefer`` if that may."""
        account = upstream.account
        if account.is_limited and self.blocked(account) is not None:
            return None
        credentials = account.credentials
        if len(credentials) == 1:
            name = credentials[0]
            health = self.health
            is_free = not health.known or health.access(name) in _MAY_BE_ASKED
            if not is_free or name in tried:
                return None
            return Seat(upstream, name, upstream.endpoint.targets[0])
        if self.health.access(account.name) not in _MAY_BE_ASKED:
            return None
        latest = self.turns.latest(account.name)
        found: Seat | None = None
        for seat in self.seats(upstream):
            name = seat.credential
            if name in tried or self.health.access(name) not in _MAY_BE_ASKED:
                continue
            if name == prefer:
                return seat
            if found is None or latest.get(name, 0) < latest.get(found.credential, 0):
                found = seat
        return found

    def take_plainly(self, upstream: Upstream) -> Seat | None:
        """A place at the only upstream of a plan, taken, where nothing is to be weighed: it has one
        key and no limits, and nothing is known of anybody's health."""
        health = self.health
        if health.known or upstream.account.is_limited:
            return None
        name = upstream.account.name
        seat = Seat(upstream, name, upstream.endpoint.targets[0])
        seat.mark = health.begin()
        self.spend.begin(name)
        return seat

    def seats(self, upstream: Upstream) -> Iterator[Seat]:
        """Every place at ``upstream``, whether it may be taken or not."""
        pairs = zip(upstream.account.credentials, upstream.endpoint.targets, strict=True)
        for credential, target in pairs:
            yield Seat(upstream, credential, target)

    def is_at_fault(self, seat: Seat) -> bool:
        """Whether an attempt there would be a probe."""
        return any(self.health.access(name) is not Access.FREE for name in _names(seat))

    def is_out(self, seat: Seat) -> bool:
        """Whether the credential was refused."""
        return self.health.access(seat.credential) is Access.OUT

    def told_wait_s(self, seat: Seat) -> float | None:
        """How long the upstream's own word keeps us away; ``None`` where there is none.

        0 while a probe is under way after such a wait and has not answered yet.
        """
        waits = [
            self.health.ends_in_s(name)
            for name in _names(seat)
            if self.health.was_told(name) and self.health.access(name) not in _MAY_BE_ASKED
        ]
        return max(waits) if waits else None

    def ends_in_s(self, seat: Seat) -> float:
        """Seconds until every cooldown there has ended."""
        return max(self.health.ends_in_s(name) for name in _names(seat))

    # What attempts do and show

    def take(self, seat: Seat) -> None:
        """A request goes to the account now."""
        account = seat.upstream.account
        if account.rpm:
            self._quota.admit(account.name, account.rpm)
        if seat.credential == seat.account:
            seat.mark = self.health.begin(seat.account)
        else:
            seat.mark = self.health.begin(seat.account, seat.credential)
            self.turns.take(seat.account, seat.credential)
        self.spend.begin(seat.account)

    def leave(self, seat: Seat) -> None:
        """The request is over, however it ended; a probe that nobody judged is given back."""
        if self.health.known:
            self.gave_up(seat)
        self.spend.leave(seat.account)

    def end(self, seat: Seat, cost: int | None) -> None:
        """``leave`` after an exchange that ended at ``seat``; see ``SpendBook.add``."""
        if self.health.known:
            self.gave_up(seat)
        self.spend.end(seat.account, cost)

    def answered(self, seat: Seat) -> None:
        """A good answer has begun."""
        if not self.health.known:
            return
        for name in _names(seat):
            self.health.answered(name, seat.mark)

    def succeeded(self, seat: Seat) -> None:
        """A whole answer, or a stream's end marker, has come."""
        if not self.health.known:
            return
        for name in _names(seat):
            self.health.succeeded(name, seat.mark)

    def gave_up(self, seat: Seat) -> None:
        """The request ended without saying anything about the account."""
        if not self.health.known:
            return
        for name in _names(seat):
            self.health.gave_up(name, seat.mark)

    def failed(self, seat: Seat, reason: str) -> None:
        """A fault of the account's service, with whatever key."""
        self._give_back(seat, seat.account)
        self.health.failed(seat.account, reason, seat.mark)

    def overloaded(self, seat: Seat, delay_s: float | None, reason: str) -> None:
        """The account's service has too much to do."""
        self._give_back(seat, seat.account)
        self.health.overloaded(seat.account, delay_s, reason, seat.mark)

    def limited(self, seat: Seat, delay_s: float | None, reason: str) -> None:
        """The key is at its limit, for as long as the upstream said, if it did."""
        self._give_back(seat, seat.credential)
        if delay_s is None:
            self.health.failed(seat.credential, reason, seat.mark)
        else:
            self.health.limited(seat.credential, delay_s, reason)

    def exhausted(self, seat: Seat, delay_s: float | None, reason: str) -> None:
        """What the key may spend is spent."""
        self._give_back(seat, seat.credential)
        self.health.exhausted(seat.credential, delay_s, reason)

    def refused(self, seat: Seat, reason: str) -> None:
        """The key is not taken any more."""
        self._give_back(seat, seat.credential)
        self.health.refused(seat.credential, reason)

    def report(self, seat: Seat) -> Report:
        """What is known of the account's health, or of the key's where that is worse."""
        by_key = self.health.report(seat.credential)
        return self.health.report(seat.account) if by_key.state == "healthy" else by_key

    def _give_back(self, seat: Seat, judged: str) -> None:
        """What a failure says nothing about keeps no probe that it took."""
        for name in _names(seat):
            if name != judged:
                self.health.gave_up(name, seat.mark)

    # What the operator changes

    def keep(self, accounts: Iterable[Account]) -> None:
        """Forget accounts and keys that are no longer there."""
        kept = tuple(accounts)
        self.health.keep(name for account in kept for name in names_of(account))
        self._quota.keep(account.name for account in kept)

    def reset(self, account: Account) -> None:
        """Forget what is known of an account's health."""
        self.health.reset(names_of(account))

    def is_cooling(self, account: Account) -> bool:
        """Whether an account is left alone with every key it has."""
        away = {Access.COOLING, Access.OUT}
        access = self.health.access
        return access(account.name) in away or all(access(n) in away for n in account.credentials)


def names_of(account: Account) -> tuple[str, ...]:
    """Under which an account and its keys have a health."""
    return tuple(dict.fromkeys((account.name, *account.credentials)))


def _names(seat: Seat) -> tuple[str, ...]:
    if seat.credential == seat.account:
        return (seat.account,)
    return (seat.account, seat.credential)
