"""The default route: every account that speaks the caller's format and takes the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from codegate.accounts.account import Account, AccountEndpoint
from codegate.errors import NoUpstream
from codegate.routing.configs import RoutingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What one attempt goes to: an account, its endpoint, and the model asked there."""

    account: Account
    endpoint: AccountEndpoint
    model: str
    strategy: str = "default"
    """What chose it: a config's strategy, or the default route."""


def plan(
    accounts: Iterable[Account],
    *,
    wire_format: str,
    model: str,
    config: RoutingConfig | None = None,
    tier: str | None = None,
) -> tuple[Upstream, ...]:
    """Upstreams to try, best first; never empty, else ``NoUpstream`` says what is missing.

    ``tier`` is the model's. With a config that has assignments for it these are the upstreams, in
    their order. Else it is the default route: higher priority first, then the older account. The
    next one serves failover only.
    """
    speaking = [a for a in accounts if wire_format in a.endpoints]
    if not speaking:
        raise NoUpstream(
            f"no account speaks {wire_format}; the operator of the proxy adds one with "
            "`codegate accounts add`"
        )
    if config is not None:
        assigned = _assigned(speaking, config, wire_format=wire_format, model=model, tier=tier)
        if assigned is not None:
            return assigned
    taking = sorted((a for a in speaking if a.takes(model)), key=lambda a: (-a.priority, a.created))
    if not taking:
        raise NoUpstream("no account offers this model; GET /v1/models lists what is offered")
    return tuple(
        Upstream(account=a, endpoint=a.endpoints[wire_format], model=a.sends(model)) for a in taking
    )


def _assigned(
    speaking: list[Account],
    config: RoutingConfig,
    *,
    wire_format: str,
    model: str,
    tier: str | None,
) -> tuple[Upstream, ...] | None:
    """What the config says about the model; ``None`` where it says nothing."""
    by_name = {account.name: account for account in speaking}
    assignments = config.assignments(tier)
    if tier is None:
        # A name of no tier goes only where somebody said that it is known.
        assignments = tuple(
            a
            for a in assignments
            if a.model is not None or (a.account in by_name and by_name[a.account].names(model))
        )
    if not assignments:
        return None
    found = tuple(
        Upstream(
            account=by_name[a.account],
            endpoint=by_name[a.account].endpoints[wire_format],
            model=by_name[a.account].sends(a.model or model),
            strategy=config.strategy,
        )
        for a in assignments
        if a.account in by_name
    )
    if not found:
        raise NoUpstream(
            f"no account that the config {config.name} names for this model can be used"
        )
    return found
