"""What stands between client and mock: nothing, the two floors, and CodeGate itself. Each in its
own documented way to be fast, on one thread or worker; CodeGate with the settings it ships with."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from benches.bodies import MESSAGES
from benches.cells import Cell
from benches.process import BenchError, Server, find, free_port
from benches.upstream import HAPROXY_DEFAULTS, Address

#: The core that every gateway runs on; mock and client have the other one.
GATEWAY_CORE = 0
#: The header that every client of a format sends beside its key.
_FORMAT_HEADERS = {MESSAGES: ("anthropic-version: 2023-06-01",)}
_KEY_ENV = "BENCH_UPSTREAM_KEY"
#: Settings and proxies of the caller's shell would make the run another one than it says.
_DROPPED_ENV = frozenset(
    {
        *("HOST", "PROXY_PORT", "UI_PORT", "DATA_DIR", "WORKERS", "LOG_LEVEL", "ALLOWED_HOSTS"),
        *("PROXY_API_KEY", "ACCOUNT_KEY", "GUARDRAIL_KEY", "DATABASE_URL", "INTERFACE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    }
)


class Gateway(ABC):
    """One thing to measure; started once per cell, on a fresh port and in a fresh folder."""

    name: ClassVar[str]
    #: Puts other bytes in the place of values.
    masks: ClassVar[bool] = False
    #: Made by somebody else: where it fails, that is a result.
    is_peer: ClassVar[bool] = False
    #: Another set-up of a peer, which does less for a request: shown beside it, and not judged.
    does_less: ClassVar[bool] = False
    start_timeout_s: ClassVar[float] = 30.0

    def __init__(self) -> None:
        self.port = 0
        self.server: Server | None = None

    @classmethod
    def missing(cls) -> str | None:
        """One line that says what to install, or `None`."""
        return None

    @classmethod
    def version(cls) -> str:
        """What was measured, for the results."""
        return ""

    @property
    def key(self) -> str:
        """The key that a client of this gateway sends."""
        return "sk-bench-0000000000000000"

    def writes(self, cell: Cell) -> bool:
        """Whether it writes requests and answers anew, instead of passing their bytes on."""
        return False

    def choose_port(self) -> None:
        self.port = free_port()

    def headers(self, wire_format: str) -> list[str]:
        """The header lines of a client: those of an SDK, with this gateway's key."""
        is_messages = wire_format == MESSAGES
        key = f"x-api-key: {self.key}" if is_messages else f"authorization: Bearer {self.key}"
        common = ["accept: application/json", "user-agent: bench/1.0", "accept-encoding: identity"]
        return [key, *common, *_FORMAT_HEADERS.get(wire_format, ())]

    @abstractmethod
    def start(self, upstream: Address, folder: Path) -> None:
        """Returns when the gateway accepts requests on `self.port`."""

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
            self.server = None

    def _serve(
        self,
        command: list[str],
        folder: Path,
        env: dict[str, str] | None = None,
        *,
        is_awaited: bool = True,
    ) -> None:
        self.server = Server(command, core=GATEWAY_CORE, log=folder / "output.log", env=env)
        if is_awaited:
            self.server.wait_ready(self.port, self.is_ready, self.start_timeout_s)

    def is_ready(self) -> bool:
        """Whether the port answers HTTP at all."""
        return self._status("/") is not None

    def _status(self, path: str) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Direct(Gateway):
    """No gateway: what client and mock take by themselves."""

    name = "direct"

    def start(self, upstream: Address, folder: Path) -> None:
        self.port = upstream.port


class Haproxy(Gateway):
    """The reference, H: a reverse proxy in C that reads nothing of a body."""

    name = "haproxy"

    @classmethod
    def missing(cls) -> str | None:
        if find("haproxy"):
            return None
        return "haproxy is missing: install the package `haproxy` (apt-get install haproxy)"

    @classmethod
    def version(cls) -> str:
        return _first_line([find("haproxy") or "haproxy", "-v"]).split(" - ")[0]

    def start(self, upstream: Address, folder: Path) -> None:
        self.choose_port()
        config = folder / "haproxy.cfg"
        secure = ""
        if upstream.tls:
            secure = f" ssl verify required ca-file {upstream.authority} sni str(localhost)"
            secure += f" alpn {upstream.tls} verifyhost localhost"
        config.write_text(
            f"""\
global
    nbthread 1
    maxconn 4096
{HAPROXY_DEFAULTS}frontend downstream
    bind 127.0.0.1:{self.port}
    default_backend upstream
backend upstream
    server mock 127.0.0.1:{upstream.port}{secure}
"""
        )
        self._serve([find("haproxy") or "haproxy", "-db", "-q", "-f", str(config)], folder)


