"""Counts of instructions: what is read of the dumps, and what is held against the figures."""

from __future__ import annotations

import pytest
from benches.instructions import Figures, compare, table, total_of

DUMP = """\
creator: callgrind-3.19.0
part: 2

desc: Trigger: {trigger}

events: Ir
summary: 2944217
totals: 2944217
"""


@pytest.mark.parametrize(
    ("trigger", "total"),
    [
        ("--dump-after=codegate_counts::measured", 2944217),
        ("--dump-after=codegate_counts::prepared", None),
        ("Program termination", None),
    ],
)
def test_only_what_a_stage_did_is_counted(trigger: str, total: int | None) -> None:
    assert total_of(DUMP.format(trigger=trigger)) == total


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"edit": 1250, "tap": 80}, []),
        ({"edit": 1251, "tap": 80}, ["edit takes 1,251 instructions, +25% of 1,000"]),
        ({"edit": 10, "tap": 80}, []),
        ({"edit": 1000}, ["tap has a figure, but was not counted"]),
        ({"edit": 1, "tap": 1, "new": 1}, ["new has no figure: UPDATE=1 makes one"]),
    ],
    ids=["a quarter more", "beyond it", "less", "a stage is gone", "a stage is new"],
)
def test_a_stage_is_held_to_its_figure(found: dict[str, int], said: list[str]) -> None:
    assert compare({"edit": 1000, "tap": 80}, found) == said


def test_the_table_shows_each_stage_beside_its_figure() -> None:
    due = Figures(processor="p", compiler="rustc 1", counts={"edit": 1000})
    now = Figures(processor="p", compiler="rustc 2", counts={"edit": 1100, "tap": 5})
    assert table(due, now).splitlines()[-2:] == [
        "| edit | 1,000 | 1,100 | +10.0% |",
        "| tap | 0 | 5 | new |",
    ]
