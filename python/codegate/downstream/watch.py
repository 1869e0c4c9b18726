"""Noticing that a client left: the server reports it only to somebody who asks."""

from __future__ import annotations

import asyncio

from codegate.downstream.base import Downstream

_SWEEP_S = 0.015


class Watcher:
    """Cancels the exchange's task when the client closes its connection.

    Leave by ``Watchers.leave``; ``is_gone`` then says whether it was the client that ended the
    exchange.
    """

    __slots__ = ("_downstream", "_exchange", "_loop", "_watch", "due", "is_gone")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        exchange: asyncio.Task[object],
        downstream: Downstream,
    ) -> None:
        """``exchange`` is the task to cancel."""
        self._loop = loop
        self._downstream = downstream
        self._exchange = exchange
        self._watch: asyncio.Task[None] | None = None
        self.due = 0.0
        self.is_gone = False

    def begin(self) -> None:
        """Watch from now on; the request body must have been read to its end."""
        if self._watch is None:
            self._watch = self._loop.create_task(self._wait())

    def end(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()

    async def _wait(self) -> None:
        await self._downstream.left()
        self.is_gone = True
        self._exchange.cancel()


class Watchers:
    """The watchers of one worker.

    Asking the server costs a task, so an exchange asks only once it has lasted a while. One
    sweep looks after all of them: a timer each would cost as much as asking.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belongs to ``loop``."""
        self._loop = loop
        self._waiting: dict[Watcher, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def later(self, watcher: Watcher, delay_s: float) -> None:
        """Let ``watcher`` begin after ``delay_s`` seconds, give or take a sweep."""
        watcher.due = self._loop.time() + delay_s
        self._waiting[watcher] = None
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_S, self._sweep)

    def leave(self, watcher: Watcher) -> None:
        """The exchange has ended."""
        self._waiting.pop(watcher, None)
        watcher.end()

    def close(self) -> None:
        """Stop sweeping."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        # Oldest first: delays are all alike, so the first that is not due ends the search.
        for watcher in list(self._waiting):
            if watcher.due > now:
                break
            del self._waiting[watcher]
            watcher.begin()
        if self._waiting:
            self._timer = self._loop.call_later(_SWEEP_S, self._sweep)
