"""What is measured: the cells, how long, and the limits that the gateway is held to."""

from __future__ import annotations

from dataclasses import dataclass

from benches.bodies import CHAT, MESSAGES

PATHS = {MESSAGES: "/v1/messages", CHAT: "/v1/chat/completions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of body, answer, format and load."""

    name: str
    size: str
    wire_format: str
    connections: int
    #: Time between two deltas of a stream; 0 for a JSON answer.
    pace_ms: int = 0

    @property
    def is_stream(self) -> bool:
        return self.pace_ms > 0

    @property
    def unit(self) -> str:
        """What CPU time is divided by."""
        return "delta" if self.is_stream else "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How long a run takes."""

    name: str
    rounds: int
    warmup_ms: int
    measure_ms: int
    #: Deltas of each stream, and streams of each connection in one measurement.
    deltas: int
    streams: int


CELLS = (
    Cell(name="S·J messages", size="S", wire_format=MESSAGES, connections=64),
    Cell(name="S·J chat", size="S", wire_format=CHAT, connections=64),
    Cell(name="A·J messages", size="A", wire_format=MESSAGES, connections=16),
    Cell(name="L·J messages", size="L", wire_format=MESSAGES, connections=8),
    Cell(name="P messages", size="S", wire_format=MESSAGES, connections=64, pace_ms=10),
)

FULL = Mode(name="full", rounds=5, warmup_ms=1_000, measure_ms=5_000, deltas=300, streams=1)
QUICK = Mode(name="quick", rounds=3, warmup_ms=500, measure_ms=2_000, deltas=100, streams=2)

#: Most CPU per unit that the gateway may use, as a multiple of haproxy in the same round.
LIMITS = {
    "S·J messages": 7.0,
    "S·J chat": 7.0,
    "A·J messages": 4.5,
    "L·J messages": 4.0,
    "P messages": 2.2,
}

#: A cell whose reference moves more than this between rounds says little.
NOISE = 0.10
