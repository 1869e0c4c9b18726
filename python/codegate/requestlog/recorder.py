"""Writes records to the database in batches, on a thread of its own.

The data plane never waits for it: what cannot be written is kept and tried again, up to a bound,
beyond which the oldest records are dropped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from codegate.errors import StorageConflict, StorageError
from codegate.requestlog import store
from codegate.requestlog.entry import LogEntry
from codegate.storage.database import Database

logger = logging.getLogger("codegate.requestlog")

_MAX_BATCH = 2000
_RETRY_S = 1.0
_RETENTION_EVERY_S = 3600.0
_CLOSE_S = 5.0


class Recorder:
    """Takes batches by ``consume``; ``trouble`` says why they cannot be written at the moment."""

    def __init__(
        self,
        database: Database,
        retention_days: Callable[[], int],
        *,
        interval_s: float = 0.25,
        capacity: int = 100_000,
    ) -> None:
        """``retention_days``: how long rows are kept, 0 for ever; asked each time."""
        self._database = database
        self._retention_days = retention_days
        self._interval_s = interval_s
        self._capacity = capacity
        self._queue: deque[LogEntry] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="codegate-record", daemon=True)
        self._cleaned = 0.0
        self._is_uncertain = False
        self.dropped = 0
        self.trouble = ""

    @property
    def waiting(self) -> int:
        """Records that are not written yet."""
        return len(self._queue)

    def start(self) -> None:
        """Start writing."""
        with contextlib.suppress(StorageError):
            self._database.connect()
        self._thread.start()

    def consume(self, batch: list[LogEntry]) -> None:
        """Queue a batch. Never blocks."""
        self._queue.extend(batch)
        while len(self._queue) > self._capacity:
            self._queue.popleft()
            self.dropped += 1

    def close(self) -> None:
        """Write what is left, for as long as a stop may take, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_CLOSE_S)
        deadline = time.monotonic() + _CLOSE_S
        while self._queue and self._write() and time.monotonic() < deadline:
            continue
        if self._queue:
            logger.error("records were not written", extra={"records": len(self._queue)})

    def _run(self) -> None:
        wait_s = self._interval_s
        while not self._stop.wait(wait_s):
            wait_s = self._interval_s
            while self._queue:
                if not self._write():
                    wait_s = _RETRY_S
                    break
            if not self._queue:
                self._clean()

    def _write(self) -> bool:
        """One transaction; whether it was written. Nothing leaves the queue before."""
        queue = self._queue
        batch = [queue[i] for i in range(min(len(queue), _MAX_BATCH))]
        try:
            with self._database.write() as connection:
                fresh = store.unwritten(connection, batch) if self._is_uncertain else batch
                store.write(connection, fresh)
        except StorageConflict:
            self._write_singly(batch)
        except StorageError as error:
            self._is_uncertain = True
            self._note(error.message)
            return False
        except Exception:
            # A defect of ours in one record: this thread has to outlive it, and the others to be
            # written.
            logger.exception("a batch of %d records is written one by one", len(batch))
            self._write_singly(batch)
        self._is_uncertain = False
        self._note("")
        self._forget(batch)
        return True

    def _write_singly(self, batch: list[LogEntry]) -> None:
        """One record that the database refuses must not take the others along."""
        for record in batch:
            try:
                with self._database.write() as connection:
                    store.write(connection, store.unwritten(connection, [record]))
            except Exception as error:
                self.dropped += 1
                if not isinstance(error, StorageError):
                    logger.exception("a record was not written")

    def _forget(self, batch: list[LogEntry]) -> None:
        queue = self._queue
        for record in batch:
            # The queue may have lost its oldest records meanwhile.
            if queue and queue[0] is record:
                queue.popleft()

    def _clean(self) -> None:
        days, now = self._retention_days(), time.monotonic()
        if not days or (self._cleaned and now - self._cleaned < _RETENTION_EVERY_S):
            return
        oldest_ms = int((time.time() - days * 86400) * 1000)
        try:
            with self._database.write() as connection:
                is_done = store.drop_before(connection, oldest_ms) == 0
        except StorageError as error:
            self._note(error.message)
            return
        if is_done:
            self._cleaned = now

    def _note(self, trouble: str) -> None:
        """One line when trouble begins and one when it ends."""
        if trouble and trouble != self.trouble:
            logger.warning("records wait to be written", extra={"reason": trouble})
        elif self.trouble and not trouble:
            logger.info("records are written again", extra={"records": len(self._queue)})
        self.trouble = trouble
