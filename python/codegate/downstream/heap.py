"""Memory of large bodies goes back to the system once they are gone.

The C library keeps what was freed, because it may be asked for again: after 64 bodies of 1 MB
most of 100 MB.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable

from codegate.downstream.body import BodyBudget

_EVERY_S = 1.0
_WORTH_BYTES = 16 * 1024 * 1024


class Heap:
    """Looks at the bodies in memory now and then, and trims the heap after a burst of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, budget: BodyBudget) -> None:
        """Begin; belongs to ``loop``."""
        self._loop = loop
        self._budget = budget
        self._trim = _trimmer()
        self._timer = loop.call_later(_EVERY_S, self._look)

    def close(self) -> None:
        """Stop looking."""
        self._timer.cancel()

    def _look(self) -> None:
        budget = self._budget
        if budget.peak_bytes >= _WORTH_BYTES and budget.used_bytes <= budget.peak_bytes // 4:
            budget.peak_bytes = budget.used_bytes
            # Not here: it visits the whole heap.
            self._loop.run_in_executor(None, self._trim)
        self._timer = self._loop.call_later(_EVERY_S, self._look)


def _trimmer() -> Callable[[], object]:
    """The C library's own way, where it has one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return _nothing if trim is None else lambda: trim(0)


def _nothing() -> None:
    pass
