"""The peers, each started as its own documents say is fast: one process on one core, and one file
of settings beside this with a reason for each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import ClassVar

from benches.bodies import MESSAGES
from benches.cells import Cell
from benches.gateways import Gateway
from benches.peers import install
from benches.upstream import Address

_HERE = Path(__file__).resolve().parent
#: What a peer calls the provider whose format the upstream speaks.
_KINDS = {True: "anthropic", False: "openai"}
#: They import thousands of modules before they answer.
_SLOW_START_S = 90.0


class Peer(Gateway):
    """A gateway that somebody else makes."""

    is_peer = True

    def writes(self, cell: Cell) -> bool:
        """Bodies may be written anew in any cell: what they say is judged, not their bytes."""
        return True

    @property
    def settings(self) -> Path:
        raise NotImplementedError

    def filled(self, upstream: Address) -> str:
        """The file of settings, made ready for this upstream."""
        is_messages = upstream.wire_format == MESSAGES
        return self.settings.read_text().format(
            port=self.port,
            key=self.key,
            kind=_KINDS[is_messages],
            upstream=upstream.url,
            base=upstream.url if is_messages else f"{upstream.url}/v1",
        )


class Crabllm(Peer):
    """In Rust, as built from its crate with its own lock file and default features. It reads the
    usage of each answer, sums it, and writes a line."""

    name = "crabllm"
    settings = _HERE / "crabllm.toml"
    #: What it logs.
    log: ClassVar[str] = "warn,crabllm_proxy::ext::logging=info"

    @classmethod
    def version(cls) -> str:
        return install.CRABLLM_VERSION

    def start(self, upstream: Address, folder: Path) -> None:
        self.choose_port()
        config = folder / "crabllm.toml"
        config.write_text(self.filled(upstream))
        env = {**os.environ, "RUST_LOG": self.log}
        self._serve([str(install.crabllm()), "serve", "--config", str(config)], folder, env)


class CrabllmBare(Crabllm):
    """The same as it comes: nothing is read from an answer, and nothing kept of a request."""

    name = "crabllm-bare"
    settings = _HERE / "crabllm-bare.toml"
    does_less = True
    log = "warn"


class Portkey(Peer):
    """On Node.js. It checks no keys, and is told by headers where each request goes."""

    name = "portkey"
    settings = _HERE / "portkey.headers"

    def __init__(self) -> None:
        super().__init__()
        self._headers: list[str] = []

    @classmethod
    def version(cls) -> str:
        package = Path(install.portkey()[1]).parents[1] / "package.json"
        return str(json.loads(package.read_text())["version"])

    def headers(self, wire_format: str) -> list[str]:
        return [*super().headers(wire_format), *self._headers]

    def start(self, upstream: Address, folder: Path) -> None:
        self.choose_port()
        lines = self.filled(upstream).splitlines()
        self._headers = [line for line in lines if not line.startswith("#")]
        env = {**os.environ, "NODE_ENV": "production"}
        # Without its console, which keeps every request for a page.
        self._serve([*install.portkey(), f"--port={self.port}", "--headless"], folder, env)


class Litellm(Peer):
    """In Python, on the server that it comes with."""

    name = "litellm"
    settings = _HERE / "litellm.yaml"
    start_timeout_s: ClassVar[float] = _SLOW_START_S

    @classmethod
    def version(cls) -> str:
        pins = install.REQUIREMENTS.read_text().splitlines()
        return next(line for line in pins if line.startswith("litellm==")).split()[0][9:]

    def start(self, upstream: Address, folder: Path) -> None:
        self.choose_port()
        config = folder / "litellm.yaml"
        config.write_text(self.filled(upstream))
        # From its page on production: no debug mode, errors alone in the log. The list of prices
        # is the one that it ships with, for there is nothing to fetch another from. A stream of
        # equal deltas, which the mock's are, would be taken for a model that has gone astray.
        env = {
            **os.environ,
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "REPEATED_STREAMING_CHUNK_LIMIT": "1000000",
        }
        command = [str(install.litellm()), "--config", str(config), "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--num_workers", "1"]
        self._serve(command, folder, env)

    def is_ready(self) -> bool:
        return self._status("/health/liveliness") is not None


PEERS: tuple[type[Peer], ...] = (Crabllm, CrabllmBare, Portkey, Litellm)
