"""Takes records off the request path: a bounded queue and one thread that writes in batches."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

from codegate.requestlog.entry import LogEntry

logger = logging.getLogger("codegate.requestlog")

_BATCH = 64
"""Few enough that one consumer leaves them in the processor's cache for the next."""

Consumer = Callable[[list[LogEntry]], None]


class LogWriter:
    """Hands batches to its consumers at least once per ``interval_s``.

    The queue is bounded: records that find it full are dropped and counted, never waited for.
    """

    def __init__(
        self, consumers: Iterable[Consumer], *, interval_s: float = 0.25, capacity: int = 50_000
    ) -> None:
        """``consumers`` are called in order, on the writer's thread, with each batch."""
        self._consumers = tuple(consumers)
        self._interval_s = interval_s
        self._capacity = capacity
        self._queue: deque[LogEntry] = deque()
        self._flushing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="codegate-log", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, entry: LogEntry) -> None:
        """Queue a record. Never blocks."""
        if len(self._queue) >= self._capacity:
            self.dropped += 1
        else:
            self._queue.append(entry)

    def flush(self) -> None:
        """Write what is queued now."""
        with self._flushing:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
                for consume in self._consumers:
                    try:
                        consume(batch)
                    except Exception:
                        logger.exception("a batch of %d records was not written", len(batch))

    def close(self) -> None:
        """Stop the thread and write what is left."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self.flush()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            self.flush()
