"""Opens the data directory's database: makes it, migrates it after a backup, or refuses it.

What is there is looked at through a connection that cannot write, so a file that is refused stays
as it was, write-ahead log included. Everything that makes or alters tables runs under one lock.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from codegate.errors import ConfigError, StorageError
from codegate.storage import schema
from codegate.storage.database import CONFIG_VERSION, FILE_NAME, Database, in_words
from codegate.storage.files import PRIVATE_DIR, exclusive, open_data_dir, open_private

logger = logging.getLogger("codegate.storage")

SETUP_LOCK = "setup.lock"
BACKUPS = "backups"
MIGRATIONS = Path(__file__).parent / "migrations"

_CHECKED_BYTES = 256 * 1024 * 1024
"""Larger databases are not read whole at start; damage then shows where it is met."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a database file holds. ``revision`` is ``None`` without tables of ours."""

    tables: frozenset[str]
    revision: str | None


def known_revisions(migrations: Path = MIGRATIONS) -> tuple[str, ...]:
    """Every revision of the schema, oldest first."""
    return tuple(sorted(p.stem.removeprefix("rev_") for p in migrations.glob("versions/rev_*.py")))


def open_database(
    data_dir: Path,
    *,
    is_checked: bool = False,
    is_durable: bool = True,
    busy_s: float = 5.0,
) -> Database:
    """The database of ``data_dir`` at the newest revision. Raises ``ConfigError``.

    ``is_checked`` reads the whole file for damage first, as a server does when it starts.
    """
    path = open_data_dir(data_dir) / FILE_NAME
    try:
        prepare(path, is_checked=is_checked)
    except StorageError as error:
        raise ConfigError(f"{path}: {error.message}") from None
    return Database(path, is_durable=is_durable, busy_s=busy_s)


def prepare(path: Path, *, is_checked: bool = False, migrations: Path = MIGRATIONS) -> None:
    """Bring ``path`` to the newest revision. Raises ``ConfigError`` for what is not ours."""
    revisions = known_revisions(migrations)
    found = inspect(path, is_checked=is_checked)
    if found is not None and found.revision == revisions[-1]:
        open_private(path)
        return
    with exclusive(path.with_name(SETUP_LOCK)):
        found = inspect(path, is_checked=False)
        if found is None or not found.tables:
            open_private(path)
            _create(path, revisions[-1])
        elif found.revision is None:
            raise ConfigError(
                f"{path} was not made by this program; nothing was changed. "
                "Choose another folder with --data-dir"
            )
        elif found.revision not in revisions:
            raise ConfigError(
                f"{path} was written by a newer version of CodeGate (revision {found.revision}); "
                "nothing was changed. Install that version, or restore a copy from backups"
            )
        elif found.revision != revisions[-1]:
            open_private(path)
            back_up(path, path.parent / BACKUPS / _backup_name(found.revision))
            _migrate(path, migrations)


def inspect(path: Path, *, is_checked: bool) -> Found | None:
    """What ``path`` holds, without a chance of changing it; ``None`` where nothing is.

    Raises ``ConfigError`` for a file that SQLite cannot read.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    if size == 0:
        return None
    # Without a write-ahead log nothing can be pending, and the file is read as it stands.
    has_log = path.with_name(path.name + "-wal").exists()
    mode = "mode=ro" if has_log else "mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, timeout=5.0)
        try:
            return _look(connection, is_checked=is_checked and size <= _CHECKED_BYTES)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ConfigError(f"{path}: {in_words(error)}; the file was left as it is") from None


def _look(connection: sqlite3.Connection, *, is_checked: bool) -> Found:
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    tables = frozenset(name for (name,) in names if not name.startswith("sqlite_"))
    revision = None
    if "alembic_version" in tables:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        revision = row[0] if row else None
    if is_checked:
        (result,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            raise sqlite3.DatabaseError(f"the check found: {result[:200]}")
    return Found(tables=tables, revision=revision)


def _create(path: Path, revision: str) -> None:
    """All tables at once: the same that the migrations lead to, without loading them."""
    # Only a connection outside of a transaction may choose the journal; it is kept in the file.
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as error:
        raise StorageError(in_words(error)) from None
    finally:
        connection.close()
    database = Database(path)
    try:
        with database.write() as transaction:
            schema.metadata.create_all(transaction)
            transaction.execute(sa.insert(schema.versions).values(name=CONFIG_VERSION, value=1))
            transaction.exec_driver_sql(
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
                "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
            )
            transaction.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (revision,))
    finally:
        database.close()


def _migrate(path: Path, migrations: Path) -> None:
    # Loaded only when there is something to migrate: it is the largest import of a start.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    database = Database(path)
    try:
        # One transaction for all steps: a process that dies leaves the old revision.
        with database.change() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        database.close()
    logger.info("the database was migrated", extra={"path": str(path)})


def back_up(path: Path, target: Path) -> None:
    """A consistent copy of the database at ``target``, mode 0600, while others may write.

    Raises ``ConfigError``.
    """
    try:
        target.parent.mkdir(mode=PRIVATE_DIR, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{target.parent}: {error.strerror}") from None
    open_private(target)
    try:
        source = sqlite3.connect(path, timeout=5.0)
        copy = sqlite3.connect(target)
        try:
            source.backup(copy)
        finally:
            copy.close()
            source.close()
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise ConfigError(f"{target}: {in_words(error)}") from None


def _backup_name(revision: str) -> str:
    return f"codegate-{revision}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
