"""`python -m benches.state [--quick]`: what state costs, on the hot path and on the command line.

Exit 0 when every limit holds, 1 when one is missed, an answer was wrong or a program is missing.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from benches.cells import CELLS, FULL, QUICK, Mode
from benches.gateways import Codegate, Gateway, Haproxy
from benches.measure import Sample
from benches.process import BenchError
from benches.results import REFERENCE
from benches.run import build_load, run_cell
from benches.upstream import Address
from codegate.accounts import store
from codegate.accounts.record import AccountChange, make
from codegate.crypto.secret import Secret
from codegate.crypto.vault import open_vault
from codegate.providers.custom import PROVIDER
from codegate.requestlog.entry import first_id_of
from codegate.storage.database import FILE_NAME
from codegate.storage.prepare import open_database

_CELL = "S·J messages"
_ROWS = 1_000_000
_PER_DAY = 33_000
_DAY_MS = 86_400_000
_MODELS = tuple(f"model-{number}" for number in range(12))
_ACCOUNTS = tuple(f"account-{number}" for number in range(5))
_MOST_MS = 300.0
_RUNS = 9
_VERSION = ("--version",)
_COMMANDS = (("logs",), ("usage",), ("usage", "--by", "model"))


class Stored(Codegate):
    """With accounts in its database instead of upstreams on its command line."""

    accounts: ClassVar[int] = 1
    settings: ClassVar[tuple[str, ...]] = ()

    def prepare(self, upstream: Address, data: Path) -> list[str]:
        database = open_database(data)
        vault = open_vault(database, None)
        with database.change() as connection:
            for number in range(self.accounts):
                change = AccountChange(
                    api_keys=(Secret(f"sk-bench-{number:04}"),),
                    endpoints={upstream.wire_format: upstream.url},
                    priority=self.accounts - number,
                )
                store.insert(connection, vault, make(f"account-{number}", PROVIDER, change))
        database.close()
        return [word for pair in self.settings for word in ("--setting", pair)]


class One(Stored):
    """One account, request log on."""

    name = "one"


class Silent(Stored):
    """One account, request log off."""

    name = "silent"
    settings = ("request_logging=off",)


class Many(Stored):
    """Two hundred accounts, request log on."""

    name = "many"
    accounts = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What `more` costs over `less`, in CPU time per request, as a share of the reference."""

    text: str
    more: type[Gateway]
    less: type[Gateway]
    limit: float


QUESTIONS = (
    Question(text="request logging on against off", more=One, less=Silent, limit=0.4),
    Question(text="a snapshot of 200 accounts against 1", more=Many, less=One, limit=0.1),
)


