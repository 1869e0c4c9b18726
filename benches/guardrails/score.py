"""What a scanner did to each line of the corpus, counted by category and held to the bars.

A value counts as found when it is gone from the masked text; of one over 40 characters no run of
24 may be left. A harmless line counts as altered when anything in it was taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from benches.guardrails.corpus import BARE, CATEGORIES, Case, Value

Finding = tuple[str, int, int]
Scan = Callable[[str], list[Finding]]

RECALL_BARS = {
    "email": 99.0,
    "phone": 97.0,
    "ssn": 99.0,
    "credit_card": 98.0,
    "iban": 99.0,
    "ip": 99.0,
    "api_key": 96.0,
    "aws_key": 99.0,
    "jwt": 99.0,
    "private_key": 99.0,
    "url_credentials": 99.0,
    "password": 90.0,
    "name": 85.0,
    "address": 85.0,
    "passport": 90.0,
}
MACRO_BAR = 95.0
HARMLESS_BARS = {"core": 2.0, "edge": 10.0}
INVALID_BAR = 5.0
CATEGORY_BAR = 95.0
CLEAN_BAR = 97.0
# Of the recall on bare lines, in percent: where a line stands must not matter.
CARRIED_BAR = 98.0

_LONG = 40
_WINDOW = 24
_MASKED = "\ufffc"


class ScanError(Exception):
    """The scanner's findings contradict each other or the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line with what was found in it; the booleans run beside ``case.values``."""

    case: Case
    findings: tuple[Finding, ...]
    found: tuple[bool, ...] = ()
    whole: tuple[bool, ...] = ()
    named: tuple[bool, ...] = ()
    is_clean: bool = True

    @property
    def passes(self) -> bool:
        """Whether nothing about this line is wrong."""
        if self.case.kind == "positive":
            return all(self.found) and all(self.named) and self.is_clean
        return not self.hits

    @property
    def hits(self) -> tuple[Finding, ...]:
        """Findings that must not be: on an invalid line only those of its own category."""
        if self.case.kind == "invalid":
            return tuple(f for f in self.findings if f[0] == self.case.name)
        return self.findings if self.case.kind == "harmless" else ()


def judge(case: Case, scan: Scan) -> Result:
    """Scans a line; raises `ScanError` where findings overlap, are empty or lie outside."""
    findings = tuple(sorted(scan(case.text), key=lambda finding: finding[1:]))
    _check(case, findings)
    masked = _mask(case.text, findings)
    return Result(
        case=case,
        findings=findings,
        found=tuple(_is_gone(case.text[v.start : v.end], masked) for v in case.values),
        whole=tuple(_is_covered(v, findings) for v in case.values),
        named=tuple(_is_named(v, findings) for v in case.values),
        is_clean=all(_takes_only_values(f, case.values) for f in findings),
    )


def _check(case: Case, findings: tuple[Finding, ...]) -> None:
    at = 0
    for category, start, end in findings:
        if category not in CATEGORIES:
            raise ScanError(f"{case.source}: unknown category {category}")
        if not at <= start < end <= len(case.text):
            raise ScanError(f"{case.source}: {category} at {start}:{end} overlaps or lies outside")
        at = end


def _mask(text: str, findings: tuple[Finding, ...]) -> str:
    parts, at = [], 0
    for _, start, end in findings:
        parts += [text[at:start], _MASKED]
        at = end
    return "".join([*parts, text[at:]])


def _is_gone(value: str, masked: str) -> bool:
    if len(value) <= _LONG:
        return value not in masked
    return not any(value[at : at + _WINDOW] in masked for at in range(len(value) - _WINDOW + 1))


def _is_covered(value: Value, findings: tuple[Finding, ...]) -> bool:
    return any(start <= value.start and value.end <= end for _, start, end in findings)


def _is_named(value: Value, findings: tuple[Finding, ...]) -> bool:
    return any(
        category in value.accepted and start < value.end and value.start < end
        for category, start, end in findings
    )


