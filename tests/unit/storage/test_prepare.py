"""What may be opened, what is refused, and that migrations and tables agree."""

from __future__ import annotations

import os
import shutil
import sqlite3
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event

from codegate.errors import ConfigError, StorageConflict, StorageError
from codegate.storage import prepare as prepare_module
from codegate.storage.database import FILE_NAME, ChangeWatch, Database
from codegate.storage.prepare import known_revisions, open_database
from codegate.storage.schema import metadata, settings


def make_old(path: Path, revision: str) -> None:
    """A database as the migrations up to ``revision`` leave it."""
    from alembic import command
    from alembic.config import Config

    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(prepare_module.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file()}


def test_a_new_database_is_what_the_migrations_make(tmp_path: Path) -> None:
    newest = known_revisions()[-1]
    make_old(tmp_path / "migrated.db", newest)
    open_database(tmp_path).close()
    tables = {}
    for name in ("migrated.db", FILE_NAME):
        engine = sa.create_engine(f"sqlite:///{tmp_path / name}")
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
            assert context.get_current_revision() == newest
            inspector = sa.inspect(connection)
            tables[name] = {
                table: (
                    sorted(
                        (c["name"], str(c["type"]), c["nullable"])
                        for c in inspector.get_columns(table)
                    ),
                    inspector.get_pk_constraint(table),
                    sorted(str(k) for k in inspector.get_foreign_keys(table)),
                    sorted(str(k) for k in inspector.get_indexes(table)),
                )
                for table in inspector.get_table_names()
            }
        engine.dispose()
    assert tables["migrated.db"] == tables[FILE_NAME]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_s44_every_file_is_private(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        data_dir = tmp_path / "data"
        database = open_database(data_dir)
        with database.change() as connection:
            connection.execute(sa.insert(settings).values(name="x", value="y"))
        modes = {p.name: p.stat().st_mode & 0o777 for p in data_dir.iterdir()}
        assert f"{FILE_NAME}-wal" in modes
        assert set(modes.values()) == {0o600}, modes
        assert data_dir.stat().st_mode & 0o777 == 0o700
        database.close()
    finally:
        os.umask(before)


def test_s44_a_database_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "data").mkdir()
    open_database(tmp_path / "real").close()
    (tmp_path / "data" / FILE_NAME).symlink_to(tmp_path / "real" / FILE_NAME)
    with pytest.raises(ConfigError, match="is not a file"):
        open_database(tmp_path / "data")


def test_a_database_of_another_program_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE accounts (id TEXT PRIMARY KEY, name TEXT)")
    other.execute("INSERT INTO accounts VALUES ('1', 'mine')")
    other.commit()
    other.close()
    path.chmod(0o644)
    before, stamp = contents(tmp_path), path.stat()
    with pytest.raises(ConfigError, match="was not made by this program"):
        open_database(tmp_path)
    after = contents(tmp_path)
    after.pop("setup.lock")
    assert after == before
    assert path.stat().st_mode == stamp.st_mode


