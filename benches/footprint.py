"""What the gateway takes beside CPU time: memory at rest, for idle streams and for large requests
under way, and the time from its start to its first answer."""

from __future__ import annotations

import http.client
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benches.bodies import MESSAGES, body
from benches.cells import PATHS, Mode
from benches.gateways import Codegate
from benches.process import BenchError, Server, pinned
from benches.upstream import LOAD_CORE, Address, Mock

_IN_FLIGHT = 64
_DELAY_MS = 1_500
#: Of a stream that gets no delta while it is looked at.
_IDLE_PACE_MS = 600_000
_SETTLE_S = 3.0
_KIB_PER_MB = 1024
_READ_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Every reading, by the name of its goal."""

    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.figures.setdefault(name, []).append(round(value, 3))


def measure_footprint(load: Path, mode: Mode) -> Footprint:
    """All of it; raises ``BenchError`` when an answer is wrong."""
    found = Footprint()
    _starts(load, mode, found)
    _idle(load, mode, found)
    _in_flight(load, found)
    return found


@contextmanager
def _running(load: Path, folder: Path, **options: int) -> Iterator[tuple[Codegate, Mock]]:
    mock = Mock(load, folder, **options)
    gateway = Codegate()
    try:
        gateway.start(Address(port=mock.port, wire_format=MESSAGES), folder)
        yield gateway, mock
    finally:
        gateway.stop()
        mock.stop()


def _starts(load: Path, mode: Mode, found: Footprint) -> None:
    """From the start of the command to the last byte of the first answer."""
    for _ in range(mode.starts):
        with tempfile.TemporaryDirectory(prefix="codegate-bench-") as name:
            mock = Mock(load, Path(name), deltas=1, pace_ms=0)
            gateway = Codegate()
            # The files that are made once and for all are there, as at any second start.
            try:
                upstream = Address(port=mock.port, wire_format=MESSAGES)
                gateway.start(upstream, Path(name))
                gateway.stop()
                begun = time.monotonic()
                gateway.start(upstream, Path(name), is_awaited=False)
                _ask_until_answered(gateway)
                found.add("cold start to first 200", time.monotonic() - begun)
            finally:
                gateway.stop()
                mock.stop()


def _ask_until_answered(gateway: Codegate) -> None:
    text = body("S", MESSAGES)
    headers = dict(line.split(": ", 1) for line in gateway.headers(MESSAGES))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=5)
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", PATHS[MESSAGES], body=text, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
        connection.close()
        time.sleep(0.005)
    raise BenchError("no answer within 30 s of the start")


def _idle(load: Path, mode: Mode, found: Footprint) -> None:
    """At rest, then with streams that are open and silent."""
    with (
        tempfile.TemporaryDirectory(prefix="codegate-bench-") as name,
        _running(load, Path(name), deltas=1, pace_ms=_IDLE_PACE_MS) as (gateway, mock),
    ):
        time.sleep(_SETTLE_S)
        found.add("idle worker", _worker_kib(gateway) / _KIB_PER_MB)
        found.add("idle process tree", _tree_kib(gateway) / _KIB_PER_MB)
        # The pools and buffers that a first stream makes are not the streams'.
        warm = _client(load, gateway, Path(name), stream=True, connections=8)
        _wait_requests(mock, 8)
        before = _worker_kib(gateway)
        count = mode.idle_streams
        client = _client(load, gateway, Path(name), stream=True, connections=count)
        try:
            _wait_requests(mock, 8 + count)
            time.sleep(_SETTLE_S)
            found.add("idle stream", (_worker_kib(gateway) - before) / count)
        finally:
            for process in (warm, client):
                process.kill()
                process.wait()


def _in_flight(load: Path, found: Footprint) -> None:
    """Large requests that wait for their answer, and what is left of them afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="codegate-bench-") as name,
        _running(load, Path(name), deltas=1, pace_ms=0, delay_ms=_DELAY_MS) as (gateway, mock),
    ):
        _finish(_client(load, gateway, Path(name), size="S", connections=8))
        time.sleep(_SETTLE_S)
        before = _worker_kib(gateway)
        for burst in range(3):
            client = _client(load, gateway, Path(name), size="L", connections=_IN_FLIGHT)
            _wait_requests(mock, 8 + (burst + 1) * _IN_FLIGHT)
            held = _worker_kib(gateway) - before
            found.add("1 MB request in flight", held / _KIB_PER_MB / _IN_FLIGHT)
            _finish(client)
            time.sleep(_SETTLE_S)
            left = max(_worker_kib(gateway) - before, 0)
            found.add("kept after 64 of them", left / _KIB_PER_MB)


def _client(
    load: Path,
    gateway: Codegate,
    folder: Path,
    *,
    connections: int,
    size: str = "S",
    stream: bool = False,
) -> subprocess.Popen[bytes]:
    file = folder / f"body-{size}-{stream}.json"
    file.write_bytes(body(size, MESSAGES, stream=stream))
    command = [str(load), "load", "--port", str(gateway.port), "--path", PATHS[MESSAGES]]
    command += ["--format", MESSAGES, "--body", str(file), "--connections", str(connections)]
    command += ["--total", str(connections)]
    command += ["--stream", "--deltas", "1", "--grace-ms", "600000"] if stream else []
    for header in gateway.headers(MESSAGES):
        command += ["--header", header]
    with pinned(LOAD_CORE):
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _finish(client: subprocess.Popen[bytes]) -> None:
    out, _ = client.communicate(timeout=_READ_TIMEOUT_S)
    if client.returncode != 0 or b'"errors":0' not in out:
        raise BenchError(f"an answer was wrong: {out[:300]!r}")


def _wait_requests(mock: Mock, count: int) -> None:
    end = time.monotonic() + _READ_TIMEOUT_S
    while mock.counters()["requests"] < count:
        if time.monotonic() > end:
            raise BenchError(f"{count} requests did not arrive at the mock")
        time.sleep(0.05)


def _server(gateway: Codegate) -> Server:
    if gateway.server is None:
        raise BenchError("the gateway does not run")
    return gateway.server


def _tree_kib(gateway: Codegate) -> int:
    return _server(gateway).memory().anonymous_kib


def _worker_kib(gateway: Codegate) -> int:
    """Private memory of the one worker, the largest process of the tree."""
    return max(_server(gateway).anonymous_kib_each())
