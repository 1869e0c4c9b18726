"""Which account a conversation is at: where its prompt cache is.

Bounded, in memory, forgotten after a while without use, as the caches themselves are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

LIFE_S = 300.0
LONG_LIFE_S = 3600.0
"""Where the client asked for a cache that lives an hour."""
CAPACITY = 50_000


class Session(NamedTuple):
    """A conversation among the requests that share a route."""

    tenant: str
    group: str
    name: str | int


class Home(NamedTuple):
    """Where a conversation is at, and until when that is remembered."""

    account: str
    credential: str
    until: float


class Affinity:
    """The homes of the conversations that were used last."""

    def __init__(self, *, capacity: int = CAPACITY, clock: Callable[[], float] = monotonic) -> None:
        """Of more than ``capacity`` conversations the one unused for longest is forgotten."""
        self._capacity = capacity
        self._clock = clock
        self._homes: OrderedDict[Session, Home] = OrderedDict()

    def __len__(self) -> int:
        """Conversations that are remembered."""
        return len(self._homes)

    def find(self, session: Session) -> Home | None:
        """The home of ``session``, if it has one still."""
        home = self._homes.get(session)
        if home is None:
            return None
        if home.until < self._clock():
            del self._homes[session]
            return None
        return home

    def settle(self, session: Session, account: str, credential: str, *, is_long: bool) -> None:
        """``session`` goes to ``account`` with that key, and will again."""
        life_s = LONG_LIFE_S if is_long else LIFE_S
        until = self._clock() + life_s
        before = self._homes.get(session)
        if before is not None and before.until > until and before.account == account:
            # The hour's cache of an earlier turn is there still.
            until = before.until
        self._homes[session] = Home(account, credential, until)
        self._homes.move_to_end(session)
        if len(self._homes) > self._capacity:
            self._homes.popitem(last=False)
