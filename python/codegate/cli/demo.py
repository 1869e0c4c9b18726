"""The mock provider beside the proxy, as a process of its own on a free port."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from codegate import native
from codegate.config import UpstreamFlag
from codegate.errors import ConfigError

_START_S = 10.0
_KEY = "demo"


@contextmanager
def start_demo(*, enabled: bool) -> Iterator[tuple[UpstreamFlag, ...]]:
    """The flags that lead to a running mock provider; it ends with the context."""
    if not enabled:
        yield ()
        return
    # Its own session: a Ctrl-C in the terminal must reach the proxy first, which then drains.
    process = subprocess.Popen(  # our own interpreter and module
        [sys.executable, "-m", "codegate", "mock", "--port", "0", "--pace", "20"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    try:
        assert process.stdout is not None  # noqa: S101  # asked for above
        url = process.stdout.readline().strip().rpartition(" ")[2]
        if not url.startswith("http"):
            raise ConfigError("the demo provider did not start")
        yield tuple(
            UpstreamFlag(format=name, base_url=url, api_key=_KEY) for name in native.FORMATS
        )
    finally:
        process.terminate()
        try:
            process.wait(timeout=_START_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
