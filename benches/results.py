"""The raw outcome of a run as it is stored, and what it adds up to: medians over rounds, ratios to
the reference of the same round, and whether the limits hold."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benches.cells import LIMITS, NOISE, Cell, Mode
from benches.measure import Sample

REFERENCE = "haproxy"
SUBJECT = "codegate"
#: How much of a failure a table shows; the raw rounds hold all of it.
_VOID_CHARS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """All samples of one pass over the rounds of a cell."""

    samples: list[Sample]

    @property
    def noise(self) -> float:
        """How far the reference moved between rounds, as a share of its median."""
        values = [s.cpu_us for s in self.samples if s.gateway == REFERENCE and not s.failures]
        if len(values) < 2:
            return 0.0
        return (max(values) - min(values)) / statistics.median(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """A cell with its passes: one, or two where the first was too noisy. The last one counts."""

    cell: Cell
    body_bytes: int
    runs: list[CellRun]

    @property
    def is_noisy(self) -> bool:
        return self.runs[-1].noise > NOISE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Everything a run found, and where and with what it found it."""

    date: str
    commit: str
    mode: Mode
    seed: int
    machine: dict[str, str]
    versions: dict[str, str]
    cells: list[CellResult]

    def to_json(self) -> str:
        """One stable, diffable text; `from_json` reads it back."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunResult:
        value: dict[str, Any] = json.loads(text)
        if value.pop("schema", None) != 1:
            raise ValueError("not a result of this bench")
        cells = [
            CellResult(
                cell=Cell(**cell["cell"]),
                body_bytes=cell["body_bytes"],
                runs=[
                    CellRun(samples=[Sample(**s) for s in run["samples"]]) for run in cell["runs"]
                ],
            )
            for cell in value.pop("cells")
        ]
        return cls(**{**value, "mode": Mode(**value["mode"]), "cells": cells})

    @classmethod
    def load(cls, path: Path) -> RunResult:
        return cls.from_json(path.read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class Quartiles:
    """Median and middle half of the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Quartiles | None:
        if not values:
            return None
        if len(values) == 1:
            return cls(low=values[0], median=values[0], high=values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(low=low, median=median, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One gateway in one cell, over all rounds. `void` says why nothing else counts."""

    gateway: str
    void: str | None
    cpu_us: Quartiles | None
    #: Of the ratios to the reference, each within one round.
    ratio: Quartiles | None
    rps: float | None
    load_us: float | None
    latency_us: Mapping[str, float | None]
    first_byte_us: Mapping[str, float | None]
    delta_age_us: Mapping[str, float | None]
    #: Medians of the differences to the reference, each within one round.
    delta_age_over_us: Mapping[str, float | None]
    rss_mib: float | None
    peak_mib: float | None


def rows(result: CellResult) -> list[Row]:
    """One row per gateway, in the order in which they were first given."""
    samples = result.runs[-1].samples
    names = sorted({s.gateway for s in samples}, key=_rank)
    reference = {s.round: s for s in samples if s.gateway == REFERENCE and not s.failures}
    return [_row(name, [s for s in samples if s.gateway == name], reference) for name in names]


def _rank(name: str) -> tuple[int, str]:
    known = ("direct", REFERENCE, "nginx")
    return (known.index(name) if name in known else len(known), name)


def _row(name: str, samples: list[Sample], reference: Mapping[int, Sample]) -> Row:
    void = next(("; ".join(s.failures)[:_VOID_CHARS] for s in samples if s.failures), None)
    has_cpu = name != "direct"
    paired = [(s, reference[s.round]) for s in samples if s.round in reference]
    cpu = [s.cpu_us for s in samples] if has_cpu else []
    ratios = [s.cpu_us / r.cpu_us for s, r in paired if r.cpu_us > 0] if has_cpu else []
    over = {
        key: _median(
            [
                mine - theirs
                for s, r in paired
                if (mine := s.delta_age_us[key]) is not None
                and (theirs := r.delta_age_us[key]) is not None
            ]
        )
        for key in ("p50", "p90", "p99")
    }
    return Row(
        gateway=name,
        void=void,
        cpu_us=Quartiles.of(cpu),
        ratio=Quartiles.of(ratios),
        rps=_median([s.rps for s in samples]),
        load_us=_median([s.client_cpu_us + s.mock_cpu_us for s in samples]),
        latency_us=_medians(samples, lambda s: s.latency_us),
        first_byte_us=_medians(samples, lambda s: s.first_byte_us),
        delta_age_us=_medians(samples, lambda s: s.delta_age_us),
        delta_age_over_us=over,
        rss_mib=_median([s.rss_kib / 1024 for s in samples]) if has_cpu else None,
        peak_mib=max(s.peak_kib / 1024 for s in samples) if has_cpu else None,
    )


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _medians(
    samples: list[Sample], pick: Callable[[Sample], Mapping[str, float | None]]
) -> dict[str, float | None]:
    return {
        key: _median([value for s in samples if (value := pick(s)[key]) is not None])
        for key in ("p50", "p90", "p99")
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the subject holds the limit of one cell."""

    cell: str
    limit: float
    measured: float | None
    void: str | None

    @property
    def holds(self) -> bool:
        return self.void is None and self.measured is not None and self.measured <= self.limit


def verdicts(run: RunResult) -> list[Verdict]:
    """One verdict for each cell in which the subject ran and that has a limit."""
    found = []
    for result in run.cells:
        for row in rows(result):
            limit = LIMITS.get(result.cell.name)
            if row.gateway == SUBJECT and limit is not None:
                measured = row.ratio.median if row.ratio else None
                name = result.cell.name
                found.append(Verdict(cell=name, limit=limit, measured=measured, void=row.void))
    return found


def voids(run: RunResult) -> list[str]:
    """Every gateway whose answers were wrong, with the first case."""
    return [
        f"{result.cell.name}: {row.gateway}: {row.void}"
        for result in run.cells
        for row in rows(result)
        if row.void is not None
    ]
