"""Records in the database: written once, with their sums, whatever happens to the database."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from codegate.requestlog import store
from codegate.requestlog.entry import AttemptRecord, LogEntry, RequestIds, first_id_of
from codegate.requestlog.recorder import Recorder
from codegate.requestlog.store import LogFilter
from codegate.storage.database import Database
from codegate.storage.prepare import open_database
from codegate.storage.schema import request_log, spend, usage

IDS = RequestIds()


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def entry(**changes: object) -> LogEntry:
    """A good exchange, with changes."""
    base = LogEntry(
        request_id=IDS.next(),
        created_ms=_ms(datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)),
        tenant="default",
        client_format="openai_chat",
        path="/v1/chat/completions",
        model="asked",
        upstream_model="sent",
        account="one",
        attempts=(AttemptRecord(account="one", reason="ok", ms=1.5),),
        status=200,
        outcome="ok",
        error_code="",
        is_streaming=True,
        tokens_in=10,
        tokens_out=20,
        tokens_cache_read=None,
        tokens_cache_write=None,
        tokens_reasoning=None,
        is_estimated=False,
        first_byte_ms=3.25,
        total_ms=9.75,
        bytes_in=1,
        bytes_out=2,
        malformed_events=0,
        provider="custom",
        upstream_format="openai_chat",
        strategy="default",
        cost=1_500_000,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # by name


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(tmp_path)


def recorder(database: Database, **options: object) -> Recorder:
    quick = Database(database.path, busy_s=0.05, is_durable=False)
    return Recorder(quick, lambda: 0, interval_s=0.01, **options)  # type: ignore[arg-type]


def counts(database: Database) -> tuple[int, int, int]:
    """Rows, requests in the sums by day, cost in the sums by month."""
    with database.read() as connection:
        rows = connection.execute(sa.select(sa.func.count()).select_from(request_log)).scalar_one()
        days = connection.execute(sa.select(sa.func.sum(usage.c.requests))).scalar_one()
        cost = connection.execute(sa.select(sa.func.sum(spend.c.cost))).scalar_one()
    return rows, days or 0, cost or 0


def write(connection: sa.Connection, entries: Sequence[LogEntry]) -> None:
    store.write(connection, entries)


def wait(condition: object, timeout_s: float = 5.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_row_holds_every_field_and_reads_back(database: Database) -> None:
    one = entry(session="abc", losses=("thinking",), masked_spans=3, tokens_cache_read=7)
    with database.write() as connection:
        write(connection, [one])
    with database.read() as connection:
        (row,) = store.read(connection, LogFilter())
    assert set(row) == {c.name for c in request_log.columns}
    for name in set(row) - {"created_ms", "attempts", "losses"}:
        assert row[name] == getattr(one, name), name
    assert row["created_ms"] == 1795305599000
    assert row["attempts"] == [{"account": "one", "reason": "ok", "ms": 1.5}]
    assert row["losses"] == ["thinking"]


def test_sums_change_with_the_rows(database: Database) -> None:
    batch = [
        entry(),
        entry(outcome="timeout", cost=None, tokens_in=None, tokens_out=None),
        entry(upstream_model="other", cost=500_000, tokens_cache_write=5),
        entry(tenant="b", created_ms=_ms(datetime(2026, 12, 1, tzinfo=UTC))),
        entry(account="", outcome="rejected", cost=None, tokens_in=None, tokens_out=None),
        entry(cost=None),
    ]
    for part in (batch[:2], batch[2:]):
        with database.write() as connection:
            write(connection, part)
    with database.read() as connection:
        by_model = {u.key: u for u in store.read_usage(connection, "model", "2026-01-01")}
        by_day = store.read_usage(connection, "day", "2026-11-22")
        assert {a: cost for a, (cost, _) in store.read_spend(connection, "2026-11").items()} == {
            "one": 2_000_000
        }
        assert store.read_spend(connection, "2026-12") == {"one": (1_500_000, 1)}
    assert (by_model["sent"].requests, by_model["sent"].errors) == (5, 2)
    assert by_model["sent"].unpriced == 1
    assert by_model["sent"].cost == 3_000_000
    assert by_model["other"].tokens_cache_write == 5
    assert [u.key for u in by_day] == ["2026-12-01"]


def test_a_silent_record_is_summed_but_has_no_row(database: Database) -> None:
    with database.write() as connection:
        write(connection, [entry(_is_silent=True)])
    assert counts(database) == (0, 1, 1_500_000)


def test_many_rows_of_one_kind_hold_what_each_alone_holds(database: Database) -> None:
    """Groups of a size have a statement of their own for what they have alike."""
    varied: list[dict[str, object]] = [
        {},
        {"tokens_in": None, "tokens_cache_read": 4, "cost": None, "first_byte_ms": None},
        {"session": "abc", "tokens_reasoning": 0, "attempts": ()},
        {"model": "it's; \u2028 --", "upstream_model": "?"},
        {"created_ms": _ms(datetime(2026, 11, 22, 0, 0, 1, tzinfo=UTC)), "tokens_out": 2**70},
        {"is_streaming": False, "is_estimated": True, "total_ms": 0.0, "bytes_in": 0},
        {"account": "o'ne", "tokens_cache_write": None},
        {"masked": {"email": 2}, "masked_spans": 2},
        {"error_code": "e'", "outcome": "upstream_error", "status": 500, "losses": ("a", "b")},
        {"_is_silent": True},
    ]
    for number, changes in enumerate(varied):
        for others in ({}, {"cost": None}):
            entries = [entry(**(changes if n % 2 else others)) for n in range(20)]
            tenant = f"t{number}{len(others)}"
            many = [replace(one, tenant=tenant) for one in entries]
            single = [replace(one, tenant=f"{tenant}s", request_id=IDS.next()) for one in entries]
            with database.write() as connection:
                write(connection, many)
                for one in single:
                    write(connection, [one])
            with database.read() as connection:
                found = [
                    [dict(row, tenant="", request_id="") for row in rows]
                    for rows in (
                        store.read(connection, LogFilter(tenant=name))
                        for name in (tenant, f"{tenant}s")
                    )
                ]
                days = [
                    [
                        tuple(row)
                        for row in connection.execute(
                            sa.select(*[c for c in usage.c if c.name != "tenant"])
                            .where(usage.c.tenant == name)
                            .order_by(usage.c.day, usage.c.model)
                        )
                    ]
                    for name in (tenant, f"{tenant}s")
                ]
            assert found[0] == found[1], changes
            assert len(found[0]) == (10 if "_is_silent" in changes else 20)
            assert days[0] == days[1] != [], changes


def test_times_of_attempts_are_written_as_they_are(database: Database) -> None:
    times = [0.0, 0.01, 0.1, 0.29, 1.0, 9.99, 12.5, 12.57, 1000.03, 86_400_000.07]
    made = tuple(AttemptRecord("one", "ok", ms) for ms in times)
    with database.write() as connection:
        write(connection, [entry(attempts=(one,)) for one in made])
    with database.read() as connection:
        rows = store.read(connection, LogFilter())
    assert [row["attempts"][0]["ms"] for row in rows] == times


def test_what_upstreams_and_clients_make_up_still_fits(database: Database) -> None:
    with database.write() as connection:
        write(
            connection,
            [
                entry(tokens_in=2**64, tokens_out=2**70, cost=2**80),
                entry(model="a\0b\ud800" + "x" * 5000, upstream_model="\udfff", path="/\0"),
            ],
        )
    assert counts(database)[:2] == (2, 2)


def test_everything_is_written_once(database: Database) -> None:
    one = recorder(database)
    one.start()
    batches = [[entry() for _ in range(500)] for _ in range(10)]
    threads = [threading.Thread(target=one.consume, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one.close()
    assert counts(database) == (5000, 5000, 5000 * 1_500_000)
    assert one.dropped == 0


def test_f76_a_locked_database_loses_and_doubles_nothing(database: Database) -> None:
    one = recorder(database)
    blocker = sqlite3.connect(database.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    one.start()
    started = time.monotonic()
    one.consume([entry() for _ in range(100)])
    assert time.monotonic() - started < 0.5, "the caller waits for the database"
    wait(lambda: "locked" in one.trouble)
    one.consume([entry() for _ in range(100)])
    blocker.execute("ROLLBACK")
    blocker.close()
    wait(lambda: one.waiting == 0)
    assert one.trouble == ""
    one.close()
    assert counts(database) == (200, 200, 200 * 1_500_000)


def test_f72_a_row_and_its_sums_are_written_together_or_not_at_all(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON spend BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    one = recorder(database)
    one.consume([entry() for _ in range(3)])
    one.close()
    assert counts(database) == (0, 0, 0)


def test_a_batch_that_was_written_already_is_not_written_again(database: Database) -> None:
    batch = [entry() for _ in range(10)]
    with database.write() as connection:
        write(connection, batch[:4])
    one = recorder(database)
    one.consume(batch)
    one.close()
    assert counts(database) == (10, 10, 10 * 1_500_000)


def test_the_oldest_records_go_when_too_many_wait(database: Database) -> None:
    one = recorder(database, capacity=10)
    batch = [entry() for _ in range(25)]
    one.consume(batch)
    assert (one.waiting, one.dropped) == (10, 15)
    one.close()
    with database.read() as connection:
        rows = store.read(connection, LogFilter())
    assert [row["request_id"] for row in rows] == [e.request_id for e in batch[15:]]


def test_rows_beyond_the_retention_are_deleted_and_sums_stay(database: Database) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=40)
    with database.write() as connection:
        write(
            connection,
            [
                entry(
                    request_id=first_id_of(int(old.timestamp() * 1000)) + "0" * 14,
                    created_ms=_ms(old),
                ),
                entry(created_ms=_ms(now)),
            ],
        )
    one = Recorder(Database(database.path), lambda: 30, interval_s=0.01)
    one.start()
    wait(lambda: counts(database)[0] == 1)
    one.close()
    assert counts(database)[1] == 2
    with database.read() as connection:
        assert store.read(connection, LogFilter())[0]["created_ms"] > old.timestamp() * 1000


def test_f90_ids_and_rows_keep_their_order_when_the_clock_goes_back(
    monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    ids, clock = RequestIds(), [1_790_000_000_000]
    monkeypatch.setattr(time, "time_ns", lambda: clock[0] * 1_000_000)
    made = []
    for step in (0, 5, -3_600_000, 1, -10 * 365 * 86_400_000, 3_600_000):
        clock[0] += step
        made += [ids.next(), ids.next()]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    with database.write() as connection:
        write(connection, [entry(request_id=i) for i in made])
    with database.read() as connection:
        rows = store.read(connection, LogFilter())
    assert [row["request_id"] for row in rows] == made


def test_filters(database: Database) -> None:
    with database.write() as connection:
        write(
            connection,
            [
                entry(account="a", status=200),
                entry(account="b", status=429, outcome="upstream_error"),
                entry(account="a", status=404, tenant="t", outcome="upstream_error"),
            ],
        )

    def found(**wanted: object) -> list[int]:
        with database.read() as connection:
            rows = store.read(connection, LogFilter(**wanted))  # type: ignore[arg-type]
        return [row["status"] for row in rows]

    assert found() == [200, 429, 404]
    assert found(limit=2) == [429, 404]
    assert found(account="a") == [200, 404]
    assert found(tenant="t") == [404]
    assert found(statuses=(400, 500)) == [429, 404]
    assert found(outcome="ok") == [200]
    assert found(since_ms=int(time.time() * 1000) + 60_000) == []
    assert found(since_ms=int(time.time() * 1000) - 60_000) == [200, 429, 404]


def test_a_record_that_cannot_be_written_leaves_the_thread_and_the_others(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    rec = recorder(database)
    faulty = replace(entry(), attempts=(AttemptRecord("\ud800", "ok", 1.0),))
    rec.start()
    rec.consume([entry(), faulty, entry()])
    deadline = time.monotonic() + 5
    while counts(database)[0] < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    rec.consume([entry()])
    rec.close()
    assert (counts(database)[0], rec.dropped) == (3, 1)
    assert "a record was not written" in caplog.text
