"""Reading a request body: parts as they come, bounded in size, memory and time."""

from __future__ import annotations

import asyncio

from codegate.downstream.base import Downstream
from codegate.errors import BodyTimeout, Overloaded, TooLarge

_SWEEP_S = 0.5


class BodyBudget:
    """All request bodies that are in memory, in bytes; shared by every exchange of a worker."""

    def __init__(self, limit_bytes: int) -> None:
        """Start empty; ``limit_bytes`` is what all bodies together may take."""
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self.peak_bytes = 0
        """The most there was since somebody set this."""

    def take(self, size: int) -> None:
        """Reserve ``size`` bytes or raise ``Overloaded``."""
        if self.used_bytes + size > self.limit_bytes:
            raise Overloaded(
                "the proxy holds too many request bodies at the moment; try again shortly",
                retry_after_s=1.0,
            )
        self.used_bytes += size
        if self.used_bytes > self.peak_bytes:
            self.peak_bytes = self.used_bytes

    def give_back(self, size: int) -> None:
        """Return what ``take`` reserved."""
        self.used_bytes -= size


class BodyClock:
    """Ends body reads that take too long.

    One sweep looks after all of them: a timer for each request would cost more than the rest of
    reading a small body.
    """

    def __init__(self, timeout_s: float) -> None:
        """``timeout_s`` counts from the end of the request's head."""
        self.timeout_s = timeout_s
        self._started: dict[asyncio.Task[object], float] = {}
        self._expired: set[asyncio.Task[object]] = set()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, task: asyncio.Task[object]) -> None:
        """Start the clock for ``task``."""
        self._started[task] = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(_SWEEP_S, self._sweep)

    def leave(self, task: asyncio.Task[object]) -> None:
        """Stop the clock of ``task``."""
        self._started.pop(task, None)

    def has_expired(self, task: asyncio.Task[object]) -> bool:
        """Whether ``task`` was cancelled by this clock; forgets it."""
        if task not in self._expired:
            return False
        self._expired.discard(task)
        task.uncancel()
        return True

    def close(self) -> None:
        """Stop sweeping."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        oldest = self._loop.time() - self.timeout_s
        for task, started in list(self._started.items()):
            if started <= oldest:
                del self._started[task]
                self._expired.add(task)
                task.cancel()
        if self._started:
            self._timer = self._loop.call_later(_SWEEP_S, self._sweep)


class Body:
    """The parts of one request body; ``release`` gives their memory back."""

    __slots__ = ("budget", "limit", "parts", "reserved", "size")

    def __init__(self, budget: BodyBudget) -> None:
        """Start empty."""
        self.budget = budget
        self.parts: list[bytes] = []
        self.limit = 0
        self.size = 0
        self.reserved = 0

    # No context manager: to enter and leave one takes longer than all that is done here.
    def release(self) -> None:
        """Release the parts. Whoever made the body calls this, whatever happens."""
        self.parts = []
        self.budget.give_back(self.reserved)
        self.reserved = 0

    def hand_over(self) -> None:
        """Whoever took the parts holds them from now on; their memory stays counted here."""
        self.parts = []

    async def read(
        self,
        downstream: Downstream,
        task: asyncio.Task[object],
        *,
        limit: int,
        clock: BodyClock,
    ) -> list[bytes]:
        """All parts, read in ``task``, which is the running one.

        Raises ``TooLarge`` without reading when the declared size is over ``limit``, else as soon
        as it is passed; ``BodyTimeout``, ``Overloaded``, ``ClientGone``.
        """
        self.limit = limit
        length = downstream.head.content_length
        if length is not None:
            if length > limit:
                raise self._too_large()
            self.budget.take(length)
            self.reserved = length
        clock.enter(task)
        try:
            await downstream.receive(self)
        except asyncio.CancelledError:
            if clock.has_expired(task):
                raise BodyTimeout(
                    f"the request body did not arrive within {clock.timeout_s:g} seconds"
                ) from None
            raise
        finally:
            clock.leave(task)
        return self.parts

    def add(self, part: bytes) -> None:
        """Take the next part."""
        self.size += len(part)
        if self.size > self.reserved:
            if self.size > self.limit:
                raise self._too_large()
            self.budget.take(self.size - self.reserved)
            self.reserved = self.size
        self.parts.append(part)

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"the request body is larger than the limit of {self.limit} bytes; "
            "send less or raise the setting max_body_bytes"
        )
