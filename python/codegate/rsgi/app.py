"""The RSGI application: requests of Granian by its own interface, and the worker's life."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable

from codegate.downstream.app import App
from codegate.rsgi.downstream import RsgiDownstream
from codegate.rsgi.types import HttpProtocol, Scope

logger = logging.getLogger("codegate.rsgi")


class RsgiApp:
    """What Granian calls; the names of its methods are Granian's."""

    def __init__(self, app: App) -> None:
        """``app`` is what is served."""
        self._app = app

    def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> Awaitable[None]:
        """Serve one request; WebSockets are off."""
        return self._app.serve(RsgiDownstream(scope, protocol))

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called before the worker accepts anything; a failure ends the worker."""
        try:
            loop.run_until_complete(self._start())
        except Exception:
            logger.exception("start-up failed")
            sys.exit(1)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called when the last exchange has ended."""
        loop.run_until_complete(self._stop())

    async def _start(self) -> None:
        await self._app.startup()

    async def _stop(self) -> None:
        await self._app.shutdown()
