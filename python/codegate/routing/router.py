"""The default route: every account that speaks the caller's format and takes the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codegate.accounts.account import Account, AccountEndpoint
from codegate.errors import NoUpstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What one attempt goes to: an account, its endpoint, and the model asked there."""

    account: Account
    endpoint: AccountEndpoint
    model: str


def plan(accounts: Iterable[Account], *, wire_format: str, model: str) -> tuple[Upstream, ...]:
    """Upstreams to try, best first; never empty, else ``NoUpstream`` says what is missing.

    Higher priority first, then the older account. The next one serves failover only.
    """
    speaking = [a for a in accounts if wire_format in a.endpoints]
    if not speaking:
        raise NoUpstream(
            f"no account speaks {wire_format}; the operator of the proxy adds one with "
            "`codegate accounts add`"
        )
    taking = sorted((a for a in speaking if a.takes(model)), key=lambda a: (-a.priority, a.created))
    if not taking:
        raise NoUpstream("no account offers this model; GET /v1/models lists what is offered")
    return tuple(
        Upstream(account=a, endpoint=a.endpoints[wire_format], model=a.sends(model)) for a in taking
    )
