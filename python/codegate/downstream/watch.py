"""Noticing that a client left: the server reports it only to somebody who asks."""

from __future__ import annotations

import asyncio

from codegate.downstream.base import Downstream

_SWEEP_S = 0.015


class _Watch:
    """Cancels the exchange's task when the client closes its connection."""

    __slots__ = ("_downstream", "_exchange", "_task", "is_gone")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        exchange: asyncio.Task[object],
        downstream: Downstream,
    ) -> None:
        """``exchange`` is the task to cancel."""
        self._downstream = downstream
        self._exchange = exchange
        self.is_gone = False
        self._task = loop.create_task(self._wait())

    def end(self) -> None:
        """Stop watching."""
        self._task.cancel()
        # The exception that it is cancelled with holds its frame, which holds this watch.
        del self._task

    async def _wait(self) -> None:
        await self._downstream.left()
        self.is_gone = True
        self._exchange.cancel()


class Watchers:
    """What notices for the exchanges of one worker that their clients left.

    Asking the server costs a task, so an exchange asks only once it has lasted a while. One
    sweep looks after all of them: a timer each would cost as much as asking.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Belongs to ``loop``."""
        self._loop = loop
        self._waiting: dict[asyncio.Task[object], tuple[float, Downstream]] = {}
        self._begun: dict[asyncio.Task[object], _Watch] = {}
        self._timer: asyncio.TimerHandle | None = None

    def later(self, exchange: asyncio.Task[object], downstream: Downstream, delay_s: float) -> None:
        """Watch the client of ``exchange`` after ``delay_s`` seconds, give or take a sweep. The
        request body must have been read to its end."""
        self._waiting[exchange] = (self._loop.time() + delay_s, downstream)
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_S, self._sweep)

    def has_left(self, exchange: asyncio.Task[object]) -> bool:
        """Whether it was the client that ended ``exchange``."""
        watch = self._begun.get(exchange)
        return watch is not None and watch.is_gone

    def leave(self, exchange: asyncio.Task[object]) -> None:
        """The exchange has ended."""
        if self._waiting.pop(exchange, None) is None and exchange in self._begun:
            self._begun.pop(exchange).end()

    def close(self) -> None:
        """Stop sweeping."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        # Oldest first: delays are all alike, so the first that is not due ends the search.
        for exchange, (due, downstream) in list(self._waiting.items()):
            if due > now:
                break
            del self._waiting[exchange]
            self._begun[exchange] = _Watch(self._loop, exchange, downstream)
        if self._waiting:
            self._timer = self._loop.call_later(_SWEEP_S, self._sweep)
