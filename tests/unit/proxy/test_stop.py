"""The end of a proxy whose server has no connections any more."""

from __future__ import annotations

import asyncio
import os
from typing import cast
from unittest.mock import MagicMock

from codegate.config import Config
from codegate.proxy.app import Proxy
from codegate.proxy.services import Services
from codegate.proxy.source import Secrets
from codegate.telemetry.logging import LineStream


async def order() -> list[str]:
    """What happened while one exchange had its answer sent, but had not ended."""
    happened: list[str] = []
    answered = asyncio.Event()

    async def exchange() -> None:
        await answered.wait()
        happened.append("recorded")

    services = MagicMock(spec=Services)
    services.exchanges = {asyncio.create_task(exchange())}
    services.log.close.side_effect = lambda: happened.append("log closed")
    read, write = os.pipe()
    services.bridge.fileno.return_value = read
    proxy = Proxy(Config(), cast("Secrets", None), LineStream())
    proxy._services = services
    stopping = asyncio.create_task(proxy.stop())
    await asyncio.sleep(0.01)
    answered.set()
    await stopping
    os.close(read)
    os.close(write)
    return happened


def test_the_books_are_closed_behind_the_last_exchange() -> None:
    assert asyncio.run(order()) == ["recorded", "log closed"]
