"""The places where agent traffic puts a line: files as tools show them, diffs, logs, JSON strings.

A carrier adds text of its own around the pieces and may spell them anew; it adds nothing that needs
masking, and nothing that tells what the value is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace

from benches.guardrails.filler import identifier, moment, path
from benches.guardrails.template import Piece

Carrier = Callable[[list[Piece], random.Random], list[Piece]]

_CODE = (
    "import os",
    "# generated, do not edit",
    "def total(rows: list[int]) -> int:",
    "    return sum(rows) // 3",
    "for item in queue.drain():",
    "    if item.is_done: continue",
    "}",
    "",
    "---",
    "const limit = 250;",
    "if err != nil { return err }",
    "assert_eq!(left.len(), 12);",
    "echo done && exit 0",
    "retries: 4",
    "    timeout_ms: 30000",
)


def _around(before: str, pieces: list[Piece], after: str = "") -> list[Piece]:
    return [Piece(text=before), *pieces, *([Piece(text=after)] if after else [])]


def _each(pieces: list[Piece], spell: Callable[[str], str]) -> list[Piece]:
    return [replace(piece, text=spell(piece.text)) for piece in pieces]


def _in_json(pieces: list[Piece]) -> list[Piece]:
    return _each(pieces, lambda text: json.dumps(text, ensure_ascii=False)[1:-1])


def tool_result(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """A tool's answer that was itself JSON when it was put into a string."""
    start = f'{{"tool_use_id":"{identifier(chance, "toolu")}","type":"tool_result","content":"'
    return _around(start, _in_json(pieces), '"}')


def command_output(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """What a command printed, as agents report it."""
    start = f'{{"exit_code":0,"duration_ms":{chance.randint(3, 900)},"stdout":"'
    return _around(start, _in_json(pieces), '\\n","stderr":""}')


def numbered(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """A line of a file with its number, as file readers show it."""
    joint = chance.choice(["\t", "→", " | "])
    return _around(f"{chance.randint(1, 400):6}{joint}", pieces)


def found(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """A hit of a search through files."""
    return _around(f"{path(chance)}:{chance.randint(1, 400)}: ", pieces)


def added(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """An added line of a diff."""
    first = chance.randint(1, 300)
    return _around(f"@@ -{first},4 +{first},5 @@\n+", pieces, "\n ")


def quoted(pieces: list[Piece], _chance: random.Random) -> list[Piece]:
    """A quotation in Markdown or mail."""
    return _around("> ", pieces)


def fenced(pieces: list[Piece], _chance: random.Random) -> list[Piece]:
    """A fenced block in Markdown."""
    return _around("Here it is:\n\n```\n", pieces, "\n```\n")


def logged(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """Behind a log line's head."""
    level = chance.choice(["INFO", "DEBUG", "WARN"])
    return _around(f"{moment(chance)} {level} [{chance.choice(['http-4', 'main'])}] ", pieces)


def windows(pieces: list[Piece], _chance: random.Random) -> list[Piece]:
    """With CRLF line ends, between two other lines."""
    broken = _each(pieces, lambda text: text.replace("\n", "\r\n"))
    return _around("see below\r\n", broken, "\r\nend of note\r\n")


def indented(pieces: list[Piece], _chance: random.Random) -> list[Piece]:
    """Deep in some structure."""
    return _around(" " * 8, pieces)


def among(pieces: list[Piece], chance: random.Random) -> list[Piece]:
    """Between lines of code that have nothing to do with it."""
    lines = chance.sample(_CODE, len(_CODE))
    cut = chance.randint(1, len(lines) - 1)
    return _around("\n".join([*lines[:cut], ""]), pieces, "\n".join(["", *lines[cut:]]))


ONE_LINE: tuple[Carrier, ...] = (numbered, found, added, quoted, logged, indented)
ANY: tuple[Carrier, ...] = (tool_result, command_output, fenced, windows, among)


def carry(pieces: list[Piece], chance: random.Random) -> tuple[str, list[Piece]]:
    """The name of a carrier that suits the pieces, and the pieces in it."""
    is_one_line = all("\n" not in piece.text for piece in pieces)
    carrier = chance.choice([*ANY, *ONE_LINE] if is_one_line else ANY)
    return carrier.__name__, carrier(pieces, chance)
