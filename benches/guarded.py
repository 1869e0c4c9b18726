"""`python -m benches.guarded [--quick]`: what guardrails cost, as multiples of haproxy's CPU time.

Exit 0 when every limit holds, 1 when one is missed, an answer was wrong or a program is missing.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import ClassVar

from benches.cells import CELLS, FULL, QUICK, Cell, Mode
from benches.gateways import Codegate, Gateway, Haproxy
from benches.process import BenchError
from benches.results import REFERENCE
from benches.run import ROOT, build_load, run_cell

_COSTS = ("cargo", "bench", "--quiet", "--bench", "guardrails", "--", "--costs")
_LARGE = next(cell for cell in CELLS if cell.name == "L·J messages")
_SMALL = next(cell for cell in CELLS if cell.name == "S·J messages")
#: The small body with values in it: they are found, named and put in again.
_VALUES = replace(_SMALL, name="S·J messages with values", size="V")


class Guarded(Codegate):
    """With guardrails on; every body but a cell's first is known to them."""

    name = "guarded"
    flags: ClassVar[tuple[str, ...]] = ("--setting", "guardrails=on")
    masks: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table."""

    text: str
    value: float
    unit: str
    limit: float
    goal: float | None = None

    @property
    def is_met(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        goal = "" if self.goal is None else f", goal {self.goal:g}"
        missed = "" if self.is_met else "  MISSED"
        return f"{self.text}: {self.value:.2f} {self.unit} (at most {self.limit:g}{goal}){missed}"


def main() -> int:
    """Measures, prints, judges."""
    parser = argparse.ArgumentParser(prog="benches.guarded", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--core", action="store_true", help="leave out the gateway itself, which needs `make build`"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    mode = QUICK if options.quick else FULL
    kinds: list[type[Gateway]] = [Haproxy]
    try:
        if not options.core:
            kinds += [Codegate, Guarded]
        for kind in kinds:
            if reason := kind.missing():
                raise BenchError(reason)
        figures = (
            _core(_cell(_LARGE, mode, kinds)[REFERENCE]) if options.core else _all(mode, kinds)
        )
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for figure in figures:
        print(figure)
    return 0 if all(figure.is_met for figure in figures) else 1


def _all(mode: Mode, kinds: list[type[Gateway]]) -> list[Figure]:
    large, small, values = (_cell(cell, mode, kinds) for cell in (_LARGE, _SMALL, _VALUES))
    looked = small[Guarded.name] / small[Codegate.name]
    masked = values[Guarded.name] / values[Codegate.name]
    again = (large[Guarded.name] - large[Codegate.name]) / large[REFERENCE]
    return [
        *_core(large[REFERENCE]),
        Figure(text="known body of 1 MB, whole gateway, more", value=again, unit="H", limit=0.7),
        Figure(text="S·J, guardrails on against off", value=looked, unit="times", limit=1.3),
        Figure(text="the same with values to mask", value=masked, unit="times", limit=1.3),
    ]


def _cell(cell: Cell, mode: Mode, kinds: list[type[Gateway]]) -> dict[str, float]:
    """CPU time per request of each gateway in microseconds."""
    samples = run_cell(cell, mode, kinds, build_load(), random.Random(9212)).runs[-1].samples  # noqa: S311
    failures = [f"{s.gateway}: {failure}" for s in samples for failure in s.failures]
    if failures:
        raise BenchError(failures[0])
    costs = {}
    for kind in kinds:
        costs[kind.name] = statistics.median(s.cpu_us for s in samples if s.gateway == kind.name)
        print(f"{cell.name}, {kind.name}: {costs[kind.name]:.1f} µs of CPU time for each request")
    return costs


def _core(reference_us: float) -> list[Figure]:
    """What the core alone takes, in the same minute as the reference."""
    try:
        ran = subprocess.run(_COSTS, cwd=ROOT, check=True, capture_output=True, text=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise BenchError(f"the bench of the core did not run: {error}") from error
    costs = json.loads(ran.stdout.splitlines()[-1])
    print(f"slowest text made for it: {costs['worst_text']!r}, varied {costs['varied_text']!r}")

    def ratio(name: str) -> float:
        return float(costs[name]) / reference_us

    worst, varied = (costs[name] / costs["scan"] for name in ("worst", "varied"))
    return [
        Figure(text="first look at 1 MB", value=ratio("first"), unit="H", limit=10, goal=4),
        Figure(text="the same without AVX2", value=ratio("first_baseline"), unit="H", limit=20),
        Figure(text="4 KB new on 1 MB known", value=ratio("next"), unit="H", limit=0.7, goal=0.3),
        Figure(text="one delta of a stream", value=costs["delta"], unit="µs", limit=2),
        Figure(text="slowest repeated text, ordinary is 1", value=worst, unit="times", limit=3),
        Figure(text="slowest varied text, ordinary is 1", value=varied, unit="times", limit=3),
    ]


if __name__ == "__main__":
    sys.exit(main())
