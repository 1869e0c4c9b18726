"""Tables of a run in Markdown: printed at its end, and kept in the README between two marks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benches.cells import BURST_DELTAS
from benches.results import (
    REFERENCE,
    CellResult,
    Quartiles,
    Row,
    RunResult,
    rows,
    verdicts,
)

README = Path(__file__).with_name("README.md")
_MARKS = ("<!-- results: begin -->", "<!-- results: end -->")
_NONE = "-"

_JSON_HEAD = (
    "gateway",
    "CPU µs/request",
    "middle half",
    f"x {REFERENCE}",
    "middle half",
    "requests/s",
    "p50 ms",
    "p99 ms",
    f"p50 µs over {REFERENCE}",
    "RSS / peak MiB",
    "mock + client µs",
)
_STREAM_HEAD = (
    "gateway",
    "CPU µs/delta",
    "middle half",
    f"x {REFERENCE}",
    "middle half",
    "delta age µs p50 / p90 / p99",
    f"over {REFERENCE}",
    "first byte ms p50 / p99",
    "RSS / peak MiB",
    "mock + client µs",
)


def render(run: RunResult) -> str:
    """The whole report of a run."""
    lines = [*head_lines(run), "", *_goals(run)]
    for result in run.cells:
        lines += ["", *_cell(result)]
    return "\n".join(lines) + "\n"


def head_lines(run: RunResult) -> list[str]:
    """When, where and with what a run was made."""
    machine = run.machine
    return [
        f"{run.date}, commit `{run.commit}`, {run.mode.name} run: {run.mode.rounds} rounds, "
        f"seed {run.seed}. {machine['cpu']}, {machine['cores']} cores, {machine['memory']}, "
        f"Linux {machine['kernel']}; load average before the run {machine['load']}; "
        f"{run.seconds // 60} minutes.",
        "",
        " · ".join(f"{name} {version}" for name, version in run.versions.items() if version),
    ]


def write_readme(run: RunResult) -> None:
    """Puts the report of `run` between the marks of the README."""
    between_marks(_MARKS, render(run))


def between_marks(marks: tuple[str, str], text: str) -> None:
    """Puts `text` between two marks of the README."""
    before, begin, rest = README.read_text().partition(marks[0])
    _, end, after = rest.partition(marks[1])
    if not begin or not end:
        raise ValueError(f"{README.name} has lost the marks {' and '.join(marks)}")
    README.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


def _cell(result: CellResult) -> list[str]:
    cell = result.cell
    answer = {
        "json": "JSON answers",
        "burst": f"streams of {BURST_DELTAS} deltas at once",
        "paced": f"streams at {cell.pace_ms} ms a delta",
    }[cell.answer]
    if cell.is_translated:
        answer += f", translated ({REFERENCE} passes the client's format)"
    if cell.tls:
        answer += f", upstream over TLS with {cell.tls}"
    title = (
        f"**{cell.name}**: {result.body_bytes:,} byte bodies, {answer}, "
        f"{cell.connections} connections"
    )
    noise = f"{REFERENCE} moved {result.runs[-1].noise:.0%} between rounds"
    if len(result.runs) > 1:
        noise += f", {result.runs[0].noise:.0%} before the rerun"
    mark = " — **noisy**" if result.is_noisy else ""
    table = [_stream_row(row) if cell.is_paced else _json_row(row) for row in rows(result)]
    head = _STREAM_HEAD if cell.is_paced else _JSON_HEAD
    return [f"{title} ({noise}){mark}", "", *markdown(head, table)]


def _json_row(row: Row) -> list[str]:
    if row.void is not None:
        return [row.gateway, f"**void**: {row.void}"]
    latency = row.latency_us
    return [
        *_cost(row),
        _number(row.rps, ",.0f"),
        _millis(latency, "p50"),
        _millis(latency, "p99"),
        _number(row.latency_over_us, "+,.0f"),
        *_rest(row),
    ]


def _stream_row(row: Row) -> list[str]:
    if row.void is not None:
        return [row.gateway, f"**void**: {row.void}"]
    keys = ("p50", "p90", "p99")
    first = row.first_byte_us
    return [
        *_cost(row),
        " / ".join(_number(row.delta_age_us[key], ",.0f") for key in keys),
        " / ".join(_number(row.delta_age_over_us[key], "+,.0f") for key in keys),
        f"{_millis(first, 'p50')} / {_millis(first, 'p99')}",
        *_rest(row),
    ]


def _cost(row: Row) -> list[str]:
    return [
        row.gateway,
        _number(row.cpu_us.median if row.cpu_us else None, ",.1f"),
        _range(row.cpu_us, ",.1f"),
        _number(row.ratio.median if row.ratio else None, ".2f"),
        _range(row.ratio, ".2f"),
    ]


def _rest(row: Row) -> list[str]:
    memory = f"{_number(row.rss_mib, '.0f')} / {_number(row.peak_mib, '.0f')}"
    return [memory, _number(row.load_us, ",.1f")]


def _goals(run: RunResult) -> list[str]:
    found = verdicts(run)
    if not found:
        return []
    table = [
        [
            verdict.name,
            _NONE if verdict.must is None else f"{verdict.must:g}",
            f"{verdict.aim:g}",
            verdict.value,
            "aim met" if verdict.is_aim_met else "holds" if verdict.holds else "**missed**",
        ]
        for verdict in found
    ]
    return ["**Goals**", "", *markdown(("what", "must", "aim", "measured", ""), table)]


def markdown(head: tuple[str, ...], lines: list[list[str]]) -> list[str]:
    """A table; lines that are short get empty cells."""
    padded = [line + [""] * (len(head) - len(line)) for line in lines]
    rule = ["---", *["--:"] * (len(head) - 1)]
    return [f"| {' | '.join(line)} |" for line in ([*head], rule, *padded)]


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else format(value, form)


def _millis(times: Mapping[str, float | None], key: str) -> str:
    value = times[key]
    return _number(None if value is None else value / 1000, ".2f")


def _range(value: Quartiles | None, form: str) -> str:
    if value is None:
        return _NONE
    return f"{_number(value.low, form)}..{_number(value.high, form)}"
