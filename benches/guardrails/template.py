"""Corpus lines with made-up values filled in, and where the values stand.

`«email»` is a value that must be masked, in the file's own category; `«name/name:de»` one of
another category; `«api_key+password/shape:h32»` one that either category may claim;
`«pem:rsa|json»` one spelt as inside a JSON string. `‹hex:40›` is filler that is nobody's secret.
What may be masked together with a value without harm stands in `⟨…⟩` with it. `⏎` and `⇥` are a
line break and a tab.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from benches.guardrails.generators import GENERATORS

_FIELD = re.compile(r"«([^»]+)»|‹([^›]+)›|(⟨)|(⟩)")
_SPELLINGS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "escaped": lambda text: json.dumps(text)[1:-1],
    "url": lambda text: quote(text, safe=""),
    "lower": str.lower,
    "upper": str.upper,
    "nospace": lambda text: text.replace(" ", ""),
    "diff": lambda text: text.replace("\n", "\n+"),
    "indent": lambda text: text.replace("\n", "\n    "),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Part of a line: text, categories it counts for, number of its `⟨…⟩` (0 for none)."""

    text: str
    categories: tuple[str, ...] = ()
    region: int = 0


def expand(template: str, category: str, chance: random.Random) -> list[Piece]:
    """The line in pieces; raises `KeyError` for a generator or spelling that does not exist."""
    pieces: list[Piece] = []
    region = regions = end = 0
    for match in _FIELD.finditer(template):
        _append(pieces, Piece(text=_plain(template[end : match.start()]), region=region))
        end = match.end()
        value, filler, opening, _ = match.groups()
        if opening:
            regions += 1
            region = regions
        elif value:
            names, _, call = value.rpartition("/")
            categories = tuple(names.split("+")) if names else (category,)
            _append(pieces, Piece(text=_call(call, chance), categories=categories, region=region))
        elif filler:
            _append(pieces, Piece(text=_call(filler, chance), region=region))
        else:
            region = 0
    _append(pieces, Piece(text=_plain(template[end:]), region=region))
    return pieces


def _append(pieces: list[Piece], piece: Piece) -> None:
    if piece.text:
        pieces.append(piece)


def _plain(text: str) -> str:
    return text.replace("⏎", "\n").replace("⇥", "\t")


def _call(text: str, chance: random.Random) -> str:
    """`name:argument|spelling`, with what the name generates."""
    text, _, spelling = text.partition("|")
    name, _, argument = text.partition(":")
    made = GENERATORS[name](chance, argument)
    return _SPELLINGS[spelling](made) if spelling else made