def main() -> int:
    """Measures, prints, judges."""
    parser = argparse.ArgumentParser(prog="benches.state", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--rows", type=int, default=_ROWS, help="of the request log; 0: leave out")
    parser.add_argument("--seed", type=int, default=9212, help="of the order within a round")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    mode = QUICK if options.quick else FULL
    if options.rounds:
        mode = replace(mode, rounds=options.rounds)
    try:
        reason = Haproxy.missing() or Codegate.missing()
        if reason:
            raise BenchError(reason)
        missed = _hot_path(mode, options.seed)
        if options.rows:
            missed += _command_line(options.rows)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for line in missed:
        print(f"limit missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def _hot_path(mode: Mode, seed: int) -> list[str]:
    (cell,) = [cell for cell in CELLS if cell.name == _CELL]
    rng = random.Random(seed)  # noqa: S311
    result = run_cell(cell, mode, [Haproxy, One, Silent, Many], build_load(), rng)
    samples = result.runs[-1].samples
    failures = [f"{s.gateway}: {failure}" for s in samples for failure in s.failures]
    if failures:
        raise BenchError(failures[0])
    for name in (REFERENCE, *(kind.name for kind in (One, Silent, Many))):
        cpu_us = statistics.median(s.cpu_us for s in samples if s.gateway == name)
        print(f"{name}: {cpu_us:.1f} µs of CPU time for each request")
    missed = []
    noise = ", noisy" if result.is_noisy else ""
    for question in QUESTIONS:
        shares = list(_shares(samples, question))
        share = statistics.median(shares)
        spread = f"{min(shares):+.2f} to {max(shares):+.2f}"
        print(f"{question.text}: {share:+.2f} H ({spread}{noise}; at most {question.limit})")
        if share > question.limit:
            missed.append(f"{question.text}: {share:.2f} H")
    return missed


def _shares(samples: list[Sample], question: Question) -> Iterator[float]:
    """One figure for each round."""
    for number in sorted({sample.round for sample in samples}):
        cpu = {s.gateway: s.cpu_us for s in samples if s.round == number}
        yield (cpu[question.more.name] - cpu[question.less.name]) / cpu[REFERENCE]


def _command_line(rows: int) -> list[str]:
    missed = []
    with tempfile.TemporaryDirectory(prefix="codegate-bench-") as name:
        data = Path(name) / "data"
        open_database(data).close()
        fill(data / FILE_NAME, rows)
        # What was just written must not still be on its way to the disk.
        os.sync()
        taken = _times(data)
        before = taken[_VERSION]
        print(
            f"codegate --version: {before.cpu_ms:.0f} ms of CPU time, {before.wall_ms:.0f} in all"
        )
        for words in _COMMANDS:
            more = taken[words].cpu_ms - before.cpu_ms
            wall = taken[words].wall_ms - before.wall_ms
            shown = f"codegate {' '.join(words)} with {rows:,} rows"
            print(f"{shown}: {more:.0f} ms more, {wall:.0f} in all (at most {_MOST_MS:.0f})")
            if more >= _MOST_MS:
                missed.append(f"{shown}: {more:.0f} ms")
    return missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Of one command, from its start to its end. CPU time bears noisy neighbours better."""

    cpu_ms: float
    wall_ms: float


def _times(data: Path) -> dict[tuple[str, ...], Times]:
    """The best of several runs of each command, the commands in turn."""
    taken: dict[tuple[str, ...], list[Times]] = {}
    for _ in range(_RUNS):
        for words in (_VERSION, *_COMMANDS):
            taken.setdefault(words, []).append(_time(data, words))
    return {
        words: Times(cpu_ms=min(t.cpu_ms for t in times), wall_ms=min(t.wall_ms for t in times))
        for words, times in taken.items()
    }


def _time(data: Path, words: tuple[str, ...]) -> Times:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "codegate", *words],
        check=True,
        capture_output=True,
        env={"DATA_DIR": str(data), "PATH": ""},
    )
    wall_s = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Times(cpu_ms=cpu_s * 1000, wall_ms=wall_s * 1000)


def fill(path: Path, rows: int) -> None:
    """A request log of `rows` exchanges up to now, and the sums that belong to it."""
    start_ms = int(time.time() * 1000) - rows * _DAY_MS // _PER_DAY
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    width = len(connection.execute("PRAGMA table_info(request_log)").fetchall())
    marks = ",".join("?" * width)
    connection.execute("BEGIN")
    connection.executemany(
        f"INSERT INTO request_log VALUES ({marks})",  # noqa: S608
        (_row(number, start_ms + number * _DAY_MS // _PER_DAY) for number in range(rows)),
    )
    connection.execute(
        "INSERT INTO usage SELECT date(created_ms / 1000, 'unixepoch'), tenant, account, "
        "upstream_model, count(*), 0, 0, sum(tokens_in), sum(tokens_out), 0, 0, 0, sum(cost) "
        "FROM request_log GROUP BY 1, 2, 3, 4"
    )
    connection.execute("COMMIT")
    connection.close()


def _row(number: int, at_ms: int) -> tuple[object, ...]:
    model, account = _MODELS[number % len(_MODELS)], _ACCOUNTS[number % len(_ACCOUNTS)]
    identity = f"{first_id_of(at_ms)}{number:014x}"
    attempts = f'[{{"account":"{account}","reason":"ok","ms":812.5}}]'
    return (
        *(identity, at_ms, "default", f"{number % 5000:016x}"),
        *("anthropic_messages", "anthropic_messages", "/v1/messages", model, model),
        *(account, "custom", "default", attempts, 200, "ok", "", True),
        *(1200, 340, 8000, 0, 0, False, 12_345_000_000),
        *(412.5, 9120.25, 85_000, 22_000, 0, 0, "[]", "{}"),
    )


if __name__ == "__main__":
    sys.exit(main())
