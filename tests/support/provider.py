"""The mock provider in a process of its own, for loads that this one should not share."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def provider_process(*flags: str) -> Iterator[str]:
    """Runs it for the length of a block; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "codegate.mock", *flags], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
