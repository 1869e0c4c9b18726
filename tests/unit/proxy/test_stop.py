"""The end of a proxy whose server has no connections any more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import cast
from unittest.mock import MagicMock

import pytest

from codegate.config import Config
from codegate.proxy import app
from codegate.proxy.services import Services
from codegate.proxy.source import Secrets
from codegate.telemetry.logging import LineStream


async def order(ends: Callable[[], Awaitable[object]]) -> list[str]:
    """What happens while one exchange, whose answer has left, waits for ``ends``."""
    happened: list[str] = []

    async def exchange() -> None:
        try:
            await ends()
        finally:
            happened.append("recorded")

    services = MagicMock(spec=Services)
    services.exchanges = {asyncio.create_task(exchange())}
    services.log.close.side_effect = lambda: happened.append("log closed")
    read, write = os.pipe()
    services.bridge.fileno.return_value = read
    proxy = app.Proxy(Config(), cast("Secrets", None), LineStream())
    proxy._services = services
    await proxy.stop()
    os.close(read)
    os.close(write)
    return happened


def test_the_books_are_closed_behind_the_last_exchange() -> None:
    happened = asyncio.run(order(lambda: asyncio.sleep(0.01)))
    assert happened == ["recorded", "log closed"]


def test_an_exchange_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_LAST_WORDS_S", 0.01)
    happened = asyncio.run(order(lambda: asyncio.Event().wait()))
    assert happened == ["recorded", "log closed"]
