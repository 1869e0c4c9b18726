"""The store of wire examples: `tests/corpus/<format>/{requests,responses,streams}/`."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent / "corpus"
FORMATS = ("anthropic_messages", "openai_chat")

Split = Callable[[bytes], list[bytes]]


def examples(kind: str, suffix: str) -> list[tuple[str, Path]]:
    """(format, file) of every example of a kind, in a stable order."""
    found = []
    for wire_format in FORMATS:
        files = sorted((ROOT / wire_format / kind).glob(f"*{suffix}"))
        assert files, f"no {kind} of {wire_format}"
        found += [(wire_format, file) for file in files]
    return found


def name(example: object) -> str:
    """A test id for one example's part."""
    return example.stem if isinstance(example, Path) else str(example)


def whole(data: bytes) -> list[bytes]:
    """Uncut."""
    return [data]


def bytewise(data: bytes) -> list[bytes]:
    """One byte a piece."""
    return [data[i : i + 1] for i in range(len(data))]


def at(*cuts: int) -> Split:
    """Cut at these offsets."""

    def split(data: bytes) -> list[bytes]:
        edges = [0, *sorted(c for c in set(cuts) if 0 < c < len(data)), len(data)]
        return [data[a:b] for a, b in pairwise(edges)]

    return split


def randomly(seed: int) -> Split:
    """Cut at random offsets, the same ones for the same seed and length."""

    def split(data: bytes) -> list[bytes]:
        chance = random.Random(f"{seed}/{len(data)}")
        count = chance.randint(1, max(1, min(40, len(data) - 1)))
        return at(*(chance.randrange(1, max(2, len(data))) for _ in range(count)))(data)

    return split


SPLITS: dict[str, Split] = {
    "whole": whole,
    "bytewise": bytewise,
    **{f"random{seed}": randomly(seed) for seed in range(4)},
}
