"""The guardrail scorer, with scanners whose verdicts are known."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from benches.guardrails import __main__ as command
from benches.guardrails.corpus import CATEGORIES, Case, Value, load
from benches.guardrails.score import (
    RECALL_BARS,
    Finding,
    Scan,
    ScanError,
    Score,
    judge,
    score,
    shortfalls,
)
from benches.guardrails.table import misses, render

from codegate import native

CASES = load()
_BY_TEXT = {case.text: case for case in CASES}


def oracle(text: str) -> list[Finding]:
    """Finds exactly what the corpus says."""
    return [(v.category, v.start, v.end) for v in _BY_TEXT[text].values]


def blind(_text: str) -> list[Finding]:
    """Finds nothing."""
    return []


def greedy(text: str) -> list[Finding]:
    """Takes every line whole."""
    return [("password", 0, len(text))]


def line(text: str, value: str = "", *, category: str = "email", kind: str = "positive") -> Case:
    """One core line of the tuning part, with a value where one is named."""
    start = text.index(value)
    at = (start, start + len(value))
    found = Value(category=category, accepted=(category,), start=at[0], end=at[1], clean=at)
    return Case(
        kind=kind,
        name=category,
        tier="core",
        part="tuning",
        source="x:1",
        text=text,
        values=(found,) if value else (),
    )


def finding(category: str, start: int, end: int) -> Scan:
    """A scanner with one finding for every text."""
    return lambda _: [(category, start, end)]


@pytest.mark.parametrize("part", ["tuning", "held_out"])
def test_a_perfect_scanner_passes(part: str) -> None:
    result = score(CASES, oracle, part)
    assert shortfalls(result) == []
    assert result.macro == 100
    assert result.misses == []
    assert result.total("core").percent == 0
    assert result.total("clean").percent == 100


def test_a_blind_scanner_misses_every_recall() -> None:
    result = score(CASES, blind, "tuning")
    missed = shortfalls(result)
    assert [c for c in CATEGORIES if not any(m.startswith(f"{c}: recall") for m in missed)] == []
    assert any(m.startswith("macro recall 0.0") for m in missed)
    assert result.total("core").percent == 0


def test_where_a_line_stands_must_not_matter() -> None:
    def shy(text: str) -> list[Finding]:
        return oracle(text) if _BY_TEXT[text].carrier == "bare" else []

    result = score(CASES, shy, "tuning")
    assert result.share("place", "bare").percent == 100
    assert result.carried.percent == 0
    assert "in carriers 0.0, of 100.0 bare" in shortfalls(result)
    assert "numbered" in render(result)


def test_a_greedy_scanner_alters_everything() -> None:
    result = score(CASES, greedy, "held_out")
    assert result.total("core").percent == 100
    assert result.macro == 100
    missed = shortfalls(result)
    for start in ("harmless core", "harmless hard", "password: invalid", "named", "clean"):
        assert any(m.startswith(start) for m in missed), start


def test_parts_do_not_mix() -> None:
    tuning, held = (score(CASES, blind, part) for part in ("tuning", "held_out"))
    assert sum(tuning.lines.values()) + sum(held.lines.values()) == len(CASES)
    assert {r.case.part for r in tuning.misses} == {"tuning"}


@pytest.mark.parametrize(
    ("category", "start", "end", "found", "named", "whole", "clean"),
    [
        ("email", 3, 10, True, True, True, True),
        ("phone", 3, 10, True, False, True, True),
        ("email", 0, 10, True, True, True, False),
        ("email", 3, 12, True, True, True, False),
        ("email", 4, 10, True, True, False, True),
        ("email", 0, 2, False, False, False, False),
    ],
    ids=["exact", "misnamed", "before", "behind", "part", "elsewhere"],
)
def test_verdicts(
    category: str, start: int, end: int, found: bool, named: bool, whole: bool, clean: bool
) -> None:
    result = judge(line("to bo@x.io ok", "bo@x.io"), finding(category, start, end))
    assert (result.found, result.named) == ((found,), (named,))
    assert (result.whole, result.is_clean) == ((whole,), clean)


def test_a_value_left_elsewhere_is_not_gone() -> None:
    case = line("bo@x.io and bo@x.io", "bo@x.io")
    assert judge(case, finding("email", 0, 7)).found == (False,)


@pytest.mark.parametrize(("taken", "found"), [(20, False), (40, True)])
def test_a_long_value_leaves_no_run(taken: int, found: bool) -> None:
    """Sixty characters: forty left show, twenty left do not."""
    value = "".join(chr(65 + i % 26) + str(i % 10) for i in range(30))
    case = line(f"k={value}", value, category="api_key")
    assert judge(case, finding("api_key", 2, 2 + taken)).found == (found,)


@pytest.mark.parametrize(
    "findings",
    [
        [("email", 0, 0)],
        [("email", 0, 99)],
        [("email", -1, 2)],
        [("email", 0, 5), ("phone", 4, 6)],
        [("parcel", 0, 1)],
    ],
    ids=["empty", "outside", "before", "overlap", "unknown"],
)
def test_contradictory_findings_are_refused(findings: list[Finding]) -> None:
    with pytest.raises(ScanError):
        judge(line("to bo@x.io", "bo@x.io"), lambda _: findings)


def test_an_invalid_line_counts_its_own_category_only() -> None:
    case = line("card 4111", category="credit_card", kind="invalid")
    assert judge(case, finding("credit_card", 5, 9)).hits
    assert not judge(case, finding("phone", 5, 9)).hits


def test_a_category_without_lines_misses_its_bar() -> None:
    missed = shortfalls(Score(part="tuning"))
    assert len([m for m in missed if ": recall" in m]) == len(RECALL_BARS)


@pytest.mark.parametrize(("good", "holds"), [(99, True), (98, False)])
def test_the_bar_itself_is_enough(good: int, holds: bool) -> None:
    result = Score(part="tuning")
    for n in range(100):
        result.count("recall", "email", n < good)
    assert any(m.startswith("email: recall") for m in shortfalls(result)) != holds


def test_tables_and_misses() -> None:
    result = score(CASES, blind, "tuning")
    table = render(result)
    assert all(category in table for category in CATEGORIES)
    assert "macro recall 0.0" in table
    listed = misses(result)
    held = [case.text for case in CASES if case.part == "held_out" and len(case.text) > 30]
    assert "positive/email.txt:" in listed
    assert not any(repr(text) in listed for text in held)


def run(monkeypatch: pytest.MonkeyPatch, scan: Scan | None, *arguments: str) -> int:
    """The command with a build that has this scanner, or none."""
    if scan is None:
        monkeypatch.delattr(native, "scan", raising=False)
    else:
        monkeypatch.setattr(native, "scan", scan, raising=False)
    monkeypatch.setattr("sys.argv", ["guardrails", *arguments])
    return command.main()


def test_command_without_a_scanner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, None) == 1
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "scan" in out


def test_command_does_not_wait_for_ever() -> None:
    script = (
        "import time; from benches.guardrails import __main__ as command;"
        "from codegate import native;"
        "native.scan = lambda text: time.sleep(50); command.PATIENCE_S = 0.5; command.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 1
    assert "in judge" in ended.stderr


def test_command_passes_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, oracle) == 0
    out = capsys.readouterr().out
    assert "tuning: macro recall 100.0" in out
    assert "held out: macro recall 100.0" in out
    target = tmp_path / "misses.txt"
    assert run(monkeypatch, blind, "--misses", str(target)) == 1
    assert "missed: held_out: email: recall 0.0" in capsys.readouterr().out
    held = {case.source for case in CASES if case.part == "held_out"}
    listed = target.read_text()
    assert "positive/iban.txt:" in listed
    assert not any(f"{source} " in listed for source in held)
