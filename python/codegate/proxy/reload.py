"""Puts changes in the database in force while the proxy runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from codegate.errors import CodegateError
from codegate.proxy.source import SnapshotSource
from codegate.snapshot import Snapshot
from codegate.storage.database import ChangeWatch
from codegate.telemetry.logging import where

logger = logging.getLogger("codegate.proxy")

INTERVAL_S = 0.25


class Reloader:
    """One thread that looks for changes and delivers new snapshots.

    What cannot be read leaves the old snapshot in force: the data plane never waits for storage.
    """

    def __init__(
        self,
        source: SnapshotSource,
        deliver: Callable[[Snapshot], object],
        *,
        beside: Callable[[], None] = lambda: None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """``deliver`` is called on the thread, and ``beside`` after each look."""
        self._source = source
        self._deliver = deliver
        self._beside = beside
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="codegate-reload", daemon=True)
        self._watch: ChangeWatch | None = None
        self._trouble = ""

    def start(self) -> None:
        """Start looking."""
        self._look()
        self._beside()
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self._look()
                self._beside()
            except RuntimeError:
                # The event loop is closed: nobody is left to deliver to.
                break
            except Exception as error:
                # A defect must not end the thread: changes would silently take no effect.
                if self._watch is not None:
                    self._watch.forget()
                self._note(where(error))
        if self._watch is not None:
            self._watch.close()

    def _look(self) -> None:
        try:
            if self._watch is None:
                self._watch = ChangeWatch(self._source.database.path)
            if self._watch.has_changed() or self._source.has_new_key():
                self._deliver(self._source.load())
            self._note("")
        except CodegateError as error:
            if self._watch is not None:
                self._watch.forget()
            self._note(error.message)

    def _note(self, trouble: str) -> None:
        """One line when trouble begins and one when it ends, not four a second."""
        if trouble and trouble != self._trouble:
            logger.warning("the old configuration stays in force", extra={"reason": trouble})
        elif self._trouble and not trouble:
            logger.info("the configuration can be read again")
        self._trouble = trouble
