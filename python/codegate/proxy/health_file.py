"""Shows commands what the running proxy knows of its accounts, whenever that has changed."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from codegate.accounts.account import Account
from codegate.accounts.health import HealthBook, Report
from codegate.accounts.published import Published, publish, withdraw
from codegate.errors import CodegateError

logger = logging.getLogger("codegate.proxy")


class HealthFile:
    """Written on the thread that looks for changes of the configuration, never by a request."""

    def __init__(
        self, data_dir: Path, health: HealthBook, accounts: Callable[[], tuple[Account, ...]]
    ) -> None:
        """``accounts`` tells those in force."""
        self._data_dir = data_dir
        self._health = health
        self._accounts = accounts
        self._version: int | None = None
        self._shown: tuple[Account, ...] = ()

    def look(self) -> None:
        """Write the file if anything changed. What cannot be written is no trouble of traffic."""
        accounts, version = self._accounts(), self._health.version
        if version == self._version and accounts is self._shown:
            return
        try:
            publish(self._data_dir, {account.name: self._of(account) for account in accounts})
        except CodegateError as error:
            if self._version is not None:
                logger.warning("health is not shown", extra={"reason": error.message})
            self._version = None
            return
        self._version, self._shown = version, accounts

    def close(self) -> None:
        """The proxy ends: nobody's health is known any more."""
        with contextlib.suppress(OSError):
            withdraw(self._data_dir)

    def _of(self, account: Account) -> Published:
        shown = replace(_published(self._health.report(account.name)), updated_ms=account.updated)
        if len(account.credentials) == 1:
            return shown
        keys = tuple(_published(self._health.report(name)) for name in account.credentials)
        away = [key for key in keys if key.state in {"cooling", "needs_login"}]
        if shown.state != "healthy" or len(away) < len(keys):
            return replace(shown, keys=keys)
        # With every key away the account is, until the first of them comes back.
        first = min(away, key=lambda key: (key.state != "cooling", key.until_ms or 0))
        return replace(first, keys=keys, updated_ms=account.updated)


def _published(report: Report) -> Published:
    until_ms = None
    if report.cooling_s is not None:
        until_ms = round((time.time() + report.cooling_s) * 1000)
    return Published(
        state=report.state, reason=report.reason, until_ms=until_ms, faults=report.faults
    )
