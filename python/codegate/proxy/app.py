"""The proxy as an application: routes, start-up, drain, shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Iterable

from codegate import native
from codegate.config import Config
from codegate.crypto.keys import derive
from codegate.downstream.app import App, Router
from codegate.downstream.base import Downstream, Handler
from codegate.downstream.body import BodyBudget, BodyClock
from codegate.downstream.heap import Heap
from codegate.downstream.watch import Watchers
from codegate.proxy.handlers import Handlers
from codegate.proxy.health_file import HealthFile
from codegate.proxy.hosts import Hosts
from codegate.proxy.records import Records
from codegate.proxy.reload import Reloader
from codegate.proxy.services import Services
from codegate.proxy.source import Secrets, SnapshotSource
from codegate.requestlog.recorder import Recorder
from codegate.requestlog.writer import LogWriter
from codegate.routing.traffic import Traffic
from codegate.snapshot import Snapshot
from codegate.storage.database import Database
from codegate.telemetry.logging import LineStream
from codegate.telemetry.metrics import Metrics
from codegate.telemetry.punctuality import Punctuality
from codegate.tenants.quota import Quota

logger = logging.getLogger("codegate.proxy")

DRAIN_SIGNAL = signal.SIGUSR1
"""Sent by the parent process before it stops a worker; the server itself tells too late."""


_GC_THRESHOLD = 20_000
_LAST_WORDS_S = 2.0
"""For exchanges whose answers have left, to say how they ended; the server kills a worker five
seconds after the drain's deadline, and the books must be closed by then."""
_CANCELLED_S = 0.5


