"""Noticing that a client left: the server reports it only to somebody who asks."""

from __future__ import annotations

import asyncio

from codegate.asgi.types import Receive


class Watcher:
    """Cancels the exchange's task when the client closes its connection.

    Asking costs a task, so a plain exchange asks only once it has lasted ``delay_s``.
    Leave by ``close``; ``is_gone`` then says whether it was the client that ended the exchange.
    """

    __slots__ = ("_exchange", "_loop", "_receive", "_timer", "_watch", "is_gone")

    def __init__(self, receive: Receive) -> None:
        """Belongs to the running task; the request body must have been read to its end."""
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._exchange = asyncio.current_task(self._loop)
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None
        self.is_gone = False

    def start(self, delay_s: float) -> None:
        """Begin to watch after ``delay_s`` seconds; 0 is at once."""
        if delay_s > 0:
            self._timer = self._loop.call_later(delay_s, self._begin)
        else:
            self._begin()

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _begin(self) -> None:
        self._timer = None
        if self._watch is None:
            self._watch = self._loop.create_task(self._wait())

    async def _wait(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                break
        self.is_gone = True
        if self._exchange is not None:
            self._exchange.cancel()
