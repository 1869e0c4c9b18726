"""Each demand on guardrails has tests of its number, and the reference page names them all."""

from __future__ import annotations

import re

from tests.arch.tree import ROOT

PAGE = ROOT / "docs" / "reference" / "guardrail-cases.md"
WANTED = frozenset(range(1, 43))
WITHOUT = frozenset({41})
"""Those that have no test yet; nothing may be added."""

_TEST = re.compile(r"\b(?:fn|def) (?:test_)?((?:g\d+_)+\w*)\(")
_ROW = re.compile(r"^\| G(\d+) \|")
_NAME = re.compile(r"`((?:test_)?g\d+_\w+)`")


def named() -> dict[int, set[str]]:
    """The names of tests by the numbers in front of them."""
    found: dict[int, set[str]] = {}
    for folder in (ROOT / "rust", ROOT / "tests"):
        for file in folder.rglob("*.[rp]*"):
            if file.suffix not in {".rs", ".py"}:
                continue
            test = "test_" if file.suffix == ".py" else ""
            for name in _TEST.findall(file.read_text()):
                for number in re.findall(r"g(\d+)_", re.match(r"(?:g\d+_)+", name)[0]):  # type: ignore[index]
                    found.setdefault(int(number), set()).add(f"{test}{name}")
    return found


def test_every_demand_has_a_test() -> None:
    assert sorted(WANTED - set(named())) == sorted(WITHOUT)


def test_the_page_names_every_test() -> None:
    shown: dict[int, set[str]] = {}
    for line in PAGE.read_text().splitlines():
        row = _ROW.match(line)
        if row:
            shown[int(row[1])] = set(_NAME.findall(line))
    assert set(shown) == WANTED
    assert {number: names for number, names in shown.items() if names} == named()
