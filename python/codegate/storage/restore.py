"""Puts a copy of the database in place of the one in use, whole or not at all."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from codegate.errors import ConfigError, WrongUsage
from codegate.storage.database import CONFIG_VERSION, FILE_NAME, Database, in_words
from codegate.storage.files import open_data_dir
from codegate.storage.prepare import BACKUPS, back_up, inspect, known_revisions, prepare

_SET_VERSION = "UPDATE versions SET value = ? WHERE name = ?"
_GET_VERSION = "SELECT value FROM versions WHERE name = ?"


def write_copy(path: Path, target: Path, *, may_replace: bool) -> None:
    """A consistent copy of the database ``path`` at ``target``. Raises ``ConfigError``."""
    if _is_own(path.parent, target):
        raise WrongUsage(
            f"{target} lies among the files in use; choose a name outside {path.parent}, "
            f"or in its folder {BACKUPS}"
        )
    if target.exists() and not may_replace:
        raise ConfigError(f"{target} exists; choose another name, or replace it with --force")
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent} is not a folder")
    fresh = _beside(target)
    try:
        back_up(path, fresh)
        fresh.replace(target)
    except OSError as error:
        raise ConfigError(f"{target}: {error.strerror}") from None
    finally:
        fresh.unlink(missing_ok=True)


def _is_own(data_dir: Path, target: Path) -> bool:
    """Whether ``target`` lies in ``data_dir``, its folder of backups apart."""
    folder, own = target.parent.resolve(), data_dir.resolve()
    return folder.is_relative_to(own) and not folder.is_relative_to(own / BACKUPS)


def restore(data_dir: Path, copy: Path, check: Callable[[Database], object]) -> Path | None:
    """Put ``copy`` in force in ``data_dir``; where the former database was kept, if any.

    ``check`` looks at the copy, brought to the newest revision, and raises to refuse it. A running
    proxy takes the change over. Raises ``ConfigError``; nothing was changed then.
    """
    _check_file(copy)
    path = open_data_dir(data_dir) / FILE_NAME
    fresh = _beside(path)
    try:
        back_up(copy, fresh)
        prepare(fresh)
        database = Database(fresh)
        try:
            check(database)
        finally:
            database.close()
        kept = _keep(path)
        prepare(path)
        _overwrite(path, fresh)
    finally:
        for name in (fresh.name, f"{fresh.name}-wal", f"{fresh.name}-shm"):
            fresh.with_name(name).unlink(missing_ok=True)
    return kept


def _check_file(copy: Path) -> None:
    found = inspect(copy, is_checked=True)
    if found is None:
        raise ConfigError(f"{copy} is missing or empty")
    if found.revision is None:
        raise ConfigError(f"{copy} is not a copy that codegate backup made")
    if found.revision not in known_revisions():
        raise ConfigError(
            f"{copy} was made by a newer version of CodeGate (revision {found.revision}); "
            "install that version"
        )


def _keep(path: Path) -> Path | None:
    """A copy of what is in use; what cannot be copied is moved aside as it is."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kept = path.parent / BACKUPS / f"codegate-replaced-{stamp}-{secrets.token_hex(2)}.db"
    try:
        if inspect(path, is_checked=True) is not None:
            back_up(path, kept)
        return kept
    except ConfigError:
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        for ending in ("-wal", "-shm", ""):
            part = path.with_name(path.name + ending)
            if part.exists():
                part.replace(kept.with_name(kept.name + ending))
        return kept


def _overwrite(path: Path, fresh: Path) -> None:
    """All pages in one transaction of the database in use, so that readers see old or new."""
    try:
        with (
            closing(sqlite3.connect(fresh, timeout=5.0)) as source,
            closing(sqlite3.connect(path, timeout=5.0)) as target,
        ):
            versions = [
                connection.execute(_GET_VERSION, (CONFIG_VERSION,)).fetchone()[0]
                for connection in (source, target)
            ]
            # Proxies that run look at this number alone: it must not be one they have seen.
            source.execute(_SET_VERSION, (max(versions) + 1, CONFIG_VERSION))
            source.commit()
            source.backup(target)
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {in_words(error)}") from None


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name.lstrip('.')}.{secrets.token_hex(8)}")
