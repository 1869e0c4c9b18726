"""Random strings from written shapes: `sk_live_{a24}` is that prefix and 24 letters or digits.

Vendors' keys are kept as such shapes, so that no file of the repository holds anything like a key.
"""

from __future__ import annotations

import random
import re
import string
import uuid
from functools import cache
from pathlib import Path

VENDORS = Path(__file__).parents[2] / "tests" / "corpus" / "guardrails" / "vendors.txt"
_FIELD = re.compile(r"\{([a-zA-Z]+)(\d*)\}")
_CLASSES = {
    "d": string.digits,
    "h": "0123456789abcdef",
    "H": "0123456789ABCDEF",
    "a": string.ascii_letters + string.digits,
    "A": string.ascii_letters,
    "l": string.ascii_lowercase,
    "L": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase,
    "u": string.ascii_uppercase + string.digits,
    "b": string.ascii_letters + string.digits + "_-",
    "x": string.ascii_letters + string.digits + "+/",
    "B": string.ascii_uppercase + "234567",
    # Bech32 in capitals, and the letters that German documents use.
    "q": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "c": "CFGHJKLMNPRTVWXYZ0123456789",
}


def fill(shape: str, chance: random.Random) -> str:
    """The shape with each `{class count}` drawn; raises `KeyError` for an unknown class."""

    def draw(match: re.Match[str]) -> str:
        name, count = match.group(1), match.group(2)
        if name == "uuid":
            return str(uuid.UUID(int=chance.getrandbits(128), version=4))
        return _run(_CLASSES[name], int(count or 1), chance)

    return _FIELD.sub(draw, shape)


def _run(alphabet: str, count: int, chance: random.Random) -> str:
    """``count`` characters; a long one without a digit where digits exist is drawn again."""
    wants_digit = count >= 12 and any(c.isdigit() for c in alphabet)
    while True:
        drawn = "".join(chance.choice(alphabet) for _ in range(count))
        if drawn[-1:] in "-_+/" or drawn[:1] in "-_+/":
            continue
        if not wants_digit or any(c.isdigit() for c in drawn):
            return drawn


@cache
def vendors() -> dict[str, tuple[str, ...]]:
    """Each vendor's shapes, by the name used in the corpus."""
    found: dict[str, list[str]] = {}
    for line in VENDORS.read_text().splitlines():
        if line and not line.startswith("#"):
            name, shape = line.split(maxsplit=1)
            found.setdefault(name, []).append(shape)
    return {name: tuple(shapes) for name, shapes in found.items()}
