"""What a scenario is, and how it says that something is not as it should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.clients.install import Client
from tests.clients.proxy import FORMATS
from tests.clients.stage import Stage
from tests.clients.upstreams import UpstreamName

_SHOWN_CHARACTERS = 600


class Unexpected(Exception):  # noqa: N818
    """Something that a user of the client would call broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One use of one client; ``play`` raises ``Unexpected`` when it goes wrong."""

    client: Client
    title: str
    play: Callable[[Stage], None]
    upstream: UpstreamName = UpstreamName.CODEGATE_MOCK
    formats: tuple[str, ...] = FORMATS
    """What the proxy's accounts speak; a client of another format is translated for."""
    accounts: int = 1
    """How many accounts the proxy has at the upstream, in each format."""
    settings: tuple[str, ...] = ()
    """``NAME=VALUE`` for the proxy."""


def require(claim: bool, otherwise: str) -> None:
    """Raises ``Unexpected`` with the text unless the claim holds."""
    if not claim:
        raise Unexpected(otherwise[:_SHOWN_CHARACTERS])


def require_equal(found: object, wanted: object, what: str) -> None:
    """Raises ``Unexpected`` that shows both values unless they are equal."""
    require(found == wanted, f"{what}: {found!r} instead of {wanted!r}")
