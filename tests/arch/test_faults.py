"""The page of faults and the tests that carry a fault's number say the same."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.arch.tree import ROOT, RUST, files

PAGE = ROOT / "docs" / "reference" / "faults.md"
_TEST = re.compile(r"(?:def test_|fn )((?:[fs]\d+_)+)")
_ROW = re.compile(r"^\| ([FS]\d+) \|(.*)\|$", re.MULTILINE)
_FILE = re.compile(r"`([\w/]+\.(?:py|rs))`")


def named_tests() -> dict[str, set[Path]]:
    """By number, the files with tests of it."""
    found = defaultdict(set)
    for file in (
        *files(ROOT / "tests", ".py"),
        *files(ROOT / "rust" / "tests", ".rs"),
        *files(RUST, ".rs"),
    ):
        for match in _TEST.finditer(file.read_text()):
            for number in match.group(1).rstrip("_").split("_"):
                found[number.upper()].add(file)
    return found


def shown() -> dict[str, set[Path]]:
    """By number, the files that its row names; a row each."""
    rows = _ROW.findall(PAGE.read_text())
    assert len(rows) == len({number for number, _ in rows}), "a number has two rows"
    return {number: {located(name) for name in _FILE.findall(text)} for number, text in rows}


def located(name: str) -> Path:
    """A file of the page; without a folder it is one of the end-to-end tests."""
    return ROOT / name if "/" in name else ROOT / "tests" / "e2e" / name


@pytest.mark.parametrize("number", sorted(named_tests()))
def test_every_numbered_test_has_a_row_that_leads_to_one(number: str) -> None:
    assert number in shown(), f"docs/reference/faults.md needs a row for {number}"
    assert named_tests()[number] & shown()[number], f"the row of {number} names other files"


@pytest.mark.parametrize("number", sorted(shown()))
def test_every_row_names_tests_that_are_there(number: str) -> None:
    assert number in named_tests(), f"no test carries the number {number}"
    assert not {f for f in shown()[number] if not f.is_file()}
