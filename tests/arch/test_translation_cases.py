"""Which acceptance cases of translation have a test of their name, and which have none yet."""

from __future__ import annotations

import re

from tests.arch.tree import ROOT

WANTED = frozenset(
    {
        *(1, 3, 5, 6, 8, 9, 10, 11, 12, 13, 16, 19, 21, 22, 24, 25, 26, 28),
        *(30, 31, 32, 33, 34, 35, 36, 37, 38, 41, 48, 49, 51, 54, 55, 56, 57),
        *(65, 66, 67, 68, 70, 71, 72, 73, 74, 80, 81, 83, 84, 85, 86, 87, 89, 90, 91),
        *(94, 96, 97, 99, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110),
    }
)
WANTED_NEW = frozenset({1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 14, 15})

WITHOUT: frozenset[int] = frozenset()
WITHOUT_NEW: frozenset[int] = frozenset()
"""Those that have no test yet; nothing may be added to either."""

PAGE = ROOT / "docs" / "reference" / "translation-cases.md"

_TEST = re.compile(r"\b(?:fn|def) ((?:test_)?(?:case|n)_?\d+\w*)\(")
_ROW = re.compile(r"^\| (N?)(\d+)b? \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


def _named() -> tuple[dict[int, set[str]], dict[int, set[str]]]:
    """The tests of each number, of the old list and of the new one."""
    old: dict[int, set[str]] = {}
    new: dict[int, set[str]] = {}
    folders = (ROOT / "rust", ROOT / "tests" / "e2e")
    for file in (f for folder in folders for f in folder.rglob("*.[rp]*")):
        if file.suffix not in {".rs", ".py"}:
            continue
        for name in _TEST.findall(file.read_text()):
            bare = name.removeprefix("test_")
            for number in re.findall(r"(?:^|_)n(\d+)", bare):
                new.setdefault(int(number), set()).add(name)
            head = re.search(r"case((?:_\d+b?)+)", bare)
            for number in re.findall(r"\d+", head.group(1)) if head else ():
                old.setdefault(int(number), set()).add(name)
    return old, new


def test_the_list_of_cases_is_true() -> None:
    old, new = _named()
    assert sorted(WANTED - set(old)) == sorted(WITHOUT)
    assert sorted(WANTED_NEW - set(new)) == sorted(WITHOUT_NEW)


def test_the_page_names_the_tests_of_each_case() -> None:
    old, new = _named()
    shown: dict[tuple[str, int], set[str]] = {
        (kind, int(number)): set(re.findall(r"`(\w+)`", tests))
        for kind, number, tests in _ROW.findall(PAGE.read_text())
    }
    wanted = {("", n): old[n] for n in WANTED} | {("N", n): new[n] for n in WANTED_NEW}
    wanted[("", 15)] = old[15]
    assert shown == wanted
