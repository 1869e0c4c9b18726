"""What is served at which path, and when to begin and end, apart from any server's interface."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from codegate.downstream.base import Downstream, Handler

logger = logging.getLogger("codegate.downstream")

Startup = Callable[[], Awaitable[None]]
Shutdown = Callable[[], Awaitable[None]]


class Router:
    """Exact paths, then one level of prefixes that take a rest (``/v1/models/{id}``)."""

    def __init__(
        self, exact: Mapping[tuple[str, str], Handler], prefixes: Mapping[tuple[str, str], Handler]
    ) -> None:
        """Keys are (method, path) and (method, prefix with trailing slash)."""
        self._exact = dict(exact)
        self._prefixes = tuple(prefixes.items())
        allow: dict[str, list[str]] = {}
        for method, path in exact:
            allow.setdefault(path, []).append(method)
        self._allow = {path: ", ".join([*sorted(ms), "OPTIONS"]) for path, ms in allow.items()}
        self._prefix_allow = {prefix: f"{method}, OPTIONS" for method, prefix in prefixes}

    def find(self, method: str, path: str) -> Handler | None:
        """The handler of exactly this method and path."""
        handler = self._exact.get((method, path))
        if handler is not None:
            return handler
        for (wanted, prefix), candidate in self._prefixes:
            if method == wanted and path.startswith(prefix) and len(path) > len(prefix):
                return candidate
        return None

    def allowed(self, path: str) -> str | None:
        """The methods of ``path`` as an Allow header, or ``None`` when nothing is there."""
        allow = self._allow.get(path)
        if allow is not None:
            return allow
        for prefix, methods in self._prefix_allow.items():
            if path.startswith(prefix) and len(path) > len(prefix):
                return methods
        return None


class App:
    """What an interface serves. ``fallback`` answers whatever no route takes."""

    def __init__(
        self,
        router: Router,
        *,
        fallback: Handler,
        on_defect: Handler,
        startup: Startup,
        shutdown: Shutdown,
    ) -> None:
        """``on_defect`` answers when a handler fails before it answered itself."""
        self.router = router
        self._fallback = fallback
        self._on_defect = on_defect
        self.startup = startup
        self.shutdown = shutdown

    async def serve(self, downstream: Downstream) -> None:
        """Answer one request."""
        handler = self.router.find(downstream.method, downstream.path) or self._fallback
        try:
            await handler(downstream)
        except asyncio.CancelledError:
            raise
        # A panic of the extension arrives as BaseException; it may fail this exchange only.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
                raise
            logger.exception("a handler failed")
            await self._on_defect(downstream)
