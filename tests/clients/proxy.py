"""The CodeGate under test, as its own process, in front of one upstream."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.clients.install import CODEGATE
from tests.clients.processes import Running, free_port
from tests.clients.upstreams import Upstream, answers

FORMATS = ("anthropic_messages", "openai_chat")

_READY_TIMEOUT_S = 30.0
_KEY_VARIABLE = "CLIENT_TESTS_ACCOUNT_KEY"


class Proxy:
    """A running proxy; ``key`` is what its callers must show."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        accounts: int,
        settings: Sequence[str],
        account_key: str,
        data: Path,
        env: Mapping[str, str],
        formats: Sequence[str] = FORMATS,
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        data.mkdir(parents=True)
        argv = (
            *(CODEGATE, "serve"),
            *("--host", "127.0.0.1", "--proxy-port", str(port), "--data-dir", str(data)),
            *(w for name in formats for w in ("--upstream", f"{name}={upstream.url}") * accounts),
            *("--upstream-key-env", _KEY_VARIABLE),
            # Scenarios read what became of each exchange, not only of the failed ones.
            *(word for each in ("access_log=on", *settings) for word in ("--setting", each)),
        )
        self._running = Running(
            argv,
            env={**env, "HOME": str(data), "PATH": os.defpath, _KEY_VARIABLE: account_key},
            folder=data,
        )
        try:
            self._running.wait_ready(lambda: answers(f"{self.url}/readyz"), _READY_TIMEOUT_S)
            self.key = (data / "proxy-key").read_text().strip()
        except BaseException:
            self._running.stop()
            raise

    @property
    def said(self) -> str:
        """All that the proxy wrote to its standard output and error."""
        return self._running.said

    def stop(self) -> None:
        """Ends the process."""
        self._running.stop()
