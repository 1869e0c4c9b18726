"""The health of accounts: who may be asked now, who is cooling until when, and why.

One small state machine for each account. *Free* takes any request. A failure that the contract
counts makes it *cool*; what the upstream itself said about the wait is taken exactly, else the
wait doubles with each failure in a row. When a cooldown ends, exactly one request goes first (the
probe): its success frees the account for all, its failure cools it again. An account whose
credential was refused is *out* until somebody renews it. Only a success forgets failures.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an operator sees of one account."""

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
    probe_until: float | None = None
    is_out: bool = False
    reason: str = ""


class HealthBook:
    """The health of every account of one worker. Accounts nobody spoke of are free."""

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
        self._clock = clock
        self._accounts: dict[str, _Health] = {}

    def access(self, account: str) -> Access:
        """Whether ``account`` may be asked now."""
        health = self._accounts.get(account)
        if health is None:
            return Access.FREE
        if health.is_out:
            return Access.OUT
        if health.until is None:
            return Access.FREE
        now = self._clock()
        if health.until > now:
            return Access.COOLING
        if health.probe_until is not None and health.probe_until > now:
            return Access.PROBING
        return Access.PROBE

    def begin(self, account: str) -> None:
        """A request is about to go to ``account``; takes the probe where one is due."""
        if self.access(account) is Access.PROBE:
            self._accounts[account].probe_until = self._clock() + _PROBE_LEASE_S

    def succeeded(self, account: str) -> None:
        """A whole answer, or a stream's end marker, has come from ``account``."""
        self._accounts.pop(account, None)

    def gave_up(self, account: str) -> None:
        """The request ended without saying anything about ``account``: its probe goes back."""
        health = self._accounts.get(account)
        if health is not None:
            health.probe_until = None

    def failed(self, account: str, reason: str) -> None:
        """A fault, or a 429 without a delay: the n-th in a row cools for ``base_s`` * 2^(n-1)."""
        health = self._of(account)
        health.faults += 1
        self._cool(health, min(self.base_s * 2.0 ** min(health.faults - 1, 30), self.max_s), reason)

    def limited(self, account: str, delay_s: float, reason: str) -> None:
        """The upstream said how long to stay away; that is neither more nor less than it said."""
        self._cool(self._of(account), min(delay_s, LONGEST_DELAY_S), reason, is_told=True)

    def overloaded(self, account: str, delay_s: float | None, reason: str) -> None:
        """The upstream has too much to do, which is nobody's fault: it cools a third as long as
        for a fault, doubling up to six times that."""
        health = self._of(account)
        if delay_s is not None:
            self._cool(health, min(delay_s, LONGEST_DELAY_S), reason, is_told=True)
            return
        health.overloads += 1
        base_s, max_s = self.base_s * _OVERLOAD_BASE, self.base_s * _OVERLOAD_MAX
        wait_s = min(base_s * 2.0 ** min(health.overloads - 1, 30), max_s)
        self._cool(health, wait_s, reason)

    def exhausted(self, account: str, delay_s: float | None, reason: str) -> None:
        """Spend limit or quota reached: until the reset if it was told, else an hour."""
        wait_s = EXHAUSTED_S if delay_s is None else min(delay_s, LONGEST_DELAY_S)
        self._cool(self._of(account), wait_s, reason, is_told=True)

    def refused(self, account: str, reason: str) -> None:
        """The credential was refused; nothing but a person helps."""
        health = self._of(account)
        health.is_out = True
        health.reason = reason

    def reset(self, account: str) -> None:
        """Forget everything about ``account``, as ``accounts enable`` does."""
        self._accounts.pop(account, None)

    def keep(self, accounts: Iterable[str]) -> None:
        """Forget accounts that are no longer there."""
        names = set(accounts)
        for gone in [name for name in self._accounts if name not in names]:
            del self._accounts[gone]

    def ends_in_s(self, account: str) -> float:
        """Seconds until ``account``'s cooldown ends; 0 when none runs."""
        health = self._accounts.get(account)
        if health is None or health.until is None:
            return 0.0
        return max(0.0, health.until - self._clock())

    def was_told(self, account: str) -> bool:
        """Whether the upstream itself named the end of the cooldown."""
        health = self._accounts.get(account)
        return health is not None and health.is_told

    def report(self, account: str) -> Report:
        """State, reason and end for people."""
        health = self._accounts.get(account, _Health())
        access = self.access(account)
        states: dict[Access, State] = {
            Access.FREE: "healthy",
            Access.PROBE: "probing",
            Access.PROBING: "probing",
            Access.COOLING: "cooling",
            Access.OUT: "needs_login",
        }
        return Report(
            state=states[access],
            reason=health.reason,
            cooling_s=self.ends_in_s(account) if access is Access.COOLING else None,
            faults=health.faults,
        )

    def _of(self, account: str) -> _Health:
        return self._accounts.setdefault(account, _Health())

    def _cool(self, health: _Health, wait_s: float, reason: str, *, is_told: bool = False) -> None:
        health.until = self._clock() + wait_s
        health.is_told = is_told
        health.probe_until = None
        health.reason = reason
