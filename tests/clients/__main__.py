"""Installs the clients, plays every scenario through a running proxy, and prints a table.

A client that did not install fails each of its scenarios: nothing is skipped.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.clients.install import Client, Installed, InstallError, install_all
from tests.clients.processes import ProcessError
from tests.clients.scenario import Scenario, Unexpected, require, require_equal
from tests.clients.scenarios import SCENARIOS
from tests.clients.stage import Stage
from tests.clients.upstreams import UpstreamName

_EXIT_FAILED = 1
_EXIT_COUNTS_FOR_NOTHING = 3
_MARKS_OF_A_BUG = ("Traceback (most recent call last)", "panicked at", "was never awaited")

Installation = Mapping[Client, Installed | InstallError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one scenario went; ``failure`` is empty when it passed."""

    scenario: Scenario
    failure: str
    duration_s: float


def main() -> int:
    """The exit code: 0 when every scenario of the project passed."""
    options = _options()
    chosen = [each for each in SCENARIOS if fnmatch.fnmatch(_name(each), f"*{options.only}*")]
    if options.list:
        _print("\n".join(_name(each) for each in chosen))
        return 0
    if not chosen:
        _print(f"no scenario matches {options.only!r}")
        return 2
    installation = install_all(_clients_of(chosen))
    for client, installed in installation.items():
        version = installed.version if isinstance(installed, Installed) else "NOT INSTALLED"
        _print(f"{client.value:22} {version}")
    _print("")
    width = max(len(_name(each)) for each in chosen)
    outcomes = [_play(each, installation, options, width) for each in chosen]
    failed = sum(bool(outcome.failure) for outcome in outcomes)
    if options.straight:
        _print("\nThe proxy was left out (--straight): this run counts for nothing.")
        return _EXIT_COUNTS_FOR_NOTHING
    if len(chosen) < len(SCENARIOS):
        _print(f"\nOnly {len(chosen)} of {len(SCENARIOS)} scenarios were played.")
    _print(f"\n{len(outcomes) - failed} passed, {failed} failed")
    return _EXIT_FAILED if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.clients", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="scenarios that match")
    parser.add_argument("--list", action="store_true", help="print their names and stop")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed ones")
    parser.add_argument(
        "--straight",
        action="store_true",
        help="leave the proxy out, to tell a client's fault from ours; never counts as passed",
    )
    return parser.parse_args()


def _play(
    scenario: Scenario, installation: Installation, options: argparse.Namespace, width: int
) -> Outcome:
    started_s = time.monotonic()
    failure = _failure(scenario, installation, options)
    outcome = Outcome(scenario=scenario, failure=failure, duration_s=time.monotonic() - started_s)
    word = "failed" if failure else "passed"
    _print(f"{_name(scenario):{width}}  {word}  {outcome.duration_s:5.1f} s")
    if failure:
        _print("    " + failure.replace("\n", "\n    "))
    return outcome


def _failure(scenario: Scenario, installation: Installation, options: argparse.Namespace) -> str:
    clients: dict[Client, Installed] = {}
    for client in _clients_of([scenario]):
        installed = installation[client]
        if isinstance(installed, InstallError):
            return f"{client.value} is not installed: {installed}"
        clients[client] = installed
    try:
        with Stage(
            scenario.upstream,
            clients,
            is_straight=options.straight,
            accounts=scenario.accounts,
            formats=scenario.formats,
            settings=scenario.settings,
        ) as stage:
            failure = _play_on(stage, scenario)
            if failure and options.keep:
                stage.is_kept = True
                return f"{failure}\nkept: {stage.folder}"
            return failure
    except (ProcessError, OSError) as error:
        return str(error)


def _play_on(stage: Stage, scenario: Scenario) -> str:
    try:
        scenario.play(stage)
        require_equal(stage.attempts_to_leave, (), "requests for other machines")
        for mark in _MARKS_OF_A_BUG:
            require(mark not in stage.proxy_said, f"the proxy said {stage.proxy_said[-500:]}")
        require(stage.account_key not in stage.proxy_said, "the proxy printed the account's key")
    # Whatever an answer of another shape makes of a scenario, the others are still to be played.
    except Exception as error:
        said = f"\nproxy: {stage.proxy_said[-500:]}" if stage.proxy_said else ""
        reason = str(error) if isinstance(error, Unexpected | ProcessError) else repr(error)
        return f"{reason}{said}"
    return ""


def _clients_of(scenarios: Sequence[Scenario]) -> list[Client]:
    wanted = {each.client for each in scenarios}
    if any(each.upstream is UpstreamName.AIMOCK for each in scenarios):
        wanted.add(Client.AIMOCK)
    return [client for client in Client if client in wanted]


def _name(scenario: Scenario) -> str:
    return f"{scenario.client.value}: {scenario.title}"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
