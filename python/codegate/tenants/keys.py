"""Keys that open the proxy: how they are made, kept and read."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from codegate.errors import ConfigError
from codegate.storage.files import create_private, open_data_dir, read_private, replace_private

KEY_FILE = "proxy-key"
_KEY = re.compile(r"cgk_[A-Za-z0-9_-]{22,128}")
_SECRET_BYTES = 24
"""192 bits from the operating system: such a key needs no salt where only its hash is kept."""


def new_key() -> str:
    """A fresh key, ``cgk_`` and 32 characters."""
    return "cgk_" + secrets.token_urlsafe(_SECRET_BYTES)


def local_key(data_dir: Path, fixed: str | None = None) -> str:
    """The key that opens this proxy: ``fixed`` where the operator set one, else the file's.

    The file is made at the first call, mode 0600, never through a link; of several first calls
    at once all get the same key. Raises ``ConfigError`` for a file that holds no key.
    """
    if fixed is not None:
        return _check_fixed(fixed)
    path = open_data_dir(data_dir) / KEY_FILE
    try:
        return _read(path)
    except FileNotFoundError:
        create_private(path, new_key() + "\n")
    return _read(path)


def key_stamp(data_dir: Path) -> tuple[int, int, int] | None:
    """What is another once the key's file was replaced; ``None`` while there is no file."""
    try:
        state = (data_dir / KEY_FILE).lstat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size


def rotate_local_key(data_dir: Path, fixed: str | None = None) -> str:
    """Replace the key in the file. Raises ``ConfigError`` where ``PROXY_API_KEY`` fixes it."""
    if fixed is not None:
        raise ConfigError("PROXY_API_KEY fixes the key; change that variable instead")
    local_key(data_dir)
    key = new_key()
    replace_private(data_dir / KEY_FILE, key + "\n")
    return key


def _check_fixed(key: str) -> str:
    if len(key) < 16 or not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError("PROXY_API_KEY must be 16 or more printable characters without blanks")
    return key


def parse_local_key(text: str) -> str:
    """``text`` if it is a key that this module makes. Raises ``ValueError``."""
    if not _KEY.fullmatch(text):
        raise ValueError("not a proxy key")
    return text


def _read(path: Path) -> str:
    key = read_private(path)
    if not _KEY.fullmatch(key):
        raise ConfigError(
            f"{path} does not hold a key (cgk_…); restore it, or remove it to get a new one"
        )
    return key
