"""Points in time as people write them on a command line."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import typer

_AGO = re.compile(r"(\d{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def since_ms(text: str) -> int:
    """Milliseconds since 1970 of ``90m``, ``2h``, ``7d``, ``2026-11-21`` or a full ISO time.

    Times without a zone are UTC; before 1970 is 1970. Raises a usage error for anything else.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return max(0, int((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1000))
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"--since: {text!r} is neither a duration (90m, 2h, 7d) nor a date"
        ) from None
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=UTC)
    return max(0, int(stamp.timestamp() * 1000))