class Proxy:
    """One worker's proxy. ``app`` is what an interface serves."""

    def __init__(self, config: Config, secrets: Secrets, out: LineStream) -> None:
        """``out`` is where lines of the log go."""
        self._config = config
        self._secrets = secrets
        self._out = out
        self._services: Services | None = None
        self._reloader: Reloader | None = None
        self._health_file: HealthFile | None = None
        self._drain_timers: list[asyncio.TimerHandle] = []
        self._router = Router({}, {})
        self._fallback: Handler = _not_started
        self._defect: Handler = _not_started
        self.app = App(
            self._router,
            fallback=self._on_unknown,
            on_defect=self._on_defect,
            startup=self.start,
            shutdown=self.stop,
        )

    async def start(self) -> None:
        """Build everything that needs the running loop, and touch it once before traffic does."""
        loop = asyncio.get_running_loop()
        source = SnapshotSource(self._config, self._secrets)
        first = await loop.run_in_executor(None, source.load)
        settings = first.settings
        bridge = native.Bridge(loop)
        loop.add_reader(bridge.fileno(), bridge.drain)
        metrics = Metrics()
        recorder = Recorder(
            Database(source.database.path, busy_s=1.0, is_durable=False), self._retention_days
        )
        traffic = Traffic(
            requests=self._under_way,
            base_s=settings.cooldown_base_s,
            max_s=settings.cooldown_max_s,
        )
        traffic.spend.load(await loop.run_in_executor(None, source.spend, traffic.spend.month))
        log = LogWriter([Records(metrics, self._out).consume, recorder.consume])
        budget = BodyBudget(settings.max_bodies_bytes)
        services = Services(
            loop=loop,
            interface=self._config.interface,
            watchers=Watchers(loop),
            snapshot=first,
            bridge=bridge,
            client=native.Client(
                bridge,
                self._config.https_proxy,
                self._config.no_proxy,
                derive(self._secrets.roots[0].material, "seal"),
            ),
            budget=budget,
            clock=BodyClock(settings.body_timeout_s),
            hosts=Hosts(self._config.host, self._config.allowed_hosts),
            log=log,
            recorder=recorder,
            metrics=metrics,
            quota=Quota(),
            traffic=traffic,
            punctuality=Punctuality(loop),
            heap=Heap(loop, budget),
        )
        self._services = services
        self._add_gauges(services)
        self._route(Handlers(services))
        log.start()
        self._health_file = HealthFile(
            self._config.data_dir, traffic.health, lambda: services.snapshot.accounts
        )
        self._reloader = Reloader(
            source,
            lambda new: loop.call_soon_threadsafe(self._swap, new),
            beside=self._health_file.look,
        )
        await loop.run_in_executor(None, recorder.start)
        await loop.run_in_executor(None, self._reloader.start)
        loop.add_signal_handler(DRAIN_SIGNAL, self.drain)
        await self._warm_up(services)

    def _retention_days(self) -> int:
        services = self._services
        return 0 if services is None else services.snapshot.settings.log_retention_days

    def _swap(self, snapshot: Snapshot) -> None:
        """Put a new snapshot in force; exchanges under way keep theirs."""
        services = self._services
        if services is None:
            return
        before = {account.name: account.updated for account in services.snapshot.accounts}
        for account in snapshot.accounts:
            # Whoever edits or enables an account has mended what it was cooling for.
            if before.get(account.name, account.updated) != account.updated:
                services.traffic.reset(account)
        settings = snapshot.settings
        services.snapshot = snapshot
        services.budget.limit_bytes = settings.max_bodies_bytes
        services.clock.timeout_s = settings.body_timeout_s
        services.traffic.health.base_s = settings.cooldown_base_s
        services.traffic.health.max_s = settings.cooldown_max_s
        services.traffic.keep(snapshot.accounts)

    def drain(self) -> None:
        """The process was told to stop: say so, and end what is still running at the deadline."""
        services = self._services
        if services is None or services.is_draining:
            return
        services.is_draining = True
        loop = asyncio.get_running_loop()
        settings = services.snapshot.settings
        wait_s = settings.drain_delay_s + settings.drain_timeout_s
        logger.info("draining", extra={"exchanges": len(services.exchanges), "deadline_s": wait_s})
        self._drain_timers.append(loop.call_later(wait_s, self._end_exchanges))

    async def stop(self) -> None:
        """Called by the server when the last connection is closed."""
        services = self._services
        if services is None:
            return
        if self._reloader is not None:
            self._reloader.close()
        if self._health_file is not None:
            self._health_file.close()
        if services.exchanges:
            await _end(services.exchanges)
        for timer in self._drain_timers:
            timer.cancel()
        services.clock.close()
        services.watchers.close()
        services.punctuality.close()
        services.heap.close()
        services.log.close()
        # Records of the last exchanges are in its queue now.
        await asyncio.get_running_loop().run_in_executor(None, services.recorder.close)
        loop = asyncio.get_running_loop()
        loop.remove_reader(services.bridge.fileno())
        services.bridge.close()

    def _end_exchanges(self) -> None:
        services = self._services
        if services is None:
            return
        services.is_past_drain = True
        for task in list(services.exchanges):
            stream = services.streams.get(task)
            if stream is not None:
                stream.stop("drained")
            else:
                # Nothing was sent yet: the client gets an error instead of a cut connection.
                task.cancel()

    def _under_way(self) -> int:
        return len(self._services.exchanges) if self._services is not None else 0

    def _route(self, handlers: Handlers) -> None:
        messages = handlers.exchange("anthropic_messages")
        count = handlers.exchange("anthropic_messages", "/count_tokens")
        chat = handlers.exchange("openai_chat")
        exact: dict[tuple[str, str], Handler] = {
            ("GET", "/health"): handlers.health,
            ("GET", "/livez"): handlers.live,
            ("GET", "/readyz"): handlers.ready,
            ("GET", "/metrics"): handlers.metrics,
        }
        prefixes: dict[tuple[str, str], Handler] = {}
        # Clients differ in whether the base URL they are given ends in /v1.
        for root in ("/v1", ""):
            exact["POST", f"{root}/messages"] = messages
            exact["POST", f"{root}/messages/count_tokens"] = count
            exact["POST", f"{root}/chat/completions"] = chat
            exact["GET", f"{root}/models"] = handlers.list_models
            prefixes["GET", f"{root}/models/"] = handlers.show_model
        self._router = Router(exact, prefixes)
        self.app.router = self._router
        self._fallback = handlers.fallback(self._router.allowed)
        self._defect = handlers.defect

    async def _on_unknown(self, downstream: Downstream) -> None:
        await self._fallback(downstream)

    async def _on_defect(self, downstream: Downstream) -> None:
        await self._defect(downstream)

    def _add_gauges(self, services: Services) -> None:
        add = services.metrics.add_gauge
        add("codegate_exchanges", "Exchanges under way.", lambda: len(services.exchanges))
        add("codegate_streams", "Streams being relayed.", lambda: len(services.streams))
        add("codegate_bodies_bytes", "Bodies in memory.", lambda: services.budget.used_bytes)
        add(
            "codegate_accounts_cooling",
            "Accounts that are left alone for a while.",
            lambda: sum(map(services.traffic.is_cooling, services.snapshot.accounts)),
        )
        add(
            "codegate_log_dropped", "Records dropped on a full queue.", lambda: services.log.dropped
        )
        watch = services.punctuality
        add(
            "codegate_loop_late_seconds",
            "How late the event loop came to a timer at worst.",
            lambda: watch.worst_s,
        )
        add("codegate_loop_late", "Timers that it came to 20 ms late or more.", lambda: watch.late)
        recorder = services.recorder
        add("codegate_log_waiting", "Records not in the database yet.", lambda: recorder.waiting)
        add(
            "codegate_log_lost",
            "Records dropped because the database could not be written.",
            lambda: recorder.dropped,
        )

    @staticmethod
    async def _warm_up(services: Services) -> None:
        """Runs each stage once on a tiny body, so that the first client does not pay for it."""
        for wire_format in native.FORMATS:
            native.error_body(wire_format, 500, "warm_up", "", "")
        await services.client.parse("openai_chat", [b'{"model":"warm-up","messages":[]}'])
        # What start-up made lives as long as the process: collections need not visit it. An
        # exchange leaves next to no cycles, so they may also come a good deal less often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_THRESHOLD, 20, 50)


async def _end(exchanges: Iterable[asyncio.Task[object]]) -> None:
    """Waits for those that are still there: a relay ends on another thread, and the server may
    know of it before its exchange does. One that does not end must not cost the others' records."""
    _, stuck = await asyncio.wait(set(exchanges), timeout=_LAST_WORDS_S)
    for task in stuck:
        task.cancel()
    if stuck:
        await asyncio.wait(stuck, timeout=_CANCELLED_S)


async def _not_started(downstream: Downstream) -> None:
    raise RuntimeError("a request came before start-up ended")
