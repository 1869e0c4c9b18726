"""Composition root: the application behind an interface, and the server process around it."""

from __future__ import annotations

import logging
import os
import resource
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from codegate.asgi.app import AsgiApp
from codegate.config import Config
from codegate.errors import ConfigError
from codegate.proxy.app import DRAIN_SIGNAL, Proxy
from codegate.proxy.source import Secrets
from codegate.rsgi.app import RsgiApp
from codegate.settings.settings import Settings
from codegate.telemetry import logging as log_setup

logger = logging.getLogger("codegate.server")

_HEADER_TIMEOUT_MS = 10_000
_HEAD_BYTES = 64 * 1024
"""A request's head may be this large; the server also buffers at most this much of an answer."""
_SEND_BUFFER_BYTES = 512 * 1024
_BACKLOG = 4096
_CONNECTIONS = 16_000
_FILES_WANTED = 4 * 1024
_OWN_FILES = 64
"""Descriptors for everything but connections: listener, database, logs, event loop."""
_FEWEST_CONNECTIONS = 16
_KILL_MARGIN_S = 5
_WRITE_MARGIN_S = 2.0


def build_app(config: Config, secrets: Secrets) -> AsgiApp | RsgiApp:
    """The application of one worker; called in the worker's process."""
    out = log_setup.configure(config.log_level)
    app = Proxy(config, secrets, out).app
    return RsgiApp(app) if config.interface == "rsgi" else AsgiApp(app)


class Server(MPServer):
    """Granian with a drain: workers learn of a stop before the server acts on it."""

    def __init__(
        self, config: Config, settings: Settings, listener: socket.socket, connections: int
    ) -> None:
        """``listener`` is bound and stays the caller's to close. ``connections`` of clients are
        accepted at once; more wait in its queue."""
        super().__init__(
            "codegate.server",
            address=config.host,
            port=config.proxy_port,
            interface=Interfaces.RSGI if config.interface == "rsgi" else Interfaces.ASGI,
            workers=config.workers,
            runtime_mode=RuntimeModes.st,
            loop=_loop(),
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            backpressure=connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_HEAD_BYTES
            ),
            log_enabled=True,
            log_level=LogLevels.warning,
            log_dictconfig=log_setup.granian_config("warning"),
            respawn_failed_workers=True,
            workers_kill_timeout=(
                int(settings.drain_delay_s + settings.drain_timeout_s) + _KILL_MARGIN_S
            ),
        )
        self._drain_delay_s = settings.drain_delay_s
        self._listener = listener
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

    def _init_shared_socket(self) -> None:
        """Give workers the bound listener; one that is made anew would share a taken port."""
        self._ssp = None
        self._sso = self._listener
        self._shd = SocketHolder(self._listener.fileno(), False, _BACKLOG)  # type: ignore[call-arg,assignment]  # its stub is older

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


def serve(
    config: Config,
    settings: Settings,
    listener: socket.socket,
    secrets: Secrets,
    on_ready: Callable[[str], None],
) -> None:
    """Run until told to stop. ``on_ready`` gets the URL that ``listener`` answers at."""
    refuse_core_dumps()
    files = raise_file_limit()
    connections = connections_for(files)
    server = Server(config, settings, listener, connections)
    # After the server's own set-up of logging, which would leave plain text.
    log_setup.configure(config.log_level)
    if files < _FILES_WANTED:
        logger.warning(
            "few file descriptors",
            extra={"limit": files, "wanted": _FILES_WANTED, "connections": connections},
        )
    bound = replace(config, proxy_port=listener.getsockname()[1])
    server.on_startup(lambda: on_ready(url_of(bound)))
    loader = partial(build_app, config, secrets)
    server.serve(target_loader=loader, wrap_loader=False)  # type: ignore[arg-type]  # RSGI's entry is a method


def url_of(config: Config) -> str:
    """Where a client on this machine finds the proxy, under a name that it answers to."""
    wildcards = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  # as in hosts
    host = wildcards.get(config.host, config.host)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{config.proxy_port}"


def listen(host: str, port: int, write_timeout_s: float) -> socket.socket:
    """A bound socket; its connections end some time after a write found no reader.

    Raises ``ConfigError`` when the address cannot be had. Port 0 takes a free one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if write_timeout_s and hasattr(socket, "TCP_USER_TIMEOUT"):
            # The relay gives up first and says so; the kernel then drops what nobody reads.
            limit_ms = int((write_timeout_s + _WRITE_MARGIN_S) * 1000)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
        # Connections inherit it: a delta must not wait for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel would take megabytes for each client that does not read.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = (error.strerror or "not available").lower()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {reason}; "
            "stop what uses it or choose another with --proxy-port"
        ) from None
    listener.set_inheritable(True)
    listener.setblocking(False)
    return listener


def raise_file_limit() -> int:
    """Use all descriptors that the system allows; how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def connections_for(files: int) -> int:
    """How many clients may be connected with so many descriptors: each may need one more for its
    upstream. Accepting without a descriptor left would fail over and over, at full speed."""
    return max(_FEWEST_CONNECTIONS, min(_CONNECTIONS, (files - _OWN_FILES) // 2))


def refuse_core_dumps() -> None:
    """Credentials are in memory; they must not end up in a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
