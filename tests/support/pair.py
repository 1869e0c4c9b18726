"""Two accounts for each format and kind of answer, behind one proxy, with an upstream each.

The four pairs are used at the same time, so that each row of a table costs its waits once.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from codegate.mock.journal import Entry
from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import Answer, call

KEY = "sk-canary-pair-77aa"
FORMATS = ("anthropic_messages", "openai_chat")
SHOWN_S = 4.0

T = TypeVar("T")


@dataclass(kw_only=True)
class Pair:
    """``first`` is asked before ``second``; only they take ``model``."""

    proxy: Proxy
    wire_format: str
    stream: bool
    first: ThreadedMock
    second: ThreadedMock

    @property
    def label(self) -> str:
        return f"{self.wire_format}-{'stream' if self.stream else 'plain'}"

    @property
    def model(self) -> str:
        return f"mock-{self.label}"

    @property
    def names(self) -> tuple[str, str]:
        """The accounts' names."""
        return f"first-{self.label}", f"second-{self.label}"

    def ask(self, *, is_pinned: bool = False, timeout_s: float = 10.0) -> Answer:
        """One request; pinned it may go to the first account only."""
        headers = [("x-codegate-account", self.names[0])] if is_pinned else []
        return call(
            self.proxy.port,
            self.proxy.key,
            self.wire_format,
            self.model,
            stream=self.stream,
            headers=headers,
            timeout_s=timeout_s,
        )

    def seen(self, mock: ThreadedMock) -> list[Entry]:
        """This pair's requests at an upstream."""
        return [entry for entry in mock.requests if entry.model == self.model]

    def health(self) -> dict[str, Any]:
        """What the proxy shows of the first account."""
        return self.shown(self.names[0])

    def shown(self, name: str) -> dict[str, Any]:
        """What the proxy shows of an account."""
        text = (self.proxy.data_dir / "health.json").read_text()
        shown: dict[str, Any] = json.loads(text)["accounts"].get(name)
        return shown or {"state": "not in force", "reason": ""}

    def wait_state(self, state: str) -> dict[str, Any]:
        """Wait until the first account is shown in that state."""
        wait_until(lambda: self.health()["state"] == state, SHOWN_S, f"{self.label} {state}")
        return self.health()


@dataclass(kw_only=True)
class Pairs:
    """All four pairs over two upstreams."""

    pairs: list[Pair]
    first: ThreadedMock
    second: ThreadedMock
    cli: Cli

    def each(self, use: Callable[[Pair], T], *, at_once: int = 4) -> list[T]:
        """``use`` for every pair, so many at the same time; raises what any of them raised."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(use, self.pairs))

    def heal(self) -> None:
        """No fault, no cooldown, nothing seen."""
        count = 1 if self.second.fault is None else 2
        self.first.fault = self.second.fault = None
        begun_ms = int(time.time() * 1000)
        names = [name for pair in self.pairs for name in pair.names[:count]]
        for name in names:
            self.cli.ok("accounts", "enable", name)

        def is_done() -> bool:
            shown = [self.pairs[0].shown(name) for name in names]
            in_force = all(health.get("updated_ms", 0) >= begun_ms for health in shown)
            return in_force and all(health["state"] == "healthy" for health in shown)

        wait_until(is_done, SHOWN_S, "every account is well")
        self.first.journal.clear()
        self.second.journal.clear()


OTHER = dict(zip(FORMATS, reversed(FORMATS), strict=True))


@contextlib.contextmanager
def four_pairs(data_dir: Path, *, crossed: str = "", **settings: object) -> Iterator[Pairs]:
    """The pairs for the length of a block. The accounts in ``crossed`` (``first``, ``second`` or
    both) speak the other format than the client."""
    with (
        run_in_thread(Options()) as first,
        run_in_thread(Options()) as second,
        running(data_dir, upstream_key=KEY, settings=settings) as proxy,
    ):
        cli = Cli(data_dir)
        pairs = []
        for wire_format in FORMATS:
            for stream in (False, True):
                pair = Pair(
                    proxy=proxy, wire_format=wire_format, stream=stream, first=first, second=second
                )
                for name, mock in zip(pair.names, (first, second), strict=True):
                    is_crossed = name.partition("-")[0] in crossed.split()
                    spoken = OTHER[wire_format] if is_crossed else wire_format
                    cli.ok(
                        *("accounts", "add", name, "--provider", "custom", "--api-key-stdin"),
                        *("--base-url", mock.url, "--format", spoken),
                        *("--model", pair.model),
                        *("--priority", "1" if mock is first else "0"),
                        stdin=KEY + "\n",
                    )
                pairs.append(pair)
        wait_until(lambda: proxy.health()["accounts"] == 8, SHOWN_S, "the accounts are in force")
        for pair in pairs:
            pair.wait_state("healthy")
        yield Pairs(pairs=pairs, first=first, second=second, cli=cli)


def ends_in_s(health: dict[str, Any]) -> float:
    """Seconds until a cooldown that is shown ends."""
    return float(health["until_ms"]) / 1000 - time.time()
