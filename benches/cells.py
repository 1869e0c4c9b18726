"""What is measured: the cells, how long, and the goals that the gateway is held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benches.bodies import CHAT, MESSAGES

PATHS = {MESSAGES: "/v1/messages", CHAT: "/v1/chat/completions"}
OTHER = {MESSAGES: CHAT, CHAT: MESSAGES}

Answer = Literal["json", "burst", "paced"]
Tls = Literal["", "http/1.1", "h2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of body, answer, format and load."""

    name: str
    size: str
    wire_format: str
    connections: int
    #: A JSON document, all deltas of a stream at once, or one delta each 10 ms.
    answer: Answer = "json"
    #: The upstream speaks the other format. The floors cannot translate: they pass the client's.
    is_translated: bool = False
    #: What the upstream speaks under TLS; nothing for plain HTTP/1.1.
    tls: Tls = ""
    #: Gateways beside haproxy and the subject.
    beside: tuple[str, ...] = ()

    @property
    def is_stream(self) -> bool:
        return self.answer != "json"

    @property
    def is_paced(self) -> bool:
        return self.answer == "paced"

    @property
    def pace_ms(self) -> int:
        """Time between two deltas."""
        return 10 if self.is_paced else 0

    @property
    def unit(self) -> str:
        """What CPU time is divided by."""
        return "delta" if self.is_paced else "request"

    @property
    def upstream_format(self) -> str:
        """What the subject's upstream speaks."""
        return OTHER[self.wire_format] if self.is_translated else self.wire_format


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How long a run takes."""

    name: str
    rounds: int
    warmup_ms: int
    measure_ms: int
    #: Deltas of a paced stream, and streams of each connection in one measurement.
    deltas: int
    streams: int
    #: No cell is measured again after this long, and memory is looked at with so many streams.
    rerun_until_s: int
    idle_streams: int
    starts: int


BURST_DELTAS = 300
FLOORS = ("direct", "nginx")
RSGI = "codegate-rsgi"
#: Larger bodies are sent over fewer connections.
_CONNECTIONS = {"S": 64, "A": 16, "L": 8}
_SHORT = {MESSAGES: "messages", CHAT: "chat"}


def _same_format() -> Iterator[Cell]:
    for size, connections in _CONNECTIONS.items():
        for wire_format, short in _SHORT.items():
            yield Cell(
                name=f"{size}·J {short}",
                size=size,
                wire_format=wire_format,
                connections=connections,
                beside=(*FLOORS, RSGI) if size == "S" else FLOORS,
            )
    for wire_format, short in _SHORT.items():
        yield Cell(
            name=f"S·T {short}",
            size="S",
            wire_format=wire_format,
            connections=16,
            answer="burst",
            beside=FLOORS,
        )
    for streams in (64, 300):
        yield Cell(
            name=f"P{streams} messages",
            size="S",
            wire_format=MESSAGES,
            connections=streams,
            answer="paced",
            beside=FLOORS,
        )


def _translated() -> Iterator[Cell]:
    for wire_format, short in _SHORT.items():
        way = f"{short} to {_SHORT[OTHER[wire_format]]}"
        for size, connections in _CONNECTIONS.items():
            yield Cell(
                name=f"{size}·J {way}",
                size=size,
                wire_format=wire_format,
                connections=connections,
                is_translated=True,
                beside=(RSGI,) if size == "S" else (),
            )
        yield Cell(
            name=f"S·T {way}",
            size="S",
            wire_format=wire_format,
            connections=16,
            answer="burst",
            is_translated=True,
        )


def _others() -> Iterator[Cell]:
    yield Cell(
        name="S·J c=1 messages",
        size="S",
        wire_format=MESSAGES,
        connections=1,
        beside=(*FLOORS, RSGI),
    )
    protocols: tuple[tuple[Tls, str], ...] = (("http/1.1", "TLS"), ("h2", "TLS h2"))
    kinds: tuple[tuple[str, Answer], ...] = (("S·J", "json"), ("P64", "paced"))
    for tls, short in protocols:
        for kind, answer in kinds:
            yield Cell(
                name=f"{kind} messages {short}",
                size="S",
                wire_format=MESSAGES,
                connections=64,
                answer=answer,
                tls=tls,
            )


#: In which other gateways are measured.
PEER_CELLS = tuple(
    cell
    for cell in (*_same_format(), *_translated())
    if cell.is_translated or cell.name.startswith(("A·J", "L·J", "S·T"))
)

CELLS = (*_same_format(), *_translated(), *_others())

FULL = Mode(
    name="full",
    rounds=5,
    warmup_ms=400,
    measure_ms=2_000,
    deltas=300,
    streams=1,
    rerun_until_s=20 * 60,
    idle_streams=1_000,
    starts=5,
)
QUICK = Mode(
    name="quick",
    rounds=3,
    warmup_ms=250,
    measure_ms=700,
    deltas=100,
    streams=1,
    rerun_until_s=0,
    idle_streams=300,
    starts=3,
)

#: A cell whose reference moves more than this between rounds says little.
NOISE = 0.10
