"""One run: five mock providers, a proxy over them, clients, and the faults of the schedule."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.chaos.schedule import ACCOUNTS, FAULTS, Window, windows
from tests.chaos.traffic import Clients, Seen
from tests.support.cli import Cli
from tests.support.proxy import Proxy

FIRST_BYTE_S = 2.0
COOLDOWN_S = 2.0
AGAIN_S = 2.0
"""How soon a healed account must serve again once its cooldown is over."""

_OUTAGE = "status-500"
_LATE_S = FIRST_BYTE_S
_PACE_MS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run. ``outage_s`` 0 leaves the outage of all accounts out."""

    seconds: float
    clients: int
    seed: int
    strategy: str
    has_failover: bool
    outage_s: float


@dataclass(slots=True, kw_only=True)
class Report:
    """What was seen. Times are ``time.monotonic()`` seconds unless they say otherwise."""

    plan: Plan
    windows: list[Window]
    seen: list[Seen] = field(default_factory=list)
    outage: list[Seen] = field(default_factory=list)
    answered: dict[str, int] = field(default_factory=dict)
    """Good answers by account."""
    tried: dict[str, int] = field(default_factory=dict)
    """Requests that reached the account."""
    again_s: dict[str, float] = field(default_factory=dict)
    """The longest time from an account's healing, or the end of the cooldown that it still had
    then, to its next good answer."""
    never_again: list[str] = field(default_factory=list)
    answered_twice: int = 0
    after_outage_s: float | None = None


@contextlib.contextmanager
def _stage(folder: Path, plan: Plan) -> Iterator[tuple[Proxy, dict[str, ThreadedMock]]]:
    options = Options(pace_ms=_PACE_MS, journal_size=200_000)
    with ExitStack() as stack:
        mocks = {name: stack.enter_context(run_in_thread(options)) for name in ACCOUNTS}
        proxy = Proxy(
            folder / "data",
            settings={
                "first_byte_timeout_s": FIRST_BYTE_S,
                "plain_first_byte_timeout_s": FIRST_BYTE_S,
                "cooldown_base_s": COOLDOWN_S,
                "auto_switch_on_error": str(plan.has_failover).lower(),
                "auto_switch_on_rate_limit": str(plan.has_failover).lower(),
            },
        )
        stack.callback(proxy.stop)
        cli = Cli(proxy.data_dir)
        for name, mock in mocks.items():
            cli.ok(
                *("accounts", "add", name, "--provider", "custom", "--api-key", f"key-{name}"),
                *("--format", "anthropic_messages", "--base-url", mock.url),
                *("--endpoint", f"openai_chat={mock.url}/v1"),
            )
        tiers = [part for name in mocks for part in ("--tier", f"sonnet={name}")]
        cli.ok("configs", "add", "chaos", "--strategy", plan.strategy, *tiers)
        cli.ok("configs", "activate", "chaos")
        time.sleep(1.0)
        yield proxy, mocks


async def run(folder: Path, plan: Plan) -> Report:
    """Play the plan in ``folder``. The proxy's log is checked for tracebacks at the end."""
    report = Report(plan=plan, windows=windows(plan.seconds, plan.seed))
    with _stage(folder, plan) as (proxy, mocks):
        clients = Clients(proxy.url, proxy.key, plan.clients)
        traffic = asyncio.create_task(clients.run())
        started = time.monotonic()
        healed = await _play(report.windows, mocks, started, plan.seconds)
        report.seen = list(clients.seen)
        _look_back(report, proxy, mocks, started, healed)
        if plan.outage_s:
            await _outage(report, clients, mocks)
        clients.stop()
        await traffic
        if not plan.outage_s:
            report.seen = clients.seen
        proxy.stop()
        proxy.check_log()
    return report


async def _play(
    found: list[Window], mocks: dict[str, ThreadedMock], started: float, seconds: float
) -> list[tuple[str, float]]:
    """Turn faults on and off; the accounts with the times of their healing."""
    steps = [(w.begin_s, w.account, FAULTS[w.account]) for w in found]
    steps += [(w.end_s, w.account, "") for w in found]
    healed = []
    for at, account, fault in sorted(steps):
        await asyncio.sleep(max(0.0, started + at - time.monotonic()))
        mocks[account].fault = fault or None
        if not fault:
            healed.append((account, time.monotonic()))
    await asyncio.sleep(max(0.0, started + seconds - time.monotonic()))
    return healed


def _look_back(
    report: Report,
    proxy: Proxy,
    mocks: dict[str, ThreadedMock],
    started: float,
    healed: list[tuple[str, float]],
) -> None:
    over = started + report.plan.seconds
    good: dict[str, list[float]] = {}
    asked: dict[str, int] = {}
    for name, mock in mocks.items():
        entries = [e for e in mock.requests if e.body]
        whole = [e for e in entries if e.outcome == "answered" and e.status == 200 and not e.fault]
        report.tried[name] = len(entries)
        report.answered[name] = len(whole)
        good[name] = [e.ended_at for e in whole if e.ended_at is not None]
        for entry in whole:
            asked[entry.body_sha256] = asked.get(entry.body_sha256, 0) + 1
    report.answered_twice = sum(count > 1 for count in asked.values())
    cooling = _cooling(proxy)
    for name, at in healed:
        # Requests that the account had when it was healed may still fail a moment later.
        ends = [
            e
            for account, since, e in cooling
            if account == name and since < at + _LATE_S and at < e
        ]
        free = max([at, *ends])
        failing = [w.begin_s + started for w in report.windows if w.account == name]
        until = min([begin for begin in failing if begin > at], default=over)
        if free + AGAIN_S > until:
            # It had no time to come back before it failed again, or before the end.
            continue
        took = min((t for t in good[name] if t > at), default=None)
        if took is None or took > until:
            report.never_again.append(name)
        else:
            report.again_s[name] = max(report.again_s.get(name, 0.0), took - free)


def _cooling(proxy: Proxy) -> list[tuple[str, float, float]]:
    """(account, from, to) of each cooldown, by the proxy's log."""
    offset = time.time() - time.monotonic()
    found = []
    for text in proxy.log.splitlines():
        line = json.loads(text)
        if line["message"] == "account cooling" and line["cooling_s"]:
            since = datetime.fromisoformat(line["time"]).timestamp() - offset
            found.append((line["account"], since, since + line["cooling_s"]))
    return found


async def _outage(report: Report, clients: Clients, mocks: dict[str, ThreadedMock]) -> None:
    """Every account fails without saying for how long, then none does."""
    first = len(clients.seen)
    for mock in mocks.values():
        mock.fault = _OUTAGE
    await asyncio.sleep(report.plan.outage_s)
    for mock in mocks.values():
        mock.fault = None
    healed = time.monotonic()
    while report.after_outage_s is None and time.monotonic() < healed + 30:
        await asyncio.sleep(0.02)
        good = [s.ended for s in clients.seen[first:] if s.verdict == "whole" and s.ended > healed]
        if good:
            report.after_outage_s = min(good) - healed
    report.outage = clients.seen[first:]
