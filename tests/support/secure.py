"""A mock behind TLS and a proxy that trusts it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.authority import Authority
from tests.support.proxy import Proxy


@dataclass(frozen=True, slots=True, kw_only=True)
class Secure:
    """``protocol`` is what both sides agree on: ``http/1.1`` or ``h2``."""

    protocol: str
    proxy: Proxy
    mock: ThreadedMock


@contextlib.contextmanager
def secure_pair(
    directory: Path, protocol: str, *, formats: tuple[str, ...], settings: Mapping[str, object]
) -> Iterator[Secure]:
    """Both, for the length of a block."""
    authority = Authority(directory)
    is_h2 = protocol == "h2"
    context = authority.context(http2=is_h2)
    with run_in_thread(Options(http2=is_h2), ssl_context=context) as mock:
        proxy = Proxy(
            directory / "data",
            upstreams=[f"{name}={mock.url}" for name in formats],
            settings=settings,
            env={"SSL_CERT_FILE": str(authority.file)},
        )
        try:
            yield Secure(protocol=protocol, proxy=proxy, mock=mock)
        finally:
            proxy.stop()
    proxy.check_log()
