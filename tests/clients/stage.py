"""What one scenario gets: an upstream, a proxy in front of it, and fresh folders for the client."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.clients.install import Client, Installed
from tests.clients.outlet import Outlet
from tests.clients.processes import Finished, Running, run
from tests.clients.proxy import FORMATS, Proxy
from tests.clients.upstreams import Aimock, Arrival, CodegateMock, Upstream, UpstreamName

_CLIENT_TIMEOUT_S = 120.0
_ROOT = Path(__file__).resolve().parent.parent.parent
_PROGRAMS = "tests.clients.programs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a client sends its requests, and the key that it shows."""

    url: str
    key: str


class Stage:
    """Lives as long as one scenario; leaving the ``with`` block ends every process.

    ``through`` is the proxy and ``straight`` the upstream itself, with the account's key.
    ``folder`` is removed at the end unless ``is_kept`` was set.
    """

    def __init__(
        self,
        upstream: UpstreamName,
        clients: Mapping[Client, Installed],
        *,
        is_straight: bool,
        accounts: int = 1,
        formats: tuple[str, ...] = FORMATS,
        settings: Sequence[str] = (),
    ) -> None:
        self.formats = formats
        self.is_kept = False
        self.account_key = f"sk-account-{secrets.token_hex(16)}"
        self._clients = clients
        self._proxy: Proxy | None = None
        with ExitStack() as undo:
            self.folder = Path(tempfile.mkdtemp(prefix="codegate-client-"))
            undo.callback(self._remove_folder)
            self.home = self.folder / "home"
            self.project = self.folder / "project"
            self.home.mkdir()
            self.project.mkdir()
            self._outlet = undo.enter_context(Outlet())
            self.upstream: Upstream = self._open_upstream(upstream)
            undo.callback(self.upstream.stop)
            self.straight = Endpoint(url=self.upstream.url, key=self.account_key)
            self.through = self.straight
            if not is_straight:
                self._proxy = self._open_proxy(accounts, settings)
                undo.callback(self._proxy.stop)
                self.through = Endpoint(url=self._proxy.url, key=self._proxy.key)
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    @property
    def proxy_said(self) -> str:
        """What the proxy wrote to its output, "" when there is none."""
        return self._proxy.said if self._proxy is not None else ""

    @property
    def attempts_to_leave(self) -> tuple[str, ...]:
        """Requests for other machines, which were refused."""
        return self._outlet.attempts

    def environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        """All that a client sees: a fresh home, no way out, and ``extra``."""
        own = {"HOME": str(self.home), "PATH": os.defpath, "TERM": "dumb", "LANG": "C.UTF-8"}
        return {**own, **self._outlet.environment(), **extra}

    def run(
        self,
        client: Client,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: str = "",
        timeout_s: float = _CLIENT_TIMEOUT_S,
    ) -> Finished:
        """Runs a client to its end in the project folder."""
        return run(
            (*self._clients[client].argv, *arguments),
            env=self.environment(env),
            folder=self.project,
            stdin=stdin.encode(),
            timeout_s=timeout_s,
        )

    def start(self, client: Client, arguments: Sequence[str], *, env: Mapping[str, str]) -> Running:
        """Starts a client that serves until it is stopped."""
        argv = (*self._clients[client].argv, *arguments)
        return Running(argv, env=self.environment(env), folder=self.project)

    def run_program(
        self, client: Client, task: Mapping[str, Any], *, env: Mapping[str, str]
    ) -> Finished:
        """Runs the SDK program of a client with a task."""
        program = {Client.ANTHROPIC_SDK: "anthropic_sdk", Client.OPENAI_SDK: "openai_sdk"}
        if client not in program:
            return self.run(client, (), env=env, stdin=json.dumps(task))
        # The SDK's environment does not know this repository.
        env = {**env, "PYTHONPATH": str(_ROOT)}
        module = f"{_PROGRAMS}.{program[client]}"
        return self.run(client, ("-m", module), env=env, stdin=json.dumps(task))

    def arrivals(self) -> list[Arrival]:
        """What reached the upstream so far."""
        return self.upstream.arrivals()

    def _remove_folder(self) -> None:
        if not self.is_kept:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _open_proxy(self, accounts: int, settings: Sequence[str]) -> Proxy:
        return Proxy(
            self.upstream,
            accounts=accounts,
            settings=settings,
            formats=self.formats,
            account_key=self.account_key,
            data=self.folder / "data",
            env=self._outlet.environment(),
        )

    def _open_upstream(self, name: UpstreamName) -> Upstream:
        env = {"HOME": str(self.folder), "PATH": os.defpath}
        match name:
            case UpstreamName.CODEGATE_MOCK:
                return CodegateMock(account_key=self.account_key, folder=self.folder, env=env)
            case UpstreamName.AIMOCK:
                return Aimock(
                    self._clients[Client.AIMOCK],
                    account_key=self.account_key,
                    folder=self.folder,
                    env=env,
                )
