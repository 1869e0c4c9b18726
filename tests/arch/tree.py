"""The repository's files, as the tests of this folder look at them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "python" / "codegate"
RUST = ROOT / "rust" / "src"

_TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod \w+ \{", re.MULTILINE)
_FUNCTION = re.compile(r"^( *)(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe )*fn (\w+)")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that belongs to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = listed.stdout.decode().split("\0")
    return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())


def files(folder: Path, suffix: str) -> Iterator[Path]:
    """The repository's files of one kind below ``folder``."""
    return (f for f in tracked() if f.suffix == suffix and f.is_relative_to(folder))


def name(path: object) -> str:
    """A path from the root on, for messages and test ids."""
    return str(path.relative_to(ROOT)) if isinstance(path, Path) else str(path)


def without_tests(path: Path) -> str:
    """A Rust file up to its test module."""
    text = path.read_text()
    found = _TESTS.search(text)
    return text[: found.start()] if found else text


def rust_functions(text: str) -> Iterator[tuple[str, int]]:
    """(name, lines) of each function, by rustfmt's indentation."""
    lines = text.splitlines()
    for start, line in enumerate(lines):
        match = _FUNCTION.match(line)
        if match is None or line.endswith(";"):
            continue
        closing = match.group(1) + "}"
        for end in range(start, len(lines)):
            if lines[end] == closing or (end == start and line.endswith("}")):
                yield match.group(2), end - start + 1
                break
            if lines[end].startswith(match.group(1) + ")") and lines[end].endswith(";"):
                # A trait's signature over several lines: it has no body.
                break
