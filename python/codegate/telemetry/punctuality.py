"""How late the event loop comes to its timers: what blocks it shows here."""

from __future__ import annotations

import asyncio

_EVERY_S = 0.1
LATE_S = 0.02
"""While a callback computes for so long, no stream moves."""


class Punctuality:
    """Sets a timer again and again and looks how late it is served."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; belongs to ``loop``."""
        self._loop = loop
        self.worst_s = 0.0
        self.late = 0
        self._due = loop.time() + _EVERY_S
        self._timer = loop.call_at(self._due, self._look)

    def close(self) -> None:
        """Stop looking."""
        self._timer.cancel()

    def _look(self) -> None:
        late_s = self._loop.time() - self._due
        self.worst_s = max(self.worst_s, late_s)
        self.late += late_s > LATE_S
        self._due = self._loop.time() + _EVERY_S
        self._timer = self._loop.call_at(self._due, self._look)