def test_f82_a_newer_database_is_refused_untouched(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    raw = sqlite3.connect(tmp_path / FILE_NAME)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(ConfigError, match="newer version"):
        open_database(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_f80_a_missing_index_of_the_log_is_recovered(tmp_path: Path) -> None:
    """A process died with changes in the write-ahead log only, and the -shm file is gone."""
    database = open_database(tmp_path / "live")
    with database.change() as connection:
        connection.execute(sa.insert(settings).values(name="kept", value="1"))
    (tmp_path / "dead").mkdir()
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        shutil.copy(tmp_path / "live" / name, tmp_path / "dead" / name)
    database.close()
    recovered = open_database(tmp_path / "dead", is_checked=True)
    with recovered.read() as connection:
        assert connection.execute(sa.select(settings.c.value)).scalar_one() == "1"
    recovered.close()


def test_f80_damage_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    open_database(tmp_path / "good").close()
    whole = (tmp_path / "good" / FILE_NAME).read_bytes()
    for name, content in {
        "truncated": whole[: len(whole) // 2],
        "text": b"this is not a database at all\n" * 200,
        "zeros": whole[:4096] + bytes(len(whole) - 4096),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / FILE_NAME).write_bytes(content)
        with pytest.raises(ConfigError, match="left as it is"):
            open_database(folder, is_checked=True)
        assert (folder / FILE_NAME).read_bytes() == content


def test_f80_damage_inside_is_found_by_the_check_at_start(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.change() as connection:
        for index in range(200):
            connection.execute(sa.insert(settings).values(name=f"n{index}", value="x" * 200))
    database.close()
    path = tmp_path / FILE_NAME
    whole = path.read_bytes()
    last = len(whole) // 4096 - 1
    content = whole[: last * 4096] + b"\x07" * 4096
    path.write_bytes(content)
    open_database(tmp_path).close()
    with pytest.raises(ConfigError, match="left as it is"):
        open_database(tmp_path, is_checked=True)
    assert path.read_bytes() == content


def test_f80_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch(0o600)
    database = open_database(tmp_path, is_checked=True)
    with database.read() as connection:
        assert connection.execute(sa.select(settings)).all() == []
    database.close()


def test_a_change_is_noticed_and_a_plain_write_is_not(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    watch = ChangeWatch(database.path)
    assert watch.has_changed()
    assert not watch.has_changed()
    with database.write() as connection:
        connection.execute(sa.insert(settings).values(name="a", value="1"))
    assert not watch.has_changed()
    with database.change() as connection:
        connection.execute(sa.update(settings).values(value="2"))
    assert watch.has_changed()
    assert not watch.has_changed()
    watch.close()
    database.close()


def test_a_failed_change_leaves_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.change() as connection:
        connection.execute(sa.insert(settings).values(name="a", value="1"))

    def change_twice() -> None:
        with database.change() as connection:
            connection.execute(sa.insert(settings).values(name="b", value="1"))
            connection.execute(sa.insert(settings).values(name="a", value="2"))

    with pytest.raises(StorageConflict):
        change_twice()
    with database.read() as connection:
        assert connection.execute(sa.select(settings.c.name)).scalars().all() == ["a"]
    database.close()


def test_f76_a_locked_database_is_told_in_words(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    patient = Database(database.path, busy_s=0.1)
    with (
        database.write(),
        pytest.raises(StorageError, match="locked by another process"),
        patient.write(),
    ):
        pass
    patient.close()
    database.close()


def fill_old(path: Path) -> None:
    """A database of the first revision with something in it."""
    make_old(path, "0001")
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("INSERT INTO settings VALUES ('idle_timeout_s', '7')")
    raw.execute("INSERT INTO aliases VALUES ('fast', 'mock-small')")
    raw.commit()
    raw.close()
    path.chmod(0o600)


def test_f82_a_copy_is_made_before_the_first_step(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    fill_old(path)
    database = open_database(tmp_path)
    with database.read() as connection:
        assert connection.execute(sa.select(settings.c.value)).scalar_one() == "7"
        assert (
            MigrationContext.configure(connection).get_current_revision() == (known_revisions()[-1])
        )
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()
    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name.startswith("codegate-0001-")
    assert copy.stat().st_mode & 0o777 == 0o600
    raw = sqlite3.connect(copy)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    assert raw.execute("SELECT value FROM settings").fetchone() == ("7",)
    raw.close()


def test_f82_a_migration_killed_at_any_statement_is_whole_or_not_begun(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    fill_old(path)
    pristine = path.read_bytes()
    for steps in range(200):
        for leftover in tmp_path.glob(FILE_NAME + "*"):
            leftover.unlink()
        path.write_bytes(pristine)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            try:
                die_after(steps)
                open_database(tmp_path)
                os._exit(0)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        database = open_database(tmp_path, is_checked=True)
        with database.read() as connection:
            assert connection.execute(sa.select(settings.c.value)).scalar_one() == "7"
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        database.close()
        if code == 0:
            break
        assert code == 9
    assert steps > 5


def die_after(steps: int) -> None:
    """End this process at the n-th statement or commit from now on."""
    left = steps

    def step(*_args: object, **_options: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(9)

    event.listen(sa.Engine, "before_cursor_execute", step)
    event.listen(sa.Engine, "commit", step)
