"""What answers each path, and what answers when none does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from codegate import __version__
from codegate.downstream.base import Downstream, Handler, Header
from codegate.downstream.response import send_json, send_text
from codegate.errors import CodegateError, InternalError, MethodNotAllowed, NotFound, Unauthorized
from codegate.proxy import admission
from codegate.proxy.lifecycle import Endpoint, run_exchange
from codegate.proxy.models import ModelLists, as_list
from codegate.proxy.render import send_plain_error
from codegate.proxy.services import Services
from codegate.telemetry.metrics import CONTENT_TYPE

_LOOPBACK = ("127.", "::1", "::ffff:127.")


class Handlers:
    """The handlers of one worker."""

    def __init__(self, services: Services) -> None:
        """``services`` is filled by start-up before the first request."""
        self.services = services
        self.models = ModelLists(services.client)

    def exchange(self, wire_format: str, endpoint: Endpoint = "") -> Handler:
        """The handler of a model endpoint."""
        services = self.services

        def handle(downstream: Downstream) -> Awaitable[None]:
            return run_exchange(services, wire_format, endpoint, downstream)

        return handle

    async def list_models(self, downstream: Downstream) -> None:
        """``GET /v1/models``."""
        try:
            self._admit(downstream)
            models = await self.models.all(self.services.snapshot)
        except CodegateError as error:
            await self._refuse(downstream, error)
            return
        await send_json(downstream, 200, as_list(models), self._receipt())

    async def show_model(self, downstream: Downstream) -> None:
        """``GET /v1/models/{id}``; ids may hold slashes."""
        try:
            self._admit(downstream)
            model_id = downstream.path.partition("models/")[2]
            model = await self.models.one(self.services.snapshot, model_id)
        except CodegateError as error:
            await self._refuse(downstream, error)
            return
        await send_json(downstream, 200, model.as_json(), self._receipt())

    async def health(self, downstream: Downstream) -> None:
        """``GET /health``: alive, ready, version."""
        services = self.services
        if await self._refuses_host(downstream):
            return
        trouble = services.recorder.trouble
        status = "draining" if services.is_draining else "degraded" if trouble else "ok"
        await send_json(
            downstream,
            200,
            {
                "status": status,
                "ready": not services.is_draining,
                "version": __version__,
                "interface": services.interface,
                "accounts": len(services.snapshot.accounts),
                "exchanges": len(services.exchanges),
                "storage": trouble or "ok",
            },
        )

    async def live(self, downstream: Downstream) -> None:
        """``GET /livez``. Probes call by any address, so its Host is not checked."""
        await send_text(downstream, 200, b"text/plain; charset=utf-8", b"ok\n")

    async def ready(self, downstream: Downstream) -> None:
        """``GET /readyz``: 503 from the moment the process was told to stop."""
        if self.services.is_draining:
            await send_text(downstream, 503, b"text/plain; charset=utf-8", b"draining\n")
        else:
            await send_text(downstream, 200, b"text/plain; charset=utf-8", b"ok\n")

    async def metrics(self, downstream: Downstream) -> None:
        """``GET /metrics``, on loopback unless the setting ``metrics_public`` is on."""
        if await self._refuses_host(downstream):
            return
        is_public = self.services.snapshot.settings.metrics_public
        if not (is_public or downstream.address.startswith(_LOOPBACK)):
            await self._refuse(
                downstream,
                Unauthorized("metrics answer on loopback only; see the setting metrics_public"),
            )
            return
        self.services.log.flush()
        await send_text(downstream, 200, CONTENT_TYPE, self.services.metrics.render())

    async def options(self, downstream: Downstream, allow: str) -> None:
        """``OPTIONS`` of a known path. No CORS header: no web page is a client of this port."""
        await downstream.send(204, [(b"allow", allow.encode("ascii"))], b"")

    async def defect(self, downstream: Downstream) -> None:
        """A handler failed before it answered."""
        await self._refuse(downstream, InternalError("the proxy failed; its log says where"))

    def fallback(self, allowed: Callable[[str], str | None]) -> Handler:
        """The handler of whatever no route takes; ``allowed`` is the router's look-up."""

        async def handle(downstream: Downstream) -> None:
            if await self._refuses_host(downstream):
                return
            allow = allowed(downstream.path)
            if allow is None:
                error: CodegateError = NotFound(
                    "nothing is served at this path; clients use /v1/messages, "
                    "/v1/chat/completions or /v1/models"
                )
            elif downstream.method == "OPTIONS":
                await self.options(downstream, allow)
                return
            else:
                error = MethodNotAllowed(f"this path takes {allow}", allow=allow)
            self.services.metrics.count_refused(error.code)
            await self._refuse(downstream, error)

        return handle

    def _receipt(self) -> list[Header]:
        return [(b"x-codegate-request-id", self.services.ids.next().encode("ascii"))]

    def _admit(self, downstream: Downstream) -> None:
        admission.check_host(downstream.head, self.services.hosts)
        admission.admit(
            downstream.head, downstream.query, self.services.snapshot, is_draining=False
        )

    async def _refuses_host(self, downstream: Downstream) -> bool:
        """Whether the Host header was not ours, in which case the answer has been sent."""
        try:
            admission.check_host(downstream.head, self.services.hosts)
        except CodegateError as error:
            self.services.metrics.count_refused(error.code)
            await self._refuse(downstream, error)
            return True
        return False

    async def _refuse(self, downstream: Downstream, error: CodegateError) -> None:
        await send_plain_error(downstream, _dialect(downstream), self.services.ids.next(), error)


def _dialect(downstream: Downstream) -> str:
    """The format whose error shape the caller understands: by path, then by its headers."""
    if downstream.path.rstrip("/").endswith(("/messages", "/count_tokens")):
        return "anthropic_messages"
    if downstream.head.is_anthropic:
        return "anthropic_messages"
    return "openai_chat"
