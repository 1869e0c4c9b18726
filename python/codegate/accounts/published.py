"""The health of accounts as a running proxy shows it to commands: a small file.

It needs no address and no key of the proxy, and is there also while that is too busy to answer.
A proxy that ended takes it along; what one left that was killed is told by its process id.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from codegate.accounts.health import State
from codegate.storage.files import replace_private

FILE_NAME = "health.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One account or key. ``until_ms`` is the end of its cooldown, since 1970."""

    state: State
    reason: str = ""
    until_ms: int | None = None
    faults: int = 0
    updated_ms: int = 0
    """The change of the account that is in force."""
    keys: tuple[Published, ...] = ()
    """Of an account with several, in their order."""


def publish(data_dir: Path, accounts: Mapping[str, Published]) -> None:
    """Replace what is shown. Raises ``ConfigError``."""
    document = {
        "pid": os.getpid(),
        "written_ms": time.time_ns() // 1_000_000,
        "accounts": {name: asdict(shown) for name, shown in accounts.items()},
    }
    text = orjson.dumps(document).decode("utf-8")
    replace_private(data_dir / FILE_NAME, text, is_durable=False)


def withdraw(data_dir: Path) -> None:
    """Show nothing any more."""
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def published(data_dir: Path) -> dict[str, Published] | None:
    """What the running proxy shows, by account; ``None`` where none runs."""
    try:
        document = orjson.loads((data_dir / FILE_NAME).read_bytes())
        if not _is_alive(int(document["pid"])):
            return None
        return {name: _read(shown) for name, shown in document["accounts"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read(shown: Mapping[str, Any]) -> Published:
    found = Published(
        state=shown["state"],
        reason=str(shown["reason"]),
        until_ms=shown["until_ms"],
        faults=int(shown["faults"]),
        updated_ms=int(shown["updated_ms"]),
        keys=tuple(_read(key) for key in shown["keys"]),
    )
    has_ended = found.until_ms is not None and found.until_ms <= time.time() * 1000
    # Time alone ends a cooldown; the proxy has nothing to write then.
    return replace(found, state="probing", until_ms=None) if has_ended else found


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
