"""`python -m benches.peers [--quick]`: CodeGate beside other gateways and haproxy.

Exit 0 when CodeGate takes less CPU time for a request than every peer that is judged and gave right
answers, 1 when it does not, when its own answers were wrong, or when a program is missing.
"""

from __future__ import annotations

import argparse
import datetime
import random
import sys
import time
from dataclasses import replace

from benches.cells import FULL, PEER_CELLS, QUICK
from benches.gateways import GATEWAYS, Codegate, Gateway, Haproxy
from benches.peers.gateways import PEERS
from benches.peers.report import behind, render, write_readme
from benches.process import BenchError
from benches.results import RunResult
from benches.run import (
    ROOT,
    argument_parser,
    build_load,
    check_cores,
    commit,
    machine,
    run_cell,
    run_or_render,
    save,
)


def main() -> int:
    """Installs what is missing and runs, or renders a stored run."""
    parser = argument_parser("benches.peers", __doc__)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--peers", default=",".join(names), help=f"some of: {', '.join(names)}")
    return run_or_render(parser.parse_args(), _bench, write_readme)


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
