"""Plays the chaos run with failover on, then a short one with failover off, and prints figures.

Exit 0 when every line holds, 1 when one does not.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.costs import MOST_OVER_HANG_MS, MOST_OVER_REFUSED_MS, Costs, measure
from tests.chaos.run import AGAIN_S, Plan, Report, run
from tests.chaos.schedule import FAULTS, failing_at_once

_SHORT_SHARE = 3


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=9212)
    parser.add_argument("--strategy", default="round-robin")
    options = parser.parse_args()
    plan = Plan(
        seconds=options.seconds,
        clients=options.clients,
        seed=options.seed,
        strategy=options.strategy,
        has_failover=True,
        outage_s=6.0,
    )
    without = Plan(
        seconds=options.seconds / _SHORT_SHARE,
        clients=options.clients,
        seed=options.seed,
        strategy=options.strategy,
        has_failover=False,
        outage_s=0.0,
    )
    with tempfile.TemporaryDirectory(prefix="codegate-chaos-") as folder:
        on = asyncio.run(_in(_made(folder, "on"), plan))
        off = asyncio.run(_in(_made(folder, "off"), without))
        _say("what a failing account costs the request that meets it …")
        costs = measure(_made(folder, "costs"))
    _show(on)
    return _judge(on, off, costs)


def _made(folder: str, name: str) -> Path:
    path = Path(folder, name)
    path.mkdir()
    return path


async def _in(folder: Path, plan: Plan) -> Report:
    _say(
        f"{plan.seconds:g} s, {plan.clients} clients, seed {plan.seed}, "
        f"failover {'on' if plan.has_failover else 'off'} …",
    )
    return await run(folder, plan)


def _show(report: Report) -> None:
    heads = ("account", "fault", "windows", "tried", "answered", "back after s")
    _say("\n{:8} {:20} {:>7} {:>7} {:>8} {:>12}".format(*heads))
    for account, tried in report.tried.items():
        count = sum(w.account == account for w in report.windows)
        again = f"{report.again_s[account]:.2f}" if account in report.again_s else "-"
        _say(
            f"{account:8} {FAULTS.get(account, '-'):20} {count:>7} {tried:>7}"
            f" {report.answered[account]:>8} {again:>12}"
        )
    attempts = Counter(one.attempts for one in report.seen)
    shares = ", ".join(f"{n}: {attempts[n]}" for n in sorted(attempts))
    _say(f"requests by attempts: {shares}")


def _say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _judge(on: Report, off: Report, costs: Costs) -> int:
    verdicts = Counter(one.verdict for one in on.seen)
    refused_off = sum(one.verdict == "refused" for one in off.seen)
    slowest = max(on.again_s.values(), default=0.0)
    after = "never" if on.after_outage_s is None else f"{on.after_outage_s:.2f} s"
    lines = [
        ("requests with failover on", str(len(on.seen)), len(on.seen) > 0),
        ("accounts failing at once, at most", str(failing_at_once(on.windows)), True),
        ("whole answers", str(verdicts["whole"]), verdicts["whole"] > 0),
        ("cut streams, each with one error event", str(verdicts["cut"]), verdicts["cut"] > 0),
        ("errors before the first byte", str(verdicts["refused"]), verdicts["refused"] == 0),
        ("wrong answers", str(verdicts["wrong"]), verdicts["wrong"] == 0),
        ("requests answered by two accounts", str(on.answered_twice), on.answered_twice == 0),
        ("accounts that did not come back", str(len(on.never_again)), not on.never_again),
        ("longest wait of a healed account", f"{slowest:.2f} s", slowest <= AGAIN_S),
        (
            "first answer after an outage of all",
            after,
            on.after_outage_s is not None and on.after_outage_s <= AGAIN_S,
        ),
        (
            "a hang, over its deadline, median",
            f"{costs.hang_median:.1f} ms",
            costs.hang_median <= MOST_OVER_HANG_MS,
        ),
        ("a hang, over its deadline, most", f"{costs.hang_most:.1f} ms", True),
        (
            "a refused connection, median",
            f"{costs.refused_median:.1f} ms",
            costs.refused_median <= MOST_OVER_REFUSED_MS,
        ),
        (f"errors with failover off, of {len(off.seen)}", str(refused_off), refused_off > 0),
    ]
    _say()
    for text, value, holds in lines:
        _say(f"{'ok  ' if holds else 'FAIL'} {text:42} {value:>10}")
    for one in [s for s in on.seen if s.verdict in {"refused", "wrong"}][:10]:
        _say(f"     {one.name} {one.wire_format} {one.verdict}: {one.detail}")
    return 0 if all(holds for _, _, holds in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
