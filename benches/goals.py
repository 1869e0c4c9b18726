"""What the gateway is held to: figures that must be reached, and those aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benches.cells import CELLS, RSGI

SUBJECT = "codegate"

Kind = Literal["ratio", "latency", "age", "plain"]
"""CPU time as a multiple of haproxy; microseconds of the median over haproxy, of an answer or of a
delta's age; the ratio as a multiple of that of the same cell without TLS. All within one round."""

UNITS = {"ratio": "H", "latency": "µs", "age": "µs", "plain": "x plain"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Of one gateway in one cell."""

    cell: str
    must: float
    aim: float
    kind: Kind = "ratio"
    gateway: str = SUBJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class FootprintGoal:
    """Of a figure that belongs to no cell."""

    name: str
    unit: str
    must: float | None
    aim: float


def _goals() -> tuple[Goal, ...]:
    goals = []
    for cell in CELLS:
        goals += _of(cell.name, is_translated=cell.is_translated, is_tls=bool(cell.tls))
    return tuple(goals)


def _of(name: str, *, is_translated: bool, is_tls: bool) -> list[Goal]:
    if is_tls:
        return [Goal(cell=name, kind="plain", must=1.5, aim=1.2)]
    if "c=1" in name:
        return [
            Goal(cell=name, kind="latency", must=190, aim=130),
            Goal(cell=name, kind="latency", must=140, aim=100, gateway=RSGI),
        ]
    kind = name.split()[0]
    if is_translated:
        must, aim = {"S·J": (6.0, 5.4), "S·T": (14.0, 9.0), "A·J": (8.0, 5.0), "L·J": (8.0, 4.0)}[
            kind
        ]
        rsgi = [Goal(cell=name, must=5.4, aim=4.8, gateway=RSGI)] if kind == "S·J" else []
        return [Goal(cell=name, must=must, aim=aim), *rsgi]
    if kind.startswith("P"):
        ratio = Goal(cell=name, must=1.5, aim=1.2)
        return [ratio, Goal(cell=name, kind="age", must=30, aim=20)] if kind == "P64" else [ratio]
    must, aim = {"S·J": (5.5, 4.5), "S·T": (5.0, 4.0), "A·J": (3.5, 2.8), "L·J": (2.8, 2.1)}[kind]
    rsgi = [Goal(cell=name, must=4.5, aim=3.8, gateway=RSGI)] if kind == "S·J" else []
    return [Goal(cell=name, must=must, aim=aim), *rsgi]


GOALS = _goals()

FOOTPRINT_GOALS = (
    FootprintGoal(name="idle worker", unit="MB", must=80, aim=65),
    FootprintGoal(name="idle process tree", unit="MB", must=130, aim=100),
    FootprintGoal(name="idle stream", unit="KB", must=40, aim=32),
    FootprintGoal(name="1 MB request in flight", unit="MB", must=2.0, aim=1.3),
    FootprintGoal(name="kept after 64 of them", unit="MB", must=None, aim=16.0),
    FootprintGoal(name="cold start to first 200", unit="s", must=1.5, aim=0.8),
)
