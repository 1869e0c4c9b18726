"""What every gateway of a cell is pointed at: the native mock, behind TLS where a cell says so."""

from __future__ import annotations

import http.client
import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import trustme

from benches.cells import BURST_DELTAS, Cell, Mode
from benches.process import BenchError, Server, find, free_port

# Without http-no-delay it holds deltas back and looks cheap; without reuse it reconnects.
HAPROXY_DEFAULTS = """\
defaults
    mode http
    option http-no-delay
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 120s
    timeout server 120s
"""

#: The core of mock and client.
LOAD_CORE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where gateways reach the upstream, and what it speaks."""

    port: int
    wire_format: str
    tls: str = ""
    #: Certificates to trust, where it speaks TLS.
    authority: Path | None = None

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}"


class Mock:
    """The mock upstream of one cell, and what stands before it."""

    def __init__(
        self, load: Path, folder: Path, *, deltas: int, pace_ms: int, delay_ms: int = 0
    ) -> None:
        command = [str(load), "mock", "--deltas", str(deltas)]
        command += ["--pace-us", str(pace_ms * 1000), "--delay-ms", str(delay_ms)]
        self._front: Server | None = None
        self.server = Server(
            command, core=LOAD_CORE, log=folder / "mock.log", stdout=subprocess.PIPE
        )
        stdout = self.server.process.stdout
        line = stdout.readline().decode() if stdout is not None else ""
        if not line.startswith("listening "):
            self.server.stop()
            raise BenchError(f"the mock did not start: {self.server.log_tail()}")
        self.port = int(line.rpartition(":")[2])

    @classmethod
    def of_cell(cls, load: Path, cell: Cell, mode: Mode, folder: Path) -> Mock:
        deltas = mode.deltas if cell.is_paced else BURST_DELTAS
        return cls(load, folder, deltas=deltas, pace_ms=cell.pace_ms)

    def address(self, cell: Cell, folder: Path) -> Address:
        """The upstream of a cell; starts what speaks TLS for the mock."""
        if not cell.tls:
            return Address(port=self.port, wire_format=cell.upstream_format)
        port, authority = self._serve_tls(cell.tls, folder)
        return Address(
            port=port, wire_format=cell.upstream_format, tls=cell.tls, authority=authority
        )

    def _serve_tls(self, protocol: str, folder: Path) -> tuple[int, Path]:
        """A haproxy on the mock's core that ends TLS; every gateway meets the same one."""
        authority = trustme.CA()
        trusted, pair = folder / "authority.pem", folder / "front.pem"
        authority.cert_pem.write_to_path(str(trusted))
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            str(pair)
        )
        port = free_port()
        config = folder / "front.cfg"
        config.write_text(
            f"""\
global
    nbthread 1
    maxconn 4096
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
    tune.h2.max-concurrent-streams 400
{HAPROXY_DEFAULTS}frontend tls
    bind 127.0.0.1:{port} ssl crt {pair} alpn {protocol}
    default_backend mock
backend mock
    server mock 127.0.0.1:{self.port}
"""
        )
        command = [find("haproxy") or "haproxy", "-db", "-q", "-f", str(config)]
        self._front = Server(command, core=LOAD_CORE, log=folder / "front.log")
        self._front.wait_ready(port, lambda: _accepts(port))
        return port, trusted

    def counters(self) -> dict[str, int]:
        """Requests, bytes of their bodies and deltas so far."""
        counters: dict[str, int] = json.loads(self._ask("/counters"))
        return counters

    def keep(self) -> None:
        """Has the body of the next request kept."""
        self._ask("/keep")

    def kept(self) -> bytes:
        """The body that was kept."""
        return self._ask("/kept")

    def _ask(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def cpu_ns(self) -> int:
        """CPU time of the mock and of what stands before it."""
        return self.server.cpu_ns() + (self._front.cpu_ns() if self._front else 0)

    def stop(self) -> None:
        if self._front is not None:
            self._front.stop()
        self.server.stop()


def _accepts(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    with suppress(OSError):
        connection.connect()
        connection.close()
        return True
    return False
