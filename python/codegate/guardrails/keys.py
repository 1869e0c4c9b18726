"""The root keys of tokens: the one in use, and those that older tokens still open with."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from codegate.crypto.keys import (
    GUARDRAIL_FILE,
    KEY_BYTES,
    RootKey,
    guardrail_key,
    parse_key,
    root_key,
)
from codegate.errors import ConfigError
from codegate.storage.files import exclusive, read_private, replace_private

OLD_FILE = f"{GUARDRAIL_FILE}.old"
"""Lines of key and time of replacement in milliseconds, newest first."""
WINDOW_S = 30 * 24 * 3600
"""How long a key that was replaced still opens portable tokens."""
MAX_OLD = 8


def load(data_dir: Path, passphrase: str | None) -> tuple[RootKey, ...]:
    """The key in use, then those replaced within the window. Raises ``ConfigError``."""
    active = guardrail_key(data_dir, passphrase)
    if passphrase is not None:
        return (active,)
    return (active, *(key for key, _ in _old(data_dir)))


def rotate(data_dir: Path, passphrase: str | None) -> tuple[str, str]:
    """Put a new random key in use: (old id, new id).

    Whenever the process dies, no key that tokens were made with is lost: the old key is among
    the old ones before the new one takes its place. Raises ``ConfigError`` where a variable
    fixes the key.
    """
    if passphrase is not None:
        raise ConfigError("GUARDRAIL_KEY fixes the key; rotation works with the key file only")
    with exclusive(data_dir / f"{GUARDRAIL_FILE}.lock"):
        old = guardrail_key(data_dir, None)
        now_ms = int(time.time() * 1000)
        kept = [(old, now_ms), *(entry for entry in _old(data_dir) if entry[0] != old)][:MAX_OLD]
        lines = [f"{key.material.hex()} {replaced}\n" for key, replaced in kept]
        replace_private(data_dir / OLD_FILE, "".join(lines))
        replace_private(data_dir / GUARDRAIL_FILE, secrets.token_hex(KEY_BYTES))
        new = guardrail_key(data_dir, None)
    return old.key_id, new.key_id


def _old(data_dir: Path) -> list[tuple[RootKey, int]]:
    path = data_dir / OLD_FILE
    try:
        text = read_private(path)
    except FileNotFoundError:
        return []
    oldest = (time.time() - WINDOW_S) * 1000
    found = []
    for line in text.splitlines():
        digits, _, replaced = line.partition(" ")
        try:
            key, since = root_key(parse_key(digits), str(path)), int(replaced)
        except ValueError:
            raise ConfigError(f"{path} does not hold keys; restore it, or remove it") from None
        if since >= oldest:
            found.append((key, since))
    return found
