"""Files that only their owner may read: made whole or not at all, never through a link."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codegate.errors import ConfigError

logger = logging.getLogger("codegate.storage")

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700
_MAX_READ = 4096


def open_data_dir(data_dir: Path) -> Path:
    """``data_dir``, made with mode 0700 where it is missing. Raises ``ConfigError``."""
    try:
        data_dir.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        if not os.access(data_dir, os.W_OK | os.X_OK):
            raise ConfigError(f"{data_dir} cannot be written; check its owner and mode")
    except FileExistsError:
        raise ConfigError(f"{data_dir} is not a folder; choose another with --data-dir") from None
    except OSError as error:
        raise ConfigError(
            f"{data_dir}: {reason(error)}; choose another folder with --data-dir"
        ) from None
    return data_dir


def read_private(path: Path) -> str:
    """The text of a small file, stripped. A file that others may read is closed to them first.

    Raises ``FileNotFoundError`` where there is none, else ``ConfigError``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: {reason(error)}") from None
    try:
        if _check_state(path, os.fstat(descriptor)):
            os.fchmod(descriptor, PRIVATE_FILE)
        return os.read(descriptor, _MAX_READ).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"{path}: {reason(error)}") from None
    finally:
        os.close(descriptor)


def _check_state(path: Path, state: os.stat_result) -> bool:
    """Refuses what is no file or not ours; whether other users have rights to it."""
    if not stat.S_ISREG(state.st_mode):
        raise ConfigError(f"{path} is not a file; move it away and start again")
    if state.st_uid not in {os.geteuid(), 0}:
        raise ConfigError(f"{path} belongs to another user; change its owner")
    if not state.st_mode & 0o077:
        return False
    logger.warning("a private file was readable by others", extra={"path": str(path)})
    return True


def create_private(path: Path, text: str) -> bool:
    """Put a complete file at ``path`` unless somebody else just did; whether it was us."""
    fresh = path.with_name(f".{path.name.lstrip('.')}.{secrets.token_hex(8)}")
    try:
        _write_exclusive(fresh, text)
        # A hard link fails where the name exists, so the first of several writers wins whole.
        os.link(fresh, path)
        sync_dir(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(f"{path}: {reason(error)}") from None
    finally:
        fresh.unlink(missing_ok=True)
    return True


def replace_private(path: Path, text: str, *, is_durable: bool = True) -> None:
    """Put a complete file at ``path`` in one step: readers see the old text or the new.

    Not durable: a loss of power may take it, which nobody waits to prevent.
    """
    fresh = path.with_name(f".{path.name.lstrip('.')}.{secrets.token_hex(8)}")
    try:
        _write_exclusive(fresh, text, is_durable=is_durable)
        fresh.replace(path)
        if is_durable:
            sync_dir(path.parent)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise ConfigError(f"{path}: {reason(error)}") from None


def open_private(path: Path) -> None:
    """Make sure that ``path`` is a private file of ours, empty where there was none.

    An existing file is not opened: closing it would drop the locks that SQLite holds on it
    elsewhere in this process.
    """
    try:
        state = path.lstat()
    except FileNotFoundError:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            os.close(os.open(path, flags, PRIVATE_FILE))
        except OSError as error:
            raise ConfigError(f"{path}: {reason(error)}") from None
        return
    except OSError as error:
        raise ConfigError(f"{path}: {reason(error)}") from None
    if _check_state(path, state):
        try:
            path.chmod(PRIVATE_FILE)
        except OSError as error:
            raise ConfigError(f"{path}: mode must be 0600: {reason(error)}") from None


def sync_dir(path: Path) -> None:
    """A new name in ``path`` survives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Only one process at a time runs the block; others wait."""
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def hold(path: Path) -> int | None:
    """Take a lock for the rest of the process's life, or ``None`` when another holds it.

    The descriptor is inherited by forked workers, so the lock lives as long as any of them.
    """
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _open_lock(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, PRIVATE_FILE)
    except OSError as error:
        raise ConfigError(f"{path}: {reason(error)}") from None


def _write_exclusive(path: Path, text: str, *, is_durable: bool = True) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        if is_durable:
            os.fsync(descriptor)


def reason(error: OSError) -> str:
    """What the system says, in lower case and without the path."""
    return (error.strerror or "input/output error").lower()
