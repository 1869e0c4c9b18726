"""The request log that the state bench makes is one that commands read."""

from __future__ import annotations

from pathlib import Path

from benches.state import fill

from codegate.requestlog import store
from codegate.storage.database import FILE_NAME
from codegate.storage.prepare import open_database


def test_a_made_log_is_read_like_any_other(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    fill(tmp_path / FILE_NAME, 50)
    database = open_database(tmp_path)
    with database.read() as connection:
        rows = store.read(connection, store.LogFilter())
        lines = store.read_usage(connection, "model", "2026-01-01")
    database.close()
    assert [row["masked"] for row in rows] == [{}] * 50
    assert sum(line.requests for line in lines) == 50
