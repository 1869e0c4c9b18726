"""`python -m benches.run [--quick]`: CodeGate beside its floors, held to its goals.

Exit 0 when every goal is reached, 1 when one is missed, an answer was wrong, or a program is
missing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benches.cells import CELLS, FLOORS, FULL, NOISE, QUICK, Cell, Mode
from benches.footprint import Footprint, measure_footprint
from benches.gateways import GATEWAY_CORE, GATEWAYS, Codegate, Gateway, Haproxy
from benches.measure import Bench, Sample
from benches.process import BenchError
from benches.report import render, write_readme
from benches.results import CellResult, CellRun, RunResult, verdicts, voids
from benches.upstream import LOAD_CORE

ROOT = Path(__file__).resolve().parent.parent
_RESULTS = Path(__file__).with_name("results")
_OWN_OUTPUT = ("benches/results/", "benches/README.md")
_PASSES = 2


def main() -> int:
    """Runs the bench, or renders a stored run."""
    parser = argument_parser("benches.run", __doc__)
    parser.add_argument("--gateways", default="", help=f"some of: {', '.join(GATEWAYS)}")
    return run_or_render(parser.parse_args(), _bench, write_readme)


def argument_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """What every bench of rounds can be told."""
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--cells", default="", help="only cells whose name begins so: S,A,L,P")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=9212, help="of the order within a round")
    parser.add_argument("--no-save", action="store_true", help="print only")
    parser.add_argument("--render", type=Path, help="put a stored run into the README")
    return parser


def run_or_render(
    options: argparse.Namespace,
    bench: Callable[[argparse.Namespace], int],
    write: Callable[[RunResult], None],
) -> int:
    """The exit code of ``bench``, or 0 after ``write`` of a stored run; errors become one line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.render:
            write(RunResult.load(options.render))
            return 0
        return bench(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _bench(options: argparse.Namespace) -> int:
    mode = QUICK if options.quick else FULL
    if options.rounds:
        mode = replace(mode, rounds=options.rounds)
    prefixes = tuple(options.cells.split(","))
    cells = [cell for cell in CELLS if cell.name.startswith(prefixes)]
    plan = {cell: _gateways(cell, options.gateways, is_quick=options.quick) for cell in cells}
    check_cores()
    found_on = machine()
    load = build_load()
    rng = random.Random(options.seed)  # noqa: S311
    begun = time.monotonic()
    results = [
        run_cell(
            cell,
            mode,
            gateways,
            load,
            rng,
            may_rerun=lambda: time.monotonic() - begun < mode.rerun_until_s,
        )
        for cell, gateways in plan.items()
    ]
    footprint = Footprint() if options.cells else measure_footprint(load, mode)
    used = dict.fromkeys(gateway for gateways in plan.values() for gateway in gateways)
    run = RunResult(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        commit=commit(),
        mode=mode,
        seed=options.seed,
        machine=found_on,
        versions={gateway.name: gateway.version() for gateway in used},
        cells=results,
        footprint=footprint.figures,
        seconds=round(time.monotonic() - begun),
    )
    print(render(run))
    if not options.no_save:
        print(f"raw rounds: {save(run).relative_to(ROOT)}")
        if not options.quick and not options.gateways and not options.cells:
            write_readme(run)
    return _judge(run)


def check_cores() -> None:
    """Raises ``BenchError`` where gateway and load would share a core."""
    if not {GATEWAY_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        raise BenchError("two cores are needed, 0 for the gateway and 1 for mock and client")


def _gateways(cell: Cell, wanted: str, *, is_quick: bool) -> list[type[Gateway]]:
    """The named gateways, or the cell's own; refuses what is not there to be measured."""
    if wanted:
        names = wanted.split(",")
        unknown = [name for name in names if name not in GATEWAYS]
        if unknown:
            raise BenchError(f"unknown gateway: {unknown[0]} (known: {', '.join(GATEWAYS)})")
    else:
        names = [Haproxy.name, Codegate.name]
        beside = [name for name in cell.beside if not is_quick or name not in FLOORS]
        # A second floor is left out where it is not installed.
        names += [name for name in beside if GATEWAYS[name].missing() is None]
    for name in names:
        reason = GATEWAYS[name].missing()
        if reason:
            raise BenchError(reason)
    return [GATEWAYS[name] for name in names]


def build_load() -> Path:
    """The program that is client and mock, built where needed."""
    return build_native("codegate-load")


def build_native(package: str) -> Path:
    """The one program of a package of this workspace, built where needed."""
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--package", package]
    query = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    try:
        subprocess.run(build, cwd=ROOT, check=True)
        found = subprocess.run(query, cwd=ROOT, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BenchError("cargo is missing: install a Rust toolchain") from error
    except subprocess.CalledProcessError as error:
        raise BenchError(f"{package} did not build") from error
    return Path(json.loads(found.stdout)["target_directory"], "release", package)


def run_cell(
    cell: Cell,
    mode: Mode,
    kinds: list[type[Gateway]],
    load: Path,
    rng: random.Random,
    *,
    may_rerun: Callable[[], bool] = lambda: True,
) -> CellResult:
    """Starts everything a cell needs, measures it, and ends it again, come what may."""
    print(f"{cell.name} …", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="codegate-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        bench = Bench.prepare(load, cell, mode, folder)
        stack.callback(bench.mock.stop)
        gateways = []
        void: list[Sample] = []
        for kind in kinds:
            gateway = kind()
            own = folder / gateway.name
            own.mkdir()
            stack.callback(gateway.stop)
            try:
                gateway.start(bench.upstream, own)
                bench.learn(gateway, own)
            except BenchError as error:
                if not gateway.is_peer:
                    raise BenchError(f"{gateway.name}: {error}") from error
                void.append(Sample.void(gateway.name, str(error)))
                gateway.stop()
                continue
            gateways.append(gateway)
        runs: list[CellRun] = []
        while not runs or (len(runs) < _PASSES and runs[-1].noise > NOISE and may_rerun()):
            rounds = _run_rounds(bench, gateways, rng)
            runs.append(CellRun(samples=[*rounds.samples, *void]))
        size = bench.body_file.stat().st_size
        return CellResult(cell=cell, body_bytes=size, runs=runs)


def _run_rounds(bench: Bench, gateways: list[Gateway], rng: random.Random) -> CellRun:
    """Every gateway once a round, in a new order each; a void one is not measured again."""
    samples: list[Sample] = []
    for number in range(1, bench.mode.rounds + 1):
        void = {sample.gateway for sample in samples if sample.failures}
        order = [gateway for gateway in gateways if gateway.name not in void]
        rng.shuffle(order)
        for place, gateway in enumerate(order):
            samples.append(bench.measure(gateway, number, place))
    return CellRun(samples=samples)


def _judge(run: RunResult) -> int:
    broken = voids(run)
    for line in broken:
        print(f"void: {line}", file=sys.stderr)
    missed = [verdict for verdict in verdicts(run) if not verdict.holds]
    for verdict in missed:
        print(f"goal missed: {verdict.name}: {verdict.value}", file=sys.stderr)
    return 1 if broken or missed else 0


def machine() -> dict[str, str]:
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "memory": f"{pages / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def commit() -> str:
    """The short hash of what was measured; `-dirty` when files beside our own output differ."""
    revision = _git("rev-parse", "--short=9", "HEAD")
    changes = _git("status", "--porcelain", "--untracked-files=no").splitlines()
    changed = [line for line in changes if not line.split(maxsplit=1)[-1].startswith(_OWN_OUTPUT)]
    return f"{revision or 'unknown'}{'-dirty' if changed else ''}"


def _git(*words: str) -> str:
    outcome = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return outcome.stdout.strip()


def save(run: RunResult, prefix: str = "") -> Path:
    """Writes the raw rounds; an earlier run of the same commit stays."""
    _RESULTS.mkdir(exist_ok=True)
    stem = f"{prefix}{run.date}-{run.commit}"
    path = _RESULTS / f"{stem}.json"
    number = 1
    while path.exists():
        number += 1
        path = _RESULTS / f"{stem}-{number}.json"
    path.write_text(run.to_json())
    return path


if __name__ == "__main__":
    sys.exit(main())
