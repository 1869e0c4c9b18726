"""One measurement: the client runs against one gateway, every answer is checked, and CPU time,
memory and what reached the mock are read around it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benches.answers import judge_request, template
from benches.bodies import body
from benches.cells import BURST_DELTAS, PATHS, Cell, Mode
from benches.gateways import Gateway
from benches.process import BenchError, pinned
from benches.upstream import LOAD_CORE, Address, Mock

#: Work that a gateway does a moment after its answers (log rows) belongs to them.
_SETTLE_S = 0.1
_CLIENT_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one gateway did in one round of one cell. Times are in microseconds."""

    gateway: str
    round: int
    #: Place in the order of this round, from 0.
    place: int
    requests: int
    deltas: int
    errors: int
    #: Why the sample does not count; empty when every answer was right.
    failures: list[str] = field(default_factory=list)
    seconds: float
    rps: float
    #: CPU time of the gateway's process tree per request, or per delta; 0 without a gateway.
    cpu_us: float
    client_cpu_us: float
    mock_cpu_us: float
    latency_us: Mapping[str, float | None]
    first_byte_us: Mapping[str, float | None]
    delta_age_us: Mapping[str, float | None]
    rss_kib: int
    anonymous_kib: int
    peak_kib: int

    @classmethod
    def void(cls, gateway: str, reason: str) -> Sample:
        """Of a gateway that could not be measured at all."""
        nothing = dict.fromkeys(("p50", "p90", "p99"))
        return cls(
            gateway=gateway,
            round=1,
            place=0,
            requests=0,
            deltas=0,
            errors=0,
            failures=[reason],
            seconds=0.0,
            rps=0.0,
            cpu_us=0.0,
            client_cpu_us=0.0,
            mock_cpu_us=0.0,
            latency_us=nothing,
            first_byte_us=nothing,
            delta_age_us=nothing,
            rss_kib=0,
            anonymous_kib=0,
            peak_kib=0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One cell made ready: the mock runs, the body lies in a file."""

    load: Path
    cell: Cell
    mode: Mode
    mock: Mock
    upstream: Address
    body_file: Path
    #: Of gateways that write answers themselves: the answer that is due, in a file.
    answers: dict[str, Path] = field(default_factory=dict)
    #: And how many bytes of each request arrive at the mock.
    arriving: dict[str, int] = field(default_factory=dict)

    @classmethod
    def prepare(cls, load: Path, cell: Cell, mode: Mode, folder: Path) -> Bench:
        body_file = folder / "body.json"
        body_file.write_bytes(body(cell.size, cell.wire_format, stream=cell.is_stream))
        mock = Mock.of_cell(load, cell, mode, folder)
        try:
            upstream = mock.address(cell, folder)
        except BaseException:
            mock.stop()
            raise
        return cls(
            load=load, cell=cell, mode=mode, mock=mock, upstream=upstream, body_file=body_file
        )

    def learn(self, gateway: Gateway, folder: Path) -> None:
        """What a gateway makes of request and answer that writes or masks them, judged before it
        counts."""
        is_written = gateway.writes(self.cell)
        if not is_written and not gateway.masks:
            return
        body = self.body_file.read_bytes()
        before = self.mock.counters()
        self.mock.keep()
        answer = template(gateway, self.cell, body)
        if not gateway.masks:
            judge_request(self.cell, body, self.mock.kept())
        after = self.mock.counters()
        asked = after["requests"] - before["requests"]
        each = (after["body_bytes"] - before["body_bytes"]) // max(asked, 1)
        self.arriving[gateway.name] = each
        if not is_written:
            if self.cell.size == "V" and each == self.body_file.stat().st_size:
                raise BenchError("nothing was masked")
            return
        self.answers[gateway.name] = folder / "answer"
        self.answers[gateway.name].write_bytes(answer)

    def warm_up(self, gateway: Gateway) -> list[str]:
        """Runs the same load for a shorter time; returns what went wrong."""
        report = self._run_client(gateway, self.mode.warmup_ms, streams=1)
        return _failures(report)

    def measure(self, gateway: Gateway, number: int, place: int) -> Sample:
        """One warm-up, one measurement."""
        failures = self.warm_up(gateway)
        before = self.mock.counters()
        mock_before = self.mock.cpu_ns()
        cpu_before = gateway.server.cpu_ns() if gateway.server else 0
        report = self._run_client(gateway, self.mode.measure_ms, streams=self.mode.streams)
        if gateway.server:
            time.sleep(_SETTLE_S)
        cpu = (gateway.server.cpu_ns() if gateway.server else 0) - cpu_before
        mock_cpu = self.mock.cpu_ns() - mock_before
        memory = (gateway.server or self.mock.server).memory()
        failures += _failures(report) + self._upstream_failures(gateway, before, report)
        requests, deltas = report["requests"], report["deltas"]
        units = max(deltas if self.cell.is_paced else requests, 1)
        return Sample(
            gateway=gateway.name,
            round=number,
            place=place,
            requests=requests,
            deltas=deltas,
            errors=report["errors"],
            failures=failures,
            seconds=report["seconds"],
            rps=report["rps"],
            cpu_us=cpu / 1e3 / units,
            client_cpu_us=report["cpu_us"] / units,
            mock_cpu_us=mock_cpu / 1e3 / units,
            latency_us=report["latency_us"],
            first_byte_us=report["first_byte_us"],
            delta_age_us=report["delta_age_us"],
            rss_kib=memory.rss_kib,
            anonymous_kib=memory.anonymous_kib,
            peak_kib=memory.peak_kib,
        )

    def _upstream_failures(
        self, gateway: Gateway, before: Mapping[str, int], report: Mapping[str, Any]
    ) -> list[str]:
        """Requests that the gateway repeated, invented or shortened."""
        after = self.mock.counters()
        requests = after["requests"] - before["requests"]
        sent = report["requests"]
        if report["errors"] == 0 and requests != sent:
            return [f"upstream: {requests} requests arrived for {sent} answers"]
        received = after["body_bytes"] - before["body_bytes"]
        each = self.arriving.get(gateway.name, self.body_file.stat().st_size)
        due = requests * each
        if received < due:
            return [f"upstream: {received} bytes of bodies arrived, {due} were sent"]
        return []

    def _run_client(self, gateway: Gateway, lasts_ms: int, *, streams: int) -> dict[str, Any]:
        cell = self.cell
        command = [str(self.load), "load", "--port", str(gateway.port)]
        command += ["--path", PATHS[cell.wire_format], "--format", cell.wire_format]
        command += ["--body", str(self.body_file), "--connections", str(cell.connections)]
        for header in gateway.headers(cell.wire_format):
            command += ["--header", header]
        if gateway.name in self.answers:
            command += ["--expect", str(self.answers[gateway.name])]
        if cell.is_stream:
            deltas = self.mode.deltas if cell.is_paced else BURST_DELTAS
            command += ["--stream", "--deltas", str(deltas)]
        if cell.is_paced:
            # Spread over one period, as independent streams are.
            command += ["--stagger-ms", str(cell.pace_ms)]
            command += ["--total", str(cell.connections * streams)]
        else:
            command += ["--duration-ms", str(lasts_ms)]
        with pinned(LOAD_CORE):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            stdout, stderr = process.communicate(timeout=_CLIENT_TIMEOUT_S)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode != 0:
            raise BenchError(f"the client failed: {stderr.decode().strip()}")
        report: dict[str, Any] = json.loads(stdout)
        return report


def _failures(report: Mapping[str, Any]) -> list[str]:
    if report["errors"] > 0:
        return [
            f"{report['errors']} of {report['errors'] + report['requests']} failed",
            *report["samples"],
        ]
    if report["requests"] == 0:
        return ["no request was completed"]
    return []
