"""In what condition accounts are: what is stored, what they cost, what a running proxy shows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from codegate.accounts.published import Published, published
from codegate.accounts.record import AccountRecord
from codegate.cli.output import time_text
from codegate.cli.state import State
from codegate.requestlog.store import read_spend
from codegate.routing.spend import month_end, month_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """An account's condition for people."""

    state: str
    """``healthy``, ``cooling``, ``probing``, ``needs_login`` or ``over_budget``; ``disabled`` or
    ``broken``; ``enabled`` while no proxy runs that would know more."""
    until: str | None = None
    reason: str | None = None

    @property
    def is_away(self) -> bool:
        """Whether the account is left alone now."""
        return self.state not in {"healthy", "probing", "enabled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """``shown`` is ``None`` while no proxy runs; ``sums`` are this month's cost and requests."""

    shown: Mapping[str, Published] | None
    sums: Mapping[str, tuple[int, int]]

    def spent(self, name: str) -> int:
        """This month's cost, in 1e-12 USD."""
        return self.sums.get(name, (0, 0))[0]

    def health(self, name: str) -> dict[str, object] | None:
        """What the running proxy shows of an account, with stable keys."""
        found = (self.shown or {}).get(name)
        return None if found is None else _health(found)

    def word(self, record: AccountRecord) -> Word:
        """What stands in the way of an account, if anything."""
        if record.problem is not None:
            return Word(state="broken", reason=record.problem)
        if not record.is_enabled:
            return Word(state="disabled")
        found = (self.shown or {}).get(record.name)
        if found is not None and found.state in {"cooling", "needs_login"}:
            return Word(state=found.state, until=_end(found), reason=found.reason or None)
        if record.monthly_budget and self.spent(record.name) >= record.monthly_budget:
            until = time_text(round(month_end(time.time()) * 1000))
            return Word(state="over_budget", until=until, reason="monthly_budget")
        if found is None:
            return Word(state="enabled")
        return Word(state=found.state, reason=found.reason or None)


def read_condition(state: State) -> Condition:
    """Of every account, now."""
    with state.database.read() as connection:
        sums = read_spend(connection, month_of(time.time()))
    return Condition(shown=published(state.data_dir), sums=sums)


def _health(found: Published) -> dict[str, object]:
    shown: dict[str, object] = {
        "state": found.state,
        "reason": found.reason or None,
        "until": _end(found),
        "faults": found.faults,
    }
    if found.keys:
        shown["keys"] = [_health(key) for key in found.keys]
    return shown


def _end(found: Published) -> str | None:
    return None if found.until_ms is None else time_text(found.until_ms)
