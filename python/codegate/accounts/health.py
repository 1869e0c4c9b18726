"""The health of accounts: who may be asked now, who is cooling until when, and why.

One small state machine for each account, and for each key of an account that has several. *Free*
takes any request. A failure that the contract counts makes it *cool*; what the upstream itself
said about the wait is taken exactly, else the wait doubles with each failure in a row. When a
cooldown ends, exactly one request goes first (the probe): its success frees the account for all,
its failure cools it again. An account whose credential was refused is *out* until somebody renews
it. Only a success forgets failures.

Requests that were under way when an account began to cool say nothing new about it: fifty of them
that fail together are one failure, and one that ends well does not end the cooldown.

Times are seconds of the monotonic clock: a jump of the wall clock ends no cooldown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from typing import Literal

LONGEST_DELAY_S = 24 * 3600.0
EXHAUSTED_S = 3600.0
_OVERLOAD_BASE = 1 / 3
_OVERLOAD_MAX = 2.0
"""Shares of the first guessed cooldown: 5 and 30 seconds of its usual 15."""
_PROBE_LEASE_S = 900.0
"""A probe that never reports, because its task was lost, gives its place up after this."""


class Access(Enum):
    """Whether an account may be asked."""

    FREE = "free"
    PROBE = "probe"
    PROBING = "probing"
    COOLING = "cooling"
    OUT = "out"


State = Literal["healthy", "cooling", "probing", "needs_login"]

_STATES: dict[Access, State] = {
    Access.FREE: "healthy",
    Access.PROBE: "probing",
    Access.PROBING: "probing",
    Access.COOLING: "cooling",
    Access.OUT: "needs_login",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an operator sees of one account or key."""

    state: State
    reason: str
    cooling_s: float | None
    faults: int


@dataclass(slots=True, kw_only=True)
class _Health:
    faults: int = 0
    overloads: int = 0
    until: float | None = None
    is_told: bool = False
    since: int = 0
    """The latest mark given when the cooldown began."""
    probe: int | None = None
    """The mark of the probe that is under way."""
    probe_until: float = 0.0
    is_out: bool = False
    reason: str = ""


class HealthBook:
    """The health of everything that one worker asks, by name. What nobody spoke of is free.

    ``begin`` gives each attempt a mark, which its end reports with.
    """

    def __init__(
        self,
        *,
        base_s: float = 15.0,
        max_s: float = 300.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """``base_s`` is the first guessed cooldown, ``max_s`` the longest."""
        self.base_s = base_s
        self.max_s = max_s
        self.version = 0
        """Moves with every change."""
        self._clock = clock
        self._mark = 0
        self.known: dict[str, _Health] = {}
        """By name. While it is empty, all are free; changed here only."""

    def access(self, name: str) -> Access:
        """Whether ``name`` may be asked now."""
        health = self.known.get(name)
        if health is None:
            return Access.FREE
        if health.is_out:
            return Access.OUT
        if health.until is None:
            return Access.FREE
        now = self._clock()
        if health.until > now:
            return Access.COOLING
        if health.probe is not None and health.probe_until > now:
            return Access.PROBING
        return Access.PROBE

    def begin(self, *names: str) -> int:
        """A request is about to go there; takes the probe where one is due. Returns its mark."""
        self._mark += 1
        if self.known:
            for name in names:
                if self.access(name) is Access.PROBE:
                    health = self.known[name]
                    health.probe = self._mark
                    health.probe_until = self._clock() + _PROBE_LEASE_S
                    self.version += 1
        return self._mark

    def answered(self, name: str, mark: int) -> None:
        """A good answer has begun. The upstream's own word about the wait is spent with it:
        while the answer runs, whoever has no other choice may come, too."""
        health = self.known.get(name)
        if health is not None and health.probe == mark:
            health.is_told = False

    def succeeded(self, name: str, mark: int) -> None:
        """A whole answer, or a stream's end marker, has come."""
        health = self.known.get(name)
        if health is not None and mark > health.since:
            del self.known[name]
            self.version += 1

    def gave_up(self, name: str, mark: int) -> None:
        """The request ended without saying anything: if it was the probe, its place is free."""
        health = self.known.get(name)
        if health is not None and health.probe == mark:
            health.probe = None
            self.version += 1

    def failed(self, name: str, reason: str, mark: int) -> None:
        """A fault, or a 429 without a delay: the n-th in a row cools for ``base_s`` * 2^(n-1)."""
        health = self._of(name)
        if mark <= health.since:
            return
        health.faults += 1
        self._cool(health, min(self.base_s * 2.0 ** min(health.faults - 1, 30), self.max_s), reason)

    def limited(self, name: str, delay_s: float, reason: str) -> None:
        """The upstream said how long to stay away; that is neither more nor less than it said."""
        self._cool(self._of(name), min(delay_s, LONGEST_DELAY_S), reason, is_told=True)

    def overloaded(self, name: str, delay_s: float | None, reason: str, mark: int) -> None:
        """The upstream has too much to do, which is nobody's fault: it cools a third as long as
        for a fault, doubling up to six times that."""
        health = self._of(name)
        if delay_s is not None:
            self._cool(health, min(delay_s, LONGEST_DELAY_S), reason, is_told=True)
        elif mark > health.since:
            health.overloads += 1
            base_s, max_s = self.base_s * _OVERLOAD_BASE, self.base_s * _OVERLOAD_MAX
            wait_s = min(base_s * 2.0 ** min(health.overloads - 1, 30), max_s)
            self._cool(health, wait_s, reason)

    def exhausted(self, name: str, delay_s: float | None, reason: str) -> None:
        """Spend limit or quota reached: until the reset if it was told, else an hour."""
        wait_s = EXHAUSTED_S if delay_s is None else min(delay_s, LONGEST_DELAY_S)
        self._cool(self._of(name), wait_s, reason, is_told=True)

    def refused(self, name: str, reason: str) -> None:
        """The credential was refused; nothing but a person helps."""
        health = self._of(name)
        health.is_out = True
        health.reason = reason
        health.since = self._mark
        self.version += 1

    def reset(self, names: Iterable[str]) -> None:
        """Forget everything about them, as ``accounts enable`` does."""
        for name in names:
            if self.known.pop(name, None) is not None:
                self.version += 1

    def keep(self, names: Iterable[str]) -> None:
        """Forget all that are not among ``names``."""
        kept = set(names)
        self.reset([name for name in self.known if name not in kept])

    def ends_in_s(self, name: str) -> float:
        """Seconds until the cooldown ends; 0 when none runs."""
        health = self.known.get(name)
        if health is None or health.until is None:
            return 0.0
        return max(0.0, health.until - self._clock())

    def was_told(self, name: str) -> bool:
        """Whether the upstream itself named the end of the cooldown."""
        health = self.known.get(name)
        return health is not None and health.is_told

    def report(self, name: str) -> Report:
        """State, reason and end for people."""
        health = self.known.get(name, _Health())
        access = self.access(name)
        return Report(
            state=_STATES[access],
            reason=health.reason,
            cooling_s=self.ends_in_s(name) if access is Access.COOLING else None,
            faults=health.faults,
        )

    def _of(self, name: str) -> _Health:
        return self.known.setdefault(name, _Health())

    def _cool(self, health: _Health, wait_s: float, reason: str, *, is_told: bool = False) -> None:
        health.until = self._clock() + wait_s
        health.is_told = is_told
        health.since = self._mark
        health.probe = None
        health.reason = reason
        self.version += 1
