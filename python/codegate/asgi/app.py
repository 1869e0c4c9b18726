"""The ASGI application: requests and lifespan of a server that speaks ASGI."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from codegate.asgi.downstream import AsgiDownstream
from codegate.asgi.types import Message, Receive, Scope, Send
from codegate.downstream.app import App

logger = logging.getLogger("codegate.asgi")


class AsgiApp:
    """What an ASGI server calls."""

    def __init__(self, app: App) -> None:
        """``app`` is what is served."""
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            return self._app.serve(AsgiDownstream(scope, receive, send))
        return self._other(scope, receive, send)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._app.startup()
                except Exception as error:
                    logger.exception("start-up failed")
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._app.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return
