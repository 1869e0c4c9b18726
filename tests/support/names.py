"""A resolver that takes its time, put before the system's in a proxy under test."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("slow_names.c")


def slow_resolver(directory: Path) -> dict[str, str]:
    """Environment variables for a proxy that shall find names late (see ``slow_names.c``)."""
    library = directory / "slow_names.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"], check=True, timeout=60
    )
    return {"LD_PRELOAD": str(library)}
