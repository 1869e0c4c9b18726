"""Composition root: the ASGI factory and the server process around it."""

from __future__ import annotations

import logging
import os
import resource
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType

from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from codegate.asgi.app import App
from codegate.config import Config
from codegate.errors import ConfigError
from codegate.proxy.app import DRAIN_SIGNAL, Proxy
from codegate.settings.settings import Settings, parse
from codegate.telemetry import logging as log_setup

logger = logging.getLogger("codegate.server")

_HEADER_TIMEOUT_MS = 10_000
_BACKLOG = 4096
_BACKPRESSURE = 16_000
_FILES_WANTED = 4 * 1024
_KILL_MARGIN_S = 5


def build_app(config: Config, key: bytes) -> App:
    """The ASGI application of one worker; called in the worker's process."""
    out = log_setup.configure(config.log_level)
    return Proxy(config, key, out).app


class Server(MPServer):
    """Granian with a drain: workers learn of a stop before the server acts on it."""

    def __init__(self, config: Config, *, drain_delay_s: float, drain_timeout_s: float) -> None:
        """Times as in the settings of the same names."""
        super().__init__(
            "codegate.server",
            address=config.host,
            port=config.proxy_port,
            interface=Interfaces.ASGI,
            workers=config.workers,
            runtime_mode=RuntimeModes.st,
            loop=_loop(),
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            backpressure=_BACKPRESSURE,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS),
            log_enabled=True,
            log_level=LogLevels.warning,
            log_dictconfig=log_setup.granian_config("warning"),
            respawn_failed_workers=True,
            workers_kill_timeout=int(drain_delay_s + drain_timeout_s) + _KILL_MARGIN_S,
        )
        self._drain_delay_s = drain_delay_s
        self._is_stopping = False

    def signal_handler_interrupt(self, *args: int | FrameType | None) -> None:
        """The first signal drains; a second one ends everything at once."""
        if self._is_stopping:
            for worker in self.wrks:
                worker.kill()  # type: ignore[no-untyped-call]  # Granian is untyped here
            return
        self._is_stopping = True
        super().signal_handler_interrupt(*args)  # type: ignore[no-untyped-call]  # as above

    def shutdown(self, exit_code: int = 0) -> None:
        """Tell the workers, wait for load balancers to notice, then stop."""
        for worker in self.wrks:
            pid = worker.inner.pid
            if pid is not None and worker.inner.is_alive():
                os.kill(pid, DRAIN_SIGNAL)
        if self._drain_delay_s and self.wrks:
            self._sleep_unless_killed(self._drain_delay_s)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]  # as above

    def _sleep_unless_killed(self, seconds: float) -> None:
        for worker in self.wrks:
            worker.inner.join(timeout=seconds)
            return


def _loop() -> Loops:
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return Loops.asyncio
    return Loops.uvloop


def serve(config: Config, key: bytes, on_ready: Callable[[str], None]) -> None:
    """Run until told to stop. ``on_ready`` gets the URL once the listener is bound.

    Raises ``ConfigError`` when the port is taken or a setting is wrong.
    """
    settings = parse(Settings(), config.settings)
    check_port(config.host, config.proxy_port)
    raise_file_limit()
    refuse_core_dumps()
    log_setup.configure(config.log_level)
    server = Server(
        config,
        drain_delay_s=settings.drain_delay_s,
        drain_timeout_s=settings.drain_timeout_s,
    )
    server.on_startup(lambda: on_ready(url_of(config)))
    server.serve(target_loader=partial(build_app, config, key), wrap_loader=False)


def url_of(config: Config) -> str:
    """Where a client on this machine finds the proxy, under a name that it answers to."""
    wildcards = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  # as in hosts
    host = wildcards.get(config.host, config.host)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{config.proxy_port}"


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody listens on already.

    The server binds with SO_REUSEPORT, so it would silently share the port with the other.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (error.strerror or "not available").lower()
            raise ConfigError(
                f"cannot listen on {host} port {port}: {reason}; "
                "stop what uses it or choose another with --proxy-port"
            ) from None


def choose_port(config: Config) -> Config:
    """``config`` with a free port in place of port 0."""
    if config.proxy_port != 0:
        return config
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((config.host, 0))
        return replace(config, proxy_port=probe.getsockname()[1])


def raise_file_limit() -> None:
    """Use all descriptors that the system allows; say so when that is few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < _FILES_WANTED:
        logger.warning("few file descriptors", extra={"limit": hard, "wanted": _FILES_WANTED})


def refuse_core_dumps() -> None:
    """Credentials are in memory; they must not end up in a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
