"""The database: connections, transactions, and the one place where its failures get words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from codegate.errors import StorageConflict, StorageError
from codegate.storage.schema import versions

FILE_NAME = "codegate.db"
CONFIG_VERSION = "config"

_BUSY_S = 5.0
_IMMEDIATE = "codegate_immediate"


class Database:
    """One process's door to the database; safe to use from several threads.

    ``read`` and ``write`` are transactions. ``change`` is a write that running proxies must take
    over: they notice within their polling interval.
    """

    def __init__(self, path: Path, *, busy_s: float = _BUSY_S, is_durable: bool = True) -> None:
        """``busy_s``: how long a writer waits for another. Not durable: the operating system's
        crash (not ours) may take the last transactions, which makes writing much cheaper.
        """
        self.path = path
        self._engine = sa.create_engine(
            sa.URL.create("sqlite+pysqlite", database=str(path)),
            connect_args={"timeout": busy_s},
            pool_size=2,
            max_overflow=2,
        )
        level = "FULL" if is_durable else "NORMAL"

        @event.listens_for(self._engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            # The driver's own transaction handling would leave DDL and reads outside of ours.
            connection.isolation_level = None
            connection.execute(f"PRAGMA synchronous={level}")
            connection.execute("PRAGMA foreign_keys=ON")

        @event.listens_for(self._engine, "begin")
        def _on_begin(connection: sa.Connection) -> None:
            # A writer takes its lock at once: upgrading a read later can fail without waiting.
            is_write = connection.get_execution_options().get(_IMMEDIATE, False)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")

        self._writing = self._engine.execution_options(**{_IMMEDIATE: True})

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view. Raises ``StorageError``."""
        with mapped_errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """All of the block or none of it. Raises ``StorageError``."""
        with mapped_errors(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[sa.Connection]:
        """A write of configuration: running proxies take it over. Raises ``StorageError``."""
        with self.write() as connection:
            yield connection
            connection.execute(
                sa.update(versions)
                .where(versions.c.name == CONFIG_VERSION)
                .values(value=versions.c.value + 1)
            )

    def connect(self) -> None:
        """Open the first connection now instead of at the first use. Raises ``StorageError``."""
        with self.read() as connection:
            connection.execute(sa.select(versions.c.value))

    def close(self) -> None:
        """Close every connection. Needed before a fork: SQLite's locks do not survive one."""
        self._engine.dispose()


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Turns what the driver raises into ``StorageError`` with a remedy."""
    try:
        yield
    except exc.IntegrityError as error:
        raise StorageConflict(f"the database refused the change: {error.orig}") from None
    except exc.DBAPIError as error:
        raise StorageError(in_words(error.orig)) from None
    except sqlite3.Error as error:
        raise StorageError(in_words(error)) from None
    except exc.SQLAlchemyError as error:
        raise StorageError(f"the database failed ({type(error).__name__})") from None


def in_words(error: BaseException | None) -> str:
    """One sentence on a driver's error. Its text names no values."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "the database is locked by another process; try again shortly"
    if name.startswith("SQLITE_FULL"):
        return "the disk is full; free some space and try again"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "the database is damaged; restore a copy from the folder backups"
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return "the database cannot be written; check owner and mode of the data directory"
    if name.startswith("SQLITE_IOERR"):
        return "the disk failed or is full; the database is as it was before"
    return f"the database failed: {error}"


class ChangeWatch:
    """Tells whether the configuration changed since the last look.

    Its own connection: ``data_version`` counts the commits of others as that connection sees
    them. Used from one thread.
    """

    def __init__(self, path: Path) -> None:
        """Connect; the first ``has_changed`` says true. Raises ``StorageError``."""
        with mapped_errors():
            self._connection = sqlite3.connect(
                path, timeout=0.1, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("SELECT value FROM versions").fetchall()
        self._seen: int | None = None
        self._version: int | None = None

    def has_changed(self) -> bool:
        """Cheap while nobody writes. Raises ``StorageError``."""
        with mapped_errors():
            (seen,) = self._connection.execute("PRAGMA data_version").fetchone()
            if seen == self._seen:
                return False
            row = self._connection.execute(
                "SELECT value FROM versions WHERE name = ?", (CONFIG_VERSION,)
            ).fetchone()
        version = row[0] if row else None
        self._seen = seen
        if version == self._version:
            return False
        self._version = version
        return True

    def forget(self) -> None:
        """The next ``has_changed`` says true, because what was read could not be used."""
        self._seen = self._version = None

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()
