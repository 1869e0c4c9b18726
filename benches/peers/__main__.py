"""`python -m benches.peers [--quick]`: CodeGate beside other gateways and haproxy.

Exit 0 when CodeGate takes less CPU time for a request than every peer that gave right answers, 1
when it does not, when its own answers were wrong, or when a program is missing.
"""

from __future__ import annotations

import argparse
import datetime
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from benches.cells import FULL, PEER_CELLS, QUICK
from benches.gateways import GATEWAYS, Codegate, Gateway, Haproxy
from benches.peers.gateways import PEERS
from benches.peers.report import behind, render, write_readme
from benches.process import BenchError
from benches.results import RunResult
from benches.run import ROOT, build_load, check_cores, commit, machine, run_cell, save


def main() -> int:
    """Installs what is missing and runs, or renders a stored run."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.render:
            write_readme(RunResult.load(options.render))
            return 0
        return _bench(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(prog="benches.peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--peers", default=",".join(names), help=f"some of: {', '.join(names)}")
    parser.add_argument("--cells", default="", help="only cells whose name begins so: S,A,L")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=9212, help="of the order within a round")
    parser.add_argument("--no-save", action="store_true", help="print only")
    parser.add_argument("--render", type=Path, help="put a stored run into the README")
    return parser.parse_args()


def _bench(options: argparse.Namespace) -> int:
    mode = QUICK if options.quick else FULL
    if options.rounds:
        mode = replace(mode, rounds=options.rounds)
    gateways = _gateways(options.peers)
    check_cores()
    versions = {gateway.name: gateway.version() for gateway in gateways}
    found_on, load = machine(), build_load()
    rng = random.Random(options.seed)  # noqa: S311
    begun = time.monotonic()
    cells = [cell for cell in PEER_CELLS if cell.name.startswith(tuple(options.cells.split(",")))]
    # A cell that was noisy stays so: one more pass of slow gateways takes too long.
    results = [run_cell(cell, mode, gateways, load, rng, may_rerun=lambda: False) for cell in cells]
    run = RunResult(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        commit=commit(),
        mode=mode,
        seed=options.seed,
        machine=found_on,
        versions=versions,
        cells=results,
        footprint={},
        seconds=round(time.monotonic() - begun),
    )
    print(render(run))
    if not options.no_save:
        print(f"raw rounds: {save(run, 'peers-').relative_to(ROOT)}")
        if not options.quick and not options.cells and len(gateways) == len(PEERS) + 2:
            write_readme(run)
    faults = behind(run)
    for fault in faults:
        print(f"peers: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _gateways(wanted: str) -> list[type[Gateway]]:
    """The reference, the subject and the named peers, all of them installed."""
    known = {peer.name: peer for peer in PEERS}
    names = wanted.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BenchError(f"unknown peer: {unknown[0]} (known: {', '.join(known)})")
    gateways: list[type[Gateway]] = [GATEWAYS[Haproxy.name], GATEWAYS[Codegate.name]]
    for gateway in gateways:
        reason = gateway.missing()
        if reason:
            raise BenchError(reason)
    return [*gateways, *(known[name] for name in names)]


if __name__ == "__main__":
    sys.exit(main())
