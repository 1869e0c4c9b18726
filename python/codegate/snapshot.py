"""The immutable view of accounts and settings that the hot path reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from codegate import native
from codegate.accounts.account import Account
from codegate.catalog.catalog import Catalog, shipped
from codegate.catalog.price import Price
from codegate.routing.configs import RoutingConfig
from codegate.routing.router import Plan, Routes
from codegate.settings.settings import Settings

_MAX_PLANS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Replaced whole when anything in it changes; an exchange keeps the one it began with."""

    settings: Settings
    accounts: tuple[Account, ...]
    keys: dict[bytes, str]
    """SHA-256 of each key that opens the proxy, to the tenant it belongs to."""
    stream_deadlines: native.Deadlines
    plain_deadlines: native.Deadlines
    routes: Routes
    guards: Mapping[str, native.Guard] = field(default_factory=dict)
    """What masks the requests of a tenant; empty while guardrails are off."""
    plans: dict[tuple[str, str, str | None, str], Plan] = field(default_factory=dict)
    """Plans already worked out; they depend on nothing but this snapshot."""
    own_deadlines: Mapping[tuple[str, bool], native.Deadlines] = field(default_factory=dict)
    """Those of accounts with a timeout of their own, by name and whether it streams."""
    catalog: Catalog = field(default_factory=shipped)
    prices: dict[str, Price | None] = field(default_factory=dict)
    """Prices already looked up."""
    output_limits: dict[tuple[str, str], int | None] = field(default_factory=dict)
    """Output limits already looked up."""

    def max_output(self, model: str, asked: str) -> int | None:
        """See ``Catalog.max_output``; noted in ``output_limits``."""
        key = (model, asked)
        if len(self.output_limits) >= _MAX_PLANS:
            self.output_limits.clear()
        limit = self.output_limits[key] = self.catalog.max_output(model, asked=asked)
        return limit

    def price(self, model: str) -> Price | None:
        """What tokens of ``model`` cost; ``None`` where no price is known."""
        if model in self.prices:
            return self.prices[model]
        if len(self.prices) >= _MAX_PLANS:
            self.prices.clear()
        price = self.prices[model] = self.catalog.price(model)
        return price

    def deadlines(self, is_streaming: bool, account: Account) -> native.Deadlines:
        """The times of one attempt."""
        if account.timeout_s is not None:
            return self.own_deadlines[account.name, is_streaming]
        return self.stream_deadlines if is_streaming else self.plain_deadlines

    def plan(
        self, *, wire_format: str, model: str, pin: str | None = None, needs: str = ""
    ) -> Plan:
        """See ``routing.router.Routes``; ``pin`` is the account that the client asks for, ``needs``
        what the model has to have."""
        key = (wire_format, model, pin, needs)
        found = self.plans.get(key)
        if found is None:
            if needs:
                found = self.plan(wire_format=wire_format, model=model, pin=pin).fitting(needs)
            else:
                found = self.routes.survey(wire_format=wire_format, model=model, pin=pin).plan()
            if len(self.plans) >= _MAX_PLANS:
                # Clients choose model names; the table must not grow with them.
                self.plans.clear()
            self.plans[key] = found
        return found


def build(
    *,
    settings: Settings,
    accounts: tuple[Account, ...],
    keys: dict[bytes, str],
    aliases: Mapping[str, str] | None = None,
    catalog: Catalog | None = None,
    config: RoutingConfig | None = None,
    guards: Mapping[str, native.Guard] | None = None,
    unused: frozenset[str] = frozenset(),
) -> Snapshot:
    """A snapshot with everything that follows from its parts worked out."""
    known = catalog or shipped()
    own: dict[tuple[str, bool], native.Deadlines] = {}
    for account in accounts:
        if account.timeout_s is not None:
            own[account.name, True] = _deadlines(
                settings, account.timeout_s, settings.stream_timeout_s
            )
            own[account.name, False] = _deadlines(
                settings, account.timeout_s, settings.total_timeout_s
            )
    return Snapshot(
        settings=settings,
        accounts=accounts,
        keys=keys,
        stream_deadlines=_deadlines(
            settings, settings.first_byte_timeout_s, settings.stream_timeout_s
        ),
        plain_deadlines=_deadlines(
            settings, settings.plain_first_byte_timeout_s, settings.total_timeout_s
        ),
        own_deadlines=own,
        routes=Routes(
            accounts=accounts,
            aliases=aliases or {},
            catalog=known,
            config=config,
            unused=unused,
        ),
        catalog=known,
        guards=guards or {},
    )


def _deadlines(settings: Settings, first_byte_s: float, total_s: float) -> native.Deadlines:
    return native.Deadlines(
        connect_s=settings.connect_timeout_s,
        first_byte_s=first_byte_s,
        idle_s=settings.idle_timeout_s,
        total_s=total_s,
        write_s=settings.write_timeout_s,
        keep_alive_s=settings.keep_alive_interval_s,
        max_answer_bytes=settings.max_answer_bytes,
    )


def key_digest(key: bytes) -> bytes:
    """What a presented key is looked up by: the whole key counts, never a prefix."""
    return hashlib.sha256(key).digest()
