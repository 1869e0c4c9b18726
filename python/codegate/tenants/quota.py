"""Requests in a minute, exactly: a sliding window of the times of those that were let in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

WINDOW_S = 60.0


class SlidingWindow:
    """At most ``limit`` admissions in any 60 seconds. One worker, one event loop: no locks."""

    __slots__ = ("_clock", "_times")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """``clock`` counts seconds."""
        self._clock = clock
        self._times: deque[float] = deque()

    def admit(self, limit: int) -> float:
        """0 and the request counts; else the seconds after which one will be let in."""
        wait_s = self.wait_s(limit)
        if wait_s <= 0:
            self._times.append(self._clock())
        return wait_s

    def wait_s(self, limit: int) -> float:
        """What ``admit`` would say, without counting anything."""
        now = self._clock()
        times = self._times
        # The sum that the wait below is made of: by another one they could round apart.
        while times and times[0] + WINDOW_S <= now:
            times.popleft()
        if len(times) < limit:
            return 0.0
        # A limit that was lowered leaves more in the window than it allows now.
        return times[len(times) - limit] + WINDOW_S - now


class Quota:
    """The windows of every key or account that has a limit, by name."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """``clock`` counts seconds."""
        self._clock = clock
        self._windows: dict[str, SlidingWindow] = {}

    def admit(self, name: str, limit: int) -> float:
        """See ``SlidingWindow.admit``. A limit of 0 is none."""
        if limit <= 0:
            return 0.0
        window = self._windows.get(name)
        if window is None:
            window = self._windows[name] = SlidingWindow(self._clock)
        return window.admit(limit)

    def wait_s(self, name: str, limit: int) -> float:
        """See ``SlidingWindow.wait_s``. A limit of 0 is none."""
        window = self._windows.get(name)
        return 0.0 if window is None or limit <= 0 else window.wait_s(limit)

    def keep(self, names: Iterable[str]) -> None:
        """Forget all that are not among ``names``."""
        kept = set(names)
        for gone in [name for name in self._windows if name not in kept]:
            del self._windows[gone]