class Nginx(Gateway):
    """A second floor, left out where it is not installed."""

    name = "nginx"

    @classmethod
    def missing(cls) -> str | None:
        if find("nginx"):
            return None
        return "nginx is missing: install the package `nginx-light` (apt-get install nginx-light)"

    @classmethod
    def version(cls) -> str:
        return _first_line([find("nginx") or "nginx", "-v"]).removeprefix("nginx version: ")

    def start(self, upstream: Address, folder: Path) -> None:
        self.choose_port()
        config = folder / "nginx.conf"
        # As root the worker would become `nobody` and could not write in the run's own folder.
        user = "user root root;" if os.geteuid() == 0 else ""
        temporary = "\n    ".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # Buffering off: deltas at once, no bodies in files. Requests per connection unlimited, so
        # that connections last as long as those of the others.
        config.write_text(
            f"""\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    {temporary}
    client_max_body_size 64m;
    client_body_buffer_size 64k;
    keepalive_requests 100000000;
    upstream mock {{
        server 127.0.0.1:{upstream.port};
        keepalive 128;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{self.port};
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"""
        )
        command = [find("nginx") or "nginx", "-e", str(folder / "error.log")]
        self._serve([*command, "-p", str(folder), "-c", str(config)], folder)


class Codegate(Gateway):
    """The installed command as a user starts it."""

    name = "codegate"
    #: Of `serve`, beyond what it ships with.
    flags: ClassVar[tuple[str, ...]] = ()

    _command: ClassVar[Path] = Path(sys.executable).parent / "codegate"

    def __init__(self) -> None:
        super().__init__()
        self._key = ""

    @classmethod
    def missing(cls) -> str | None:
        if not cls._command.exists():
            return "codegate is not installed beside this Python: run `make build`"
        check = "from codegate import native; print(native.BUILD_PROFILE)"
        profile = _first_line([sys.executable, "-c", check])
        if profile != "release":
            return f"the extension is not a release build ({profile}): run `make build`"
        return None

    @classmethod
    def version(cls) -> str:
        return _first_line([str(cls._command), "--version"])

    @property
    def key(self) -> str:
        return self._key

    def writes(self, cell: Cell) -> bool:
        return cell.is_translated

    def start(self, upstream: Address, folder: Path, *, is_awaited: bool = True) -> None:
        self.choose_port()
        data = folder / "data"
        command = [str(self._command), "serve", "--host", "127.0.0.1"]
        command += ["--proxy-port", str(self.port), "--data-dir", str(data)]
        command += [*self.flags, *self.prepare(upstream, data)]
        env = {
            name: value for name, value in os.environ.items() if name.upper() not in _DROPPED_ENV
        }
        env[_KEY_ENV] = "sk-bench-upstream-0000000000"
        if upstream.authority is not None:
            env["SSL_CERT_FILE"] = str(upstream.authority)
        self._serve(command, folder, env, is_awaited=is_awaited)
        try:
            self._key = (data / "proxy-key").read_text().strip()
        except OSError as error:
            raise BenchError(f"codegate left no proxy key: {error.strerror}") from error

    def prepare(self, upstream: Address, data: Path) -> list[str]:
        """Makes `data` ready; the flags that name the upstream."""
        named = f"{upstream.wire_format}={upstream.url}"
        return ["--upstream", named, "--upstream-key-env", _KEY_ENV]

    def is_ready(self) -> bool:
        return self._status("/readyz") == http.client.OK


class CodegateRsgi(Codegate):
    """The same by the HTTP server's own interface."""

    name = "codegate-rsgi"
    flags = ("--interface", "rsgi")


GATEWAYS: dict[str, type[Gateway]] = {
    gateway.name: gateway for gateway in (Direct, Haproxy, Nginx, Codegate, CodegateRsgi)
}


def _first_line(command: list[str]) -> str:
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (outcome.stdout + outcome.stderr).strip().splitlines()
    if outcome.returncode != 0 and lines:
        return lines[-1]
    return lines[0] if lines else "unknown"
