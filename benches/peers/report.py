"""What a run beside peers adds up to: each one's CPU time as a multiple of CodeGate's and of
haproxy's of the same round, and the cells in which CodeGate is behind. Who does less than CodeGate
is shown and not judged."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from benches.goals import SUBJECT
from benches.measure import Sample
from benches.peers.gateways import PEERS
from benches.report import between_marks, head_lines, markdown
from benches.results import REFERENCE, CellResult, RunResult, rows

_LESS = {peer.name for peer in PEERS if peer.does_less}
_MARKS = ("<!-- peers: begin -->", "<!-- peers: end -->")


def render(run: RunResult) -> str:
    """The whole report of a run."""
    names = [name for name in run.versions if name not in (REFERENCE, SUBJECT)]
    head = ("cell", f"{REFERENCE} µs", SUBJECT, *names, "least lead")
    lines = [*head_lines(run), "", "CPU time of a request as a multiple of haproxy's; in brackets"]
    lines[-1] += f" as a multiple of {SUBJECT}'s. Medians of the ratios within a round."
    if less := [name for name in names if name in _LESS]:
        lines[-1] += (
            f" {', '.join(less)} does less for a request and has no part in the least lead."
        )
    lines += ["", *markdown(head, [_line(result, names) for result in run.cells])]
    void = [
        f"- {result.cell.name}, {row.gateway}: {row.void}"
        for result in run.cells
        for row in rows(result)
        if row.void is not None
    ]
    if void:
        lines += ["", "Void, for one wrong answer is one too many:", "", *void]
    return "\n".join(lines) + "\n"


def write_readme(run: RunResult) -> None:
    """Puts the report of `run` between its marks of the README."""
    between_marks(_MARKS, render(run))


def behind(run: RunResult) -> list[str]:
    """Where a peer that does the same work takes no more CPU time than CodeGate, or CodeGate's own
    answers were wrong."""
    faults = []
    for result in run.cells:
        for row in rows(result):
            if row.void is not None and row.gateway in (SUBJECT, REFERENCE):
                faults.append(f"{result.cell.name}: {row.gateway} is void: {row.void}")
        for name, lead in leads(result).items():
            if lead <= 1 and name not in _LESS:
                faults.append(f"{result.cell.name}: {name} takes {lead:.2f} of {SUBJECT}'s CPU")
    return faults


def leads(result: CellResult) -> dict[str, float]:
    """CPU time of each peer with right answers as a multiple of CodeGate's, by its name."""
    samples = result.runs[-1].samples
    mine = _by_round(samples, SUBJECT)
    void = {row.gateway for row in rows(result) if row.void is not None}
    found = {}
    for name in dict.fromkeys(sample.gateway for sample in samples):
        if name in (SUBJECT, REFERENCE) or name in void:
            continue
        theirs = _by_round(samples, name)
        ratios = [
            theirs[number].cpu_us / mine[number].cpu_us for number in theirs if number in mine
        ]
        if ratios:
            found[name] = statistics.median(ratios)
    return found


def _by_round(samples: list[Sample], name: str) -> Mapping[int, Sample]:
    return {s.round: s for s in samples if s.gateway == name and not s.failures and s.cpu_us > 0}


def _line(result: CellResult, names: list[str]) -> list[str]:
    known = {row.gateway: row for row in rows(result)}
    found = leads(result)
    cpu = known[REFERENCE].cpu_us
    line = [result.cell.name + (" (noisy)" if result.is_noisy else "")]
    line.append(f"{cpu.median:,.1f}" if cpu and known[REFERENCE].void is None else "void")
    for name in (SUBJECT, *names):
        row = known.get(name)
        if row is None or row.void is not None or row.ratio is None:
            line.append("void")
        else:
            lead = f" ({found[name]:.2f})" if name in found else ""
            line.append(f"{row.ratio.median:,.2f}{lead}")
    judged = [lead for name, lead in found.items() if name not in _LESS]
    line.append(f"{min(judged):.2f}" if judged else "no peer")
    return line
