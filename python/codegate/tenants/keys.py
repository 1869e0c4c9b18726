"""Keys that open the proxy: how they are made, kept and read."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from codegate.errors import ConfigError

KEY_FILE = "proxy-key"
_KEY = re.compile(r"cgk_[A-Za-z0-9_-]{22,128}")
_SECRET_BYTES = 24
"""192 bits from the operating system: such a key needs no salt where only its hash is kept."""


def new_key() -> str:
    """A fresh key, ``cgk_`` and 32 characters."""
    return "cgk_" + secrets.token_urlsafe(_SECRET_BYTES)


def open_data_dir(data_dir: Path) -> Path:
    """``data_dir``, made with mode 0700 where it is missing. Raises ``ConfigError``."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not data_dir.is_dir():
            raise ConfigError(f"{data_dir} is not a folder; choose another with --data-dir")
        if not os.access(data_dir, os.W_OK | os.X_OK):
            raise ConfigError(f"{data_dir} cannot be written; check its owner and mode")
    except OSError as error:
        raise ConfigError(
            f"{data_dir}: {_reason(error)}; choose another folder with --data-dir"
        ) from None
    return data_dir


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
        pass
    except OSError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from None
    _write_new(path, new_key())
    try:
        return _read(path)
    except OSError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from None


def rotate_local_key(data_dir: Path, fixed: str | None = None) -> str:
    """Replace the key in the file. Raises ``ConfigError`` where ``PROXY_API_KEY`` fixes it."""
    if fixed is not None:
        raise ConfigError("PROXY_API_KEY fixes the key; change that variable instead")
    local_key(data_dir)
    path, key = data_dir / KEY_FILE, new_key()
    fresh = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    try:
        _write_exclusive(fresh, key)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ConfigError(f"{path}: {_reason(error)}") from None
    return key


def _check_fixed(key: str) -> str:
    if len(key) < 16 or not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError("PROXY_API_KEY must be 16 or more printable characters without blanks")
    return key


def _read(path: Path) -> str:
    # Not blocking: a pipe in the file's place must be refused, not waited for.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "r", encoding="ascii", errors="replace") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise ConfigError(f"{path} is not a file; move it away and start again")
        if state.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        key = file.read(1024).strip()
    if not _KEY.fullmatch(key):
        raise ConfigError(
            f"{path} does not hold a key (cgk_…); restore it, or remove it to get a new one"
        )
    return key


def _write_new(path: Path, key: str) -> None:
    """Put a complete file at ``path`` unless somebody else just did."""
    fresh = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    try:
        _write_exclusive(fresh, key)
        # A hard link fails where the name exists, so the first of several writers wins whole.
        os.link(fresh, path)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"{path}: {_reason(error)}") from None
    finally:
        fresh.unlink(missing_ok=True)


def _write_exclusive(path: Path, key: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(descriptor)


def _reason(error: OSError) -> str:
    return (error.strerror or "input/output error").lower()
