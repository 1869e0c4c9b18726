"""The corpus of `tests/corpus/guardrails`: every line expanded, with its values' places.

A line of a file is a template (`template.py`). It is expanded several times with other values, the
first time as it stands, then inside carriers. All expansions of one line belong to one part, chosen
by the line's hash, so that nothing like a held-out line is seen while rules are tuned. `%%` lines
steer: `%% edge`, `%% core`, `%% times 3`, `%% bare` (no carriers) and `%% carried`; any other words
after `%%` are notes.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benches.guardrails.carriers import carry
from benches.guardrails.template import Piece, expand

ROOT = Path(__file__).parents[2] / "tests" / "corpus" / "guardrails"
CATEGORIES = (
    "email",
    "phone",
    "ssn",
    "credit_card",
    "iban",
    "ip",
    "api_key",
    "aws_key",
    "jwt",
    "private_key",
    "url_credentials",
    "password",
    "name",
    "address",
    "passport",
)
PARTS = ("tuning", "held_out")
KINDS = ("positive", "harmless", "invalid")
BARE = "bare"
_QUOTES = "\"'`\\"
_STEPS = {"positive": 3, "harmless": 3, "invalid": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value at ``start:end`` of its line's text; what ``clean`` spans may be taken with it."""

    category: str
    accepted: tuple[str, ...]
    start: int
    end: int
    clean: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One expanded line; ``name`` is its file: a category or a kind of harmless text."""

    kind: str
    name: str
    tier: str
    part: str
    source: str
    text: str
    values: tuple[Value, ...] = ()
    carrier: str = BARE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steering:
    tier: str = "core"
    times: int = 3
    is_bare: bool = False
    number: int = field(default=0)


def load(root: Path = ROOT) -> list[Case]:
    """Every case, the same ones in the same order on every machine."""
    cases: list[Case] = []
    for kind in KINDS:
        for file in sorted((root / kind).glob("*.txt")):
            cases += _read(file, kind)
    return cases


def part_of(template: str) -> str:
    """`held_out` for a third of all lines, by their hash."""
    digest = hashlib.sha256(template.encode()).digest()
    return PARTS[1] if int.from_bytes(digest[:8]) % 3 == 0 else PARTS[0]


def _read(file: Path, kind: str) -> Iterator[Case]:
    steering = _Steering(times=_STEPS[kind])
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if line.startswith("%%"):
            steering = _steer(steering, line)
        elif line.strip():
            steering = replace(steering, number=number)
            yield from _expansions(file, kind, line, steering)


def _steer(steering: _Steering, line: str) -> _Steering:
    words = line[2:].split()
    match words:
        case ["core" | "edge" as tier]:
            return replace(steering, tier=tier)
        case ["times", count]:
            return replace(steering, times=int(count))
        case ["bare" | "carried" as word]:
            return replace(steering, is_bare=word == "bare")
        case _:
            return steering


def _expansions(file: Path, kind: str, line: str, steering: _Steering) -> Iterator[Case]:
    for turn in range(steering.times):
        chance = random.Random(f"{file.stem}/{line}/{turn}")  # noqa: S311
        pieces = expand(line, file.stem, chance)
        carrier = BARE
        if turn and not steering.is_bare:
            carrier, pieces = carry(pieces, chance)
        text, values = _place(pieces)
        yield Case(
            kind=kind,
            name=file.stem,
            tier=steering.tier,
            part=part_of(line),
            source=f"{kind}/{file.name}:{steering.number}",
            text=text,
            values=values,
            carrier=carrier,
        )


def _place(pieces: list[Piece]) -> tuple[str, tuple[Value, ...]]:
    """The joined text, and each value with its offsets in it."""
    text = "".join(piece.text for piece in pieces)
    regions: dict[int, tuple[int, int]] = {}
    spans: list[tuple[Piece, int, int]] = []
    at = 0
    for piece in pieces:
        end = at + len(piece.text)
        if piece.region:
            regions[piece.region] = (regions.get(piece.region, (at, at))[0], end)
        if piece.categories:
            spans.append((piece, at, end))
        at = end
    return text, tuple(
        Value(
            category=piece.categories[0],
            accepted=piece.categories,
            start=start,
            end=end,
            clean=_with_quotes(text, *regions.get(piece.region, (start, end))),
        )
        for piece, start, end in spans
    )


def _with_quotes(text: str, start: int, end: int) -> tuple[int, int]:
    while start and text[start - 1] in _QUOTES:
        start -= 1
    while end < len(text) and text[end] in _QUOTES:
        end += 1
    return start, end
