"""Scores as text: the tables for people, and the list of what went wrong in the tuning part."""

from __future__ import annotations

from collections.abc import Sequence

from benches.guardrails.corpus import CATEGORIES
from benches.guardrails.score import RECALL_BARS, Result, Score, Share

_COLUMNS = ("recall", "edge", "whole", "named", "clean", "invalid")
_WIDEST = 300


def render(score: Score) -> str:
    """The tables of one part, in percent; a dash stands where nothing was measured."""
    rows = [["category", "lines", "recall", "bar", "edge", "whole", "named", "clean", "invalid"]]
    for category in CATEGORIES:
        cells = [_cell(score.share(column, category)) for column in _COLUMNS]
        cells.insert(1, f"{RECALL_BARS[category]:.0f}")
        rows.append([category, str(score.lines["positive", category]), *cells])
    totals = [_cell(score.total(column)) for column in _COLUMNS]
    lines = sum(n for (kind, _), n in score.lines.items() if kind == "positive")
    rows.append(["all", str(lines), totals[0], "", *totals[1:]])
    kinds = [["harmless", "lines", "core altered", "hard altered"]]
    for name in sorted(name for kind, name in score.lines if kind == "harmless"):
        shares = [_cell(score.share(measure, name)) for measure in ("core", "hard")]
        kinds.append([name, str(score.lines["harmless", name]), *shares])
    harmless = sum(n for (kind, _), n in score.lines.items() if kind == "harmless")
    kinds.append(["all", str(harmless), _cell(score.total("core")), _cell(score.total("hard"))])
    places = sorted(name for measure, name in score.seen if measure == "place")
    inside = [["carrier", "values", "recall"]]
    inside += [[p, str(score.seen["place", p]), _cell(score.share("place", p))] for p in places]
    title = f"{score.part.replace('_', ' ')}: macro recall {score.macro:.1f} on core lines"
    return "\n".join([title, "", *_aligned(rows), "", *_aligned(kinds), "", *_aligned(inside), ""])


def _cell(share: Share) -> str:
    return "-" if share.percent is None else f"{share.percent:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def misses(score: Score) -> str:
    """Each line that went wrong: source, tier, why, what was found, and the text."""
    return "\n".join(_miss(result) for result in score.misses)


def _miss(result: Result) -> str:
    case = result.case
    faults = [
        f"{fault} {value.category} {_shown(case.text[value.start : value.end])}"
        for value, found, named in zip(case.values, result.found, result.named, strict=True)
        for fault in (["missed"] if not found else [] if named else ["misnamed"])
    ]
    if not result.is_clean and case.kind == "positive":
        faults.append("took too much")
    if case.kind != "positive":
        faults.append("altered" if case.kind == "harmless" else "taken for valid")
    found = [f"{c} {_shown(case.text[start:end])}" for c, start, end in result.findings]
    return (
        f"{case.source} {case.tier}: {'; '.join(faults)}\n"
        f"    found: {', '.join(found) or 'nothing'}\n"
        f"    text:  {_shown(case.text)}"
    )


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _WIDEST else shown[:_WIDEST] + "…"