def _takes_only_values(finding: Finding, values: Iterable[Value]) -> bool:
    _, start, end = finding
    return any(value.clean[0] <= start and end <= value.clean[1] for value in values)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many, and in percent; without any, ``percent`` is None."""

    count: int
    total: int

    @property
    def percent(self) -> float | None:
        """0 to 100."""
        return 100 * self.count / self.total if self.total else None

    def reaches(self, bar: float) -> bool:
        """At least the bar, and there was something to measure."""
        return self.percent is not None and self.percent >= bar

    def exceeds(self, bar: float) -> bool:
        """Over the bar; nothing measured is over nothing."""
        return self.percent is not None and self.percent > bar


@dataclass(slots=True, kw_only=True)
class Score:
    """The counts of one part of the corpus; only `score` adds to them."""

    part: str
    lines: Counter[tuple[str, str]] = field(default_factory=Counter)
    good: Counter[tuple[str, str]] = field(default_factory=Counter)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    misses: list[Result] = field(default_factory=list)

    def share(self, measure: str, name: str) -> Share:
        """How often a measure held: recall, edge, whole, named, clean and invalid by category;
        core and hard (harmless lines altered) by kind; place (recall) by carrier.
        """
        return Share(self.good[measure, name], self.seen[measure, name])

    def total(self, measure: str) -> Share:
        """A measure over all categories or kinds."""
        return Share(
            sum(n for (m, _), n in self.good.items() if m == measure),
            sum(n for (m, _), n in self.seen.items() if m == measure),
        )

    @property
    def carried(self) -> Share:
        """Recall on core values inside carriers."""
        bare, every = self.share("place", BARE), self.total("place")
        return Share(every.count - bare.count, every.total - bare.total)

    @property
    def macro(self) -> float:
        """The mean of the categories' recall on core lines; a category without lines counts 0."""
        return sum(self.share("recall", c).percent or 0.0 for c in CATEGORIES) / len(CATEGORIES)

    def count(self, measure: str, name: str, is_good: bool) -> None:
        """One more line or value that was looked at for a measure."""
        self.seen[measure, name] += 1
        self.good[measure, name] += is_good


def score(cases: Iterable[Case], scan: Scan, part: str) -> Score:
    """Scans every line of a part."""
    result = Score(part=part)
    for case in cases:
        if case.part == part:
            _add(result, judge(case, scan))
    return result


def _add(score: Score, result: Result) -> None:
    case = result.case
    score.lines[case.kind, case.name] += 1
    if not result.passes:
        score.misses.append(result)
    if case.kind == "invalid":
        score.count("invalid", case.name, bool(result.hits))
        return
    if case.kind == "harmless":
        score.count("core" if case.tier == "core" else "hard", case.name, bool(result.hits))
        return
    if case.tier == "edge":
        for value, found in zip(case.values, result.found, strict=True):
            score.count("edge", value.category, found)
        return
    for value, found, whole, named in zip(
        case.values, result.found, result.whole, result.named, strict=True
    ):
        score.count("recall", value.category, found)
        score.count("place", case.carrier, found)
        if found:
            score.count("whole", value.category, whole)
            score.count("named", value.category, named)
    if any(result.found):
        score.count("clean", case.name, result.is_clean)


def shortfalls(score: Score) -> list[str]:
    """Each bar that is missed, in a line; empty when all hold."""
    missed = []
    for category, bar in RECALL_BARS.items():
        recall = score.share("recall", category)
        if not recall.reaches(bar):
            missed.append(f"{category}: recall {_percent(recall)}, at least {bar} is due")
        invalid = score.share("invalid", category)
        if invalid.exceeds(INVALID_BAR):
            missed.append(f"{category}: invalid {_percent(invalid)}, at most {INVALID_BAR}")
    if score.macro < MACRO_BAR:
        missed.append(f"macro recall {score.macro:.1f}, at least {MACRO_BAR} is due")
    for measure, bar in (("core", HARMLESS_BARS["core"]), ("hard", HARMLESS_BARS["edge"])):
        altered = score.total(measure)
        if altered.exceeds(bar):
            missed.append(f"harmless {measure} altered {_percent(altered)}, at most {bar}")
    bare = score.share("place", BARE).percent or 0.0
    if not score.carried.reaches(bare * CARRIED_BAR / 100):
        missed.append(f"in carriers {_percent(score.carried)}, of {bare:.1f} bare")
    for measure, bar in (("named", CATEGORY_BAR), ("clean", CLEAN_BAR)):
        whole = score.total(measure)
        if not whole.reaches(bar):
            missed.append(f"{measure} {_percent(whole)}, at least {bar} is due")
    return missed


def _percent(share: Share) -> str:
    return "-" if share.percent is None else f"{share.percent:.1f}"
