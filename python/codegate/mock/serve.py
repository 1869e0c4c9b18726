"""The mock as a process: prints its address when it listens, ends on SIGTERM."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from codegate.mock.options import Options
from codegate.mock.provider import MockProvider


def serve(options: Options) -> int:
    """Run until SIGTERM or SIGINT; the only line on standard output is the address.

    Returns the exit code: 1 when the address cannot be bound.
    """
    try:
        asyncio.run(_serve(options))
    except OSError as error:
        sys.stderr.write(f"mock: cannot listen on {options.host}:{options.port}: {error}\n")
        return 1
    return 0


async def _serve(options: Options) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with MockProvider(options) as provider:
        sys.stdout.write(f"{provider.url}\n")
        sys.stdout.flush()
        await ended.wait()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. See --help.\n")


def read_options(arguments: Sequence[str], *, program: str = "python -m codegate.mock") -> Options:
    """The options in command-line words. Exits with 2 and one line when they are wrong."""
    parser = _Parser(prog=program, description="A provider that answers by script.")
    defaults = Options()
    parser.add_argument("--host", default=defaults.host)
    parser.add_argument("--port", type=int, default=defaults.port, help="0 takes a free one")
    parser.add_argument("--pace", type=float, default=0.0, help="ms between stream deltas")
    parser.add_argument("--deltas", type=int, default=defaults.deltas, help="pieces of a text")
    parser.add_argument("--require-key", metavar="KEY", help="take this key only")
    parser.add_argument("--journal", type=Path, metavar="FILE", help="append JSON lines")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE")
    parser.add_argument("--tls-key", type=Path, metavar="FILE")
    parser.add_argument("--http2", action="store_true", help="offer HTTP/2; needs TLS")
    words = parser.parse_args(arguments)
    if words.http2 and words.tls_certificate is None:
        parser.error("--http2 needs --tls-certificate")
    return Options(
        host=words.host,
        port=words.port,
        pace_ms=words.pace,
        deltas=words.deltas,
        require_key=words.require_key,
        journal_file=words.journal,
        tls_certificate=words.tls_certificate,
        tls_key=words.tls_key,
        http2=words.http2,
    )
