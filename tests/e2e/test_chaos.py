"""The chaos run in small: many clients, four of five accounts failing in turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from tests.chaos.run import Plan, run


def test_clients_notice_nothing_of_failing_accounts(tmp_path: Path) -> None:
    plan = Plan(
        seconds=6.0, clients=10, seed=9212, strategy="round-robin", has_failover=True, outage_s=2.0
    )
    report = asyncio.run(run(tmp_path, plan))
    verdicts = Counter(one.verdict for one in report.seen)
    bad = [one for one in report.seen if one.verdict in {"refused", "wrong"}]
    assert not bad
    assert verdicts["whole"] > 100
    assert report.answered_twice == 0
    assert sum(report.tried.values()) > len(report.seen), "no account failed"
    assert report.after_outage_s is not None
    assert any(one.verdict == "refused" for one in report.outage), "there was no outage"


def test_without_failover_the_same_run_shows_errors(tmp_path: Path) -> None:
    plan = Plan(
        seconds=3.0, clients=10, seed=9212, strategy="round-robin", has_failover=False, outage_s=0.0
    )
    report = asyncio.run(run(tmp_path, plan))
    assert any(one.verdict == "refused" for one in report.seen)
