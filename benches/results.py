"""The raw outcome of a run as it is stored, and what it adds up to: medians over rounds, ratios to
the reference of the same round, and whether the goals are reached."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benches.cells import NOISE, Cell, Mode
from benches.goals import FOOTPRINT_GOALS, GOALS, UNITS, Goal
from benches.measure import Sample

REFERENCE = "haproxy"
_TLS_SUFFIXES = (" TLS h2", " TLS")
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
    #: Memory and start, by name: every reading.
    footprint: dict[str, list[float]]
    #: How long it all took.
    seconds: int

    def to_json(self) -> str:
        """One stable, diffable text; `from_json` reads it back."""
        return json.dumps({"schema": 2, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunResult:
        value: dict[str, Any] = json.loads(text)
        if value.pop("schema", None) != 2:
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
    latency_over_us: float | None
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
    ages = [(s.delta_age_us, r.delta_age_us) for s, r in paired]
    latencies = [(s.latency_us, r.latency_us) for s, r in paired]
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
        delta_age_over_us={key: _over(ages, key) for key in ("p50", "p90", "p99")},
        latency_over_us=_over(latencies, "p50"),
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


def _over(
    pairs: list[tuple[Mapping[str, float | None], Mapping[str, float | None]]], key: str
) -> float | None:
    """The median of the differences to the reference, each within one round."""
    found = [(mine[key], theirs[key]) for mine, theirs in pairs]
    return _median([a - b for a, b in found if a is not None and b is not None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A figure beside what it must be and what it should be."""

    name: str
    unit: str
    must: float | None
    aim: float
    measured: float | None
    void: str | None = None

    @property
    def holds(self) -> bool:
        """Whether what must be reached is."""
        if self.must is None:
            return True
        return self.void is None and self.measured is not None and self.measured <= self.must

    @property
    def is_aim_met(self) -> bool:
        return self.void is None and self.measured is not None and self.measured <= self.aim

    @property
    def value(self) -> str:
        """The figure as it is shown."""
        if self.void is not None:
            return "void"
        return "no value" if self.measured is None else f"{self.measured:.2f} {self.unit}"


def verdicts(run: RunResult) -> list[Verdict]:
    """One for each goal whose gateway ran in its cell, then those of memory and start."""
    known = {(result.cell.name, row.gateway): row for result in run.cells for row in rows(result)}
    found = []
    for goal in GOALS:
        row = known.get((goal.cell, goal.gateway))
        if row is None:
            continue
        plain = known.get((_plain_of(goal.cell), goal.gateway))
        found.append(
            Verdict(
                name=f"{goal.cell}: {goal.gateway}, {_WHAT[goal.kind]}",
                unit=UNITS[goal.kind],
                must=goal.must,
                aim=goal.aim,
                measured=_measured(goal, row, plain),
                void=row.void,
            )
        )
    for figure in FOOTPRINT_GOALS:
        readings = run.footprint.get(figure.name)
        if readings:
            found.append(
                Verdict(
                    name=figure.name,
                    unit=figure.unit,
                    must=figure.must,
                    aim=figure.aim,
                    measured=statistics.median(readings),
                )
            )
    return found


_WHAT = {
    "ratio": "CPU time",
    "latency": "median over haproxy",
    "age": "median age of a delta over haproxy",
    "plain": "CPU time against the same without TLS",
}


def _plain_of(cell: str) -> str:
    """The cell without TLS."""
    for suffix in _TLS_SUFFIXES:
        cell = cell.removesuffix(suffix)
    return cell


def _measured(goal: Goal, row: Row, plain: Row | None) -> float | None:
    match goal.kind:
        case "ratio":
            return row.ratio.median if row.ratio else None
        case "latency":
            return row.latency_over_us
        case "age":
            return row.delta_age_over_us["p50"]
        case "plain":
            if row.ratio is None or plain is None or plain.ratio is None:
                return None
            return row.ratio.median / plain.ratio.median


def voids(run: RunResult) -> list[str]:
    """Every gateway whose answers were wrong, with the first case."""
    return [
        f"{result.cell.name}: {row.gateway}: {row.void}"
        for result in run.cells
        for row in rows(result)
        if row.void is not None
    ]
