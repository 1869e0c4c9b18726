"""From a model's name to the accounts that may be asked for it, and why the others may not.

What a name means, the first that fits: the account that a header pins; an alias; a tier with
assignments in the active config; ``codegate``; a name that some account lists; ``ACCOUNT/MODEL``;
the config's assignments for names of no tier; any account that takes the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from codegate.accounts.account import Account, AccountEndpoint
from codegate.catalog.catalog import TIERS, Catalog, shipped
from codegate.errors import BadRequest, NoUpstream
from codegate.routing.configs import Assignment, RoutingConfig
from codegate.routing.needs import IMAGES, TOOLS, known

ANY_MODEL = "codegate"
"""The name by which a client leaves the model to its route."""

DEFAULT = "default"
PINNED = "pinned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What one attempt goes to: an account, its endpoint, and the model asked there."""

    account: Account
    endpoint: AccountEndpoint
    model: str
    strategy: str = DEFAULT
    """What chose it: a config's strategy, the default route, or a pin."""
    abilities: str = ""
    """What is known of the model there; see ``needs.Known.letters``."""

    def lacks(self, needs: str) -> str:
        """What of ``needs`` is known to be missing here."""
        return "".join(need for need in needs if need in self.abilities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The upstreams of a route in their order, and the strategy that reorders them."""

    upstreams: tuple[Upstream, ...]
    strategy: str = DEFAULT
    group: str = ""
    """Requests of one group take turns, and share the homes of their conversations."""
    is_pinned: bool = False
    lacking: str = ""
    """What some of several upstreams are known to lack, of what requests may need: nothing where
    the answer would change no plan."""
    is_lone: bool = field(init=False)
    """Whether there is only one place to go to."""
    is_plain: bool = field(init=False)
    """Whether it is lone, keeps no turns, and its key is called like its account."""

    def __post_init__(self) -> None:
        """Work out once what each request asks."""
        is_single = len(self.upstreams) == 1
        is_lone = is_single and len(self.upstreams[0].account.credentials) == 1
        object.__setattr__(self, "is_lone", is_lone)
        is_plain = is_lone and self.strategy != "round-robin" and _is_named(self.upstreams[0])
        object.__setattr__(self, "is_plain", is_plain)

    def fitting(self, needs: str) -> Plan:
        """The same without those that lack more of ``needs`` than others do; never none."""
        least = min(len(upstream.lacks(needs)) for upstream in self.upstreams)
        upstreams = tuple(u for u in self.upstreams if len(u.lacks(needs)) == least)
        return replace(self, upstreams=upstreams)


def _is_named(upstream: Upstream) -> bool:
    return upstream.account.credentials == (upstream.account.name,)


def _lacking(upstreams: tuple[Upstream, ...]) -> str:
    return "".join(n for n in (IMAGES, TOOLS) if any(u.lacks(n) for u in upstreams))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One account as a route sees it. Without ``upstream`` it is left out, and ``why`` says it."""

    account: str
    why: str
    upstream: Upstream | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a name means, and what that makes of each account."""

    model: str
    rule: str
    """How the name was understood, in words."""
    entries: tuple[Entry, ...]
    strategy: str = DEFAULT
    group: str = ""
    is_pinned: bool = False
    refusal: str = "no account offers this model; GET /v1/models lists what is offered"
    """What a client is told when no account is left."""

    def plan(self) -> Plan:
        """The accounts that may be asked; never none. Raises ``NoUpstream``."""
        upstreams = tuple(e.upstream for e in self.entries if e.upstream is not None)
        if not upstreams:
            raise NoUpstream(self.refusal)
        return Plan(
            upstreams=upstreams,
            strategy=self.strategy,
            group=self.group,
            is_pinned=self.is_pinned,
            lacking=_lacking(upstreams) if len(upstreams) > 1 else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The names and rules that are in force."""

    accounts: tuple[Account, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Model names of the operator's own, and what they stand for."""
    catalog: Catalog = field(default_factory=shipped)
    config: RoutingConfig | None = None
    """The active one."""
    unused: frozenset[str] = frozenset()
    """Names of accounts that are stored but not in use: to ask for one by name is refused."""

    def survey(self, *, wire_format: str, model: str, pin: str | None = None) -> Survey:
        """What becomes of a request for ``model``. Raises ``BadRequest`` for a pin to nowhere."""
        survey = self._survey(wire_format, model, pin)
        if self.accounts:
            return survey
        return replace(
            survey,
            refusal=f"no account speaks {wire_format}; the operator of the proxy adds one with "
            "`codegate accounts add`",
        )

    def _survey(self, wire_format: str, model: str, pin: str | None) -> Survey:
        meant = self.aliases.get(model, model)
        if pin is not None:
            return self._pinned(wire_format, pin, _without(meant, pin))
        tier = self.catalog.tier(meant)
        config = self.config
        if config is not None and tier is not None and config.assignments(tier):
            return self._assigned(
                wire_format, meant, config.assignments(tier), tier, rule=f"a model of tier {tier}"
            )
        if meant == ANY_MODEL:
            if config is not None and config.assignments(None):
                return self._assigned(
                    wire_format, meant, config.assignments(None), None, rule="any model"
                )
            return self._default(wire_format, meant, rule="any model")
        account, slash, rest = meant.partition("/")
        is_listed = any(a.names(meant) for a in self.accounts)
        is_account = account in self.unused or any(a.name == account for a in self.accounts)
        if slash and rest and not is_listed and is_account:
            return self._pinned(wire_format, account, rest)
        if config is not None and tier is None:
            known = {a.name: a for a in self.accounts}
            # A name of no tier goes only where somebody said that it is known.
            fitting = tuple(
                a
                for a in config.assignments(None)
                if a.model is not None or (a.account in known and known[a.account].names(meant))
            )
            if fitting:
                return self._assigned(wire_format, meant, fitting, None, rule="a model of no tier")
        return self._default(wire_format, meant, rule="no config names accounts for this model")

    def _pinned(self, wire_format: str, name: str, model: str) -> Survey:
        account = next((a for a in self.accounts if a.name == name), None)
        if account is None:
            raise BadRequest("no account of the name that was asked for is in use")
        return Survey(
            model=model,
            rule=f"the account {name} was asked for",
            entries=tuple(
                self._entry(a, wire_format, self._model_at(a, model), PINNED, "asked for by name")
                if a is account
                else Entry(account=a.name, why="another account was asked for")
                for a in self.accounts
            ),
            strategy=PINNED,
            group=f"{name}/{model}",
            is_pinned=True,
            refusal="the account that was asked for has no model of that kind",
        )

    def _assigned(
        self,
        wire_format: str,
        model: str,
        assignments: tuple[Assignment, ...],
        tier: str | None,
        *,
        rule: str,
    ) -> Survey:
        config = self.config
        assert config is not None  # noqa: S101  # only called with one
        known = {account.name: account for account in self.accounts}
        entries: list[Entry] = []
        for assignment in assignments:
            account = known.get(assignment.account)
            if account is None:
                entries.append(Entry(account=assignment.account, why="not in use"))
                continue
            target = assignment.model or self._model_at(account, model)
            entries.append(self._entry(account, wire_format, target, config.strategy, "assigned"))
        named = {entry.account for entry in entries}
        entries += [
            Entry(account=a.name, why="not assigned") for a in self.accounts if a.name not in named
        ]
        return Survey(
            model=model,
            rule=f"{rule}, in the config {config.name}",
            entries=tuple(entries),
            strategy=config.strategy,
            group=f"{config.name}/{tier or model}",
            refusal=f"no account that the config {config.name} names for this model can be used",
        )

    def _default(self, wire_format: str, model: str, *, rule: str) -> Survey:
        """Higher priority first, then whoever speaks the caller's format, then the older account;
        the next one serves failover only."""
        entries = [
            self._entry(a, wire_format, self._model_at(a, model), DEFAULT, "takes this model")
            if a.takes(model) or _is_open(model)
            else Entry(account=a.name, why="does not offer this model")
            for a in sorted(
                self.accounts,
                key=lambda a: (-a.priority, wire_format not in a.endpoints, a.created),
            )
        ]
        survey = Survey(model=model, rule=rule, entries=tuple(entries), group=model)
        if model != ANY_MODEL:
            return survey
        return replace(
            survey,
            refusal="no account has a model for requests that name none; the operator of the "
            "proxy gives one with `codegate accounts edit NAME --default-model M`",
        )

    def _model_at(self, account: Account, model: str) -> str | None:
        """What to ask ``account`` for; ``None`` where it has nothing for an open name."""
        if model == ANY_MODEL:
            return account.default_model or next(iter(account.models), None)
        if _is_open(model) and not account.names(model):
            of_tier = (m for m in account.models if self.catalog.tier(m) == model)
            return next(of_tier, account.default_model or (None if account.models else model))
        if not account.names(model):
            model = _without(model, account.name)
        return model

    def _entry(
        self, account: Account, wire_format: str, model: str | None, strategy: str, why: str
    ) -> Entry:
        native_endpoint = account.endpoints.get(wire_format)
        # What the account does not speak itself is translated.
        endpoint = native_endpoint or next(iter(account.endpoints.values()))
        if model is None:
            return Entry(account=account.name, why="has no model for this name")
        sent = account.sends(model)
        upstream = Upstream(
            account=account,
            endpoint=endpoint,
            model=sent,
            strategy=strategy,
            abilities=known(self.catalog, account, sent).letters,
        )
        return Entry(account=account.name, why=why, upstream=upstream)


def _is_open(model: str) -> bool:
    """Whether a name leaves it to the account which model that is."""
    return model == ANY_MODEL or model in TIERS


def _without(model: str, account: str) -> str:
    """``model`` without the name of the account in front of it."""
    prefix, slash, rest = model.partition("/")
    return rest if slash and rest and prefix == account else model
