"""`python -m benches.instructions [--update]`: how many instructions each stage of the core takes,
counted by callgrind and held to the figures in `instructions.json`.

Exit 0 when no stage takes more than a quarter beyond its figure, 1 when one does, when a stage has
no figure, or when a program is missing.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benches.process import BenchError, find
from benches.run import build_native

_FIGURES = Path(__file__).with_name("instructions.json")
#: A stage may take this much of its figure. Compilers differ from version to version by less.
_LIMIT = 1.25
#: Hash maps are seeded anew in each process: the least of some runs moves by less than 1 %.
_RUNS = 3
_TRIGGER = re.compile(r"^desc: Trigger: --dump-after=.*measured$", re.MULTILINE)
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Instructions of one run of each stage, and what they are figures of."""

    #: Instructions differ between kinds of processor: only figures of one kind are compared.
    processor: str
    compiler: str
    counts: Mapping[str, int]

    def to_json(self) -> str:
        value = {"processor": self.processor, "compiler": self.compiler}
        return json.dumps({**value, "counts": dict(self.counts)}, indent=2) + "\n"

    @classmethod
    def load(cls, path: Path) -> Figures:
        return cls(**json.loads(path.read_text()))


def main() -> int:
    """Counts, prints a table, and judges it or keeps it."""
    parser = argparse.ArgumentParser(prog="benches.instructions", description=__doc__)
    parser.add_argument("--update", action="store_true", help="make what was counted the figures")
    options = parser.parse_args()
    try:
        now = count()
    except BenchError as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1
    if options.update or not _FIGURES.exists():
        _FIGURES.write_text(now.to_json())
    due = Figures.load(_FIGURES)
    print(table(due, now))
    if now.processor != due.processor:
        print(f"not judged: these are counts on {now.processor}, the figures on {due.processor}")
        return 0
    faults = compare(due.counts, now.counts)
    for fault in faults:
        print(f"instructions: {fault}", file=sys.stderr)
    return 1 if faults else 0


def count() -> Figures:
    """Builds the stages and counts them. Raises ``BenchError`` where that cannot be done."""
    valgrind = find("valgrind")
    if valgrind is None:
        raise BenchError("valgrind is missing: install the package `valgrind`")
    program = build_native("codegate-counts")
    runs = [_run(valgrind, program) for _ in range(_RUNS)]
    counts = {name: min(run[name] for run in runs) for name in runs[0]}
    compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    release = compiler.stdout.split()[1]
    return Figures(processor=_processor(), compiler=f"rustc {release}", counts=counts)


def _run(valgrind: str, program: Path) -> dict[str, int]:
    """The stages in their order, each with the instructions of one run of it."""
    with tempfile.TemporaryDirectory(prefix="codegate-counts-") as folder:
        out = Path(folder, "out")
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += [f"--dump-after=codegate_counts::{name}" for name in ("prepared", "measured")]
        done = subprocess.run(
            [*command, str(program)], env={}, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BenchError(f"the stages did not run: {done.stderr.strip()[-400:]}")
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        totals = [total for path in dumps if (total := total_of(path.read_text())) is not None]
    stages = [line.split("\t") for line in done.stdout.splitlines()]
    if not stages or len(totals) != len(stages):
        raise BenchError(f"callgrind left {len(totals)} counts for {len(stages)} stages")
    pairs = zip(stages, totals, strict=True)
    return {name: round(total / int(times)) for (times, name), total in pairs}


def total_of(dump: str) -> int | None:
    """What a dump of callgrind counted, if it is one of a stage."""
    total = _TOTAL.search(dump)
    return int(total.group(1)) if total and _TRIGGER.search(dump) else None


def compare(due: Mapping[str, int], now: Mapping[str, int]) -> list[str]:
    """What is wrong with the counts of now."""
    faults = [f"{name} has no figure: UPDATE=1 makes one" for name in now if name not in due]
    faults += [f"{name} has a figure, but was not counted" for name in due if name not in now]
    for name in now:
        if name in due and now[name] > due[name] * _LIMIT:
            more = f"{now[name] / due[name] - 1:+.0%}"
            faults.append(f"{name} takes {now[name]:,} instructions, {more} of {due[name]:,}")
    return faults


def table(due: Figures, now: Figures) -> str:
    """All stages beside their figures, in Markdown."""
    lines = [
        f"Instructions, {now.processor}, {now.compiler} (figures: {due.compiler})",
        "",
        "| stage | figure | now | |",
        "| --- | --: | --: | --: |",
    ]
    for name, found in now.counts.items():
        figure = due.counts.get(name)
        change = "new" if figure is None else f"{found / figure - 1:+.1%}"
        lines.append(f"| {name} | {figure or 0:,} | {found:,} | {change} |")
    return "\n".join(lines)


def _processor() -> str:
    """The kind of processor, as far as it decides which instructions are taken."""
    words = Path("/proc/cpuinfo").read_text().split()
    return platform.machine() + (" with AVX2" if "avx2" in words else "")


if __name__ == "__main__":
    sys.exit(main())
