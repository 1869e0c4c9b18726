"""An account as routing sees it, and the native targets made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from codegate import native
from codegate.accounts.abilities import Abilities
from codegate.accounts.record import AccountRecord
from codegate.config import UpstreamFlag
from codegate.errors import ConfigError
from codegate.providers.base import ENDPOINTS, Endpoint, Provider, endpoint
from codegate.providers.known import provider_named


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEndpoint:
    """One wire format that an account speaks natively."""

    format: str
    address: Endpoint
    targets: tuple[native.Target, ...]
    """One for each of the account's keys."""
    path: str
    """Where requests of this format go."""

    @property
    def target(self) -> native.Target:
        """With the first key, for what is no client's request."""
        return self.targets[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as routing sees it. ``models`` empty: it takes any model name."""

    name: str
    provider: str
    priority: int = 0
    created: int = 0
    """Order of creation; the older account goes first among equals."""
    updated: int = 0
    """Moves with every change an operator makes, `enable` included."""
    models: tuple[str, ...] = ()
    model_map: Mapping[str, str] = field(default_factory=dict)
    default_model: str | None = None
    reasoning_model: str | None = None
    rpm: int = 0
    monthly_budget: int | None = None
    timeout_s: float | None = None
    abilities: Mapping[str, Abilities] = field(default_factory=dict)
    """What trials showed, by model as the service calls it."""
    takes_images: bool | None = None
    """What the service is known for, whatever the model."""
    endpoints: dict[str, AccountEndpoint] = field(default_factory=dict)
    credentials: tuple[str, ...] = ()
    """A name for each key: the account's own where there is one or none, else ``NAME/N``."""
    is_limited: bool = field(init=False)
    """Whether the operator laid a limit on it."""

    def __post_init__(self) -> None:
        """Name the only key where no keys are named."""
        object.__setattr__(self, "is_limited", self.rpm > 0 or bool(self.monthly_budget))
        if not self.credentials:
            object.__setattr__(self, "credentials", (self.name,))

    def takes(self, model: str) -> bool:
        """Whether the account may be asked for ``model``."""
        return not self.models or self.names(model)

    def names(self, model: str) -> bool:
        """Whether the operator said that the account knows ``model``."""
        return model in self.models or model in self.model_map or model == self.default_model

    def sends(self, model: str) -> str:
        """The name under which the account's service knows ``model``."""
        return self.model_map.get(model, model)


def build_endpoint(
    provider: Provider,
    wire_format: str,
    base_url: str,
    api_keys: Sequence[str],
    headers: Mapping[str, str] | None = None,
) -> AccountEndpoint:
    """The native targets for one format, one for each key, or one without. Raises
    ``ConfigError`` for what cannot be used."""
    auth = provider.auth_for(wire_format)
    address = endpoint(provider, base_url)
    own = {name.lower(): value for name, value in (headers or {}).items()}
    fixed = {**dict(provider.headers), **own}

    profile = _profile(provider)

    def target(api_key: str) -> native.Target:
        # A header of the operator's that carries the credential takes the place of ours.
        is_ours = bool(api_key) and auth.header not in own
        credential = (auth.header, auth.prefix, api_key) if is_ours else None
        return native.Target(
            wire_format, address.base_url, credential, list(fixed.items()), profile
        )

    try:
        targets = tuple(target(api_key) for api_key in api_keys or ("",))
    except ValueError as error:
        raise ConfigError(f"{wire_format}: {error}") from None
    return AccountEndpoint(
        format=wire_format,
        address=address,
        targets=targets,
        path=address.path(ENDPOINTS[wire_format]),
    )


def _profile(provider: Provider) -> native.Profile:
    quirks = provider.quirks
    return native.Profile(
        vendor=provider.name,
        is_limit_completion=quirks.output_limit == "max_completion_tokens",
        takes_stream_usage=quirks.takes_stream_options,
        takes_text_parts=quirks.takes_text_parts,
        takes_late_system=quirks.takes_late_system,
        takes_effort=quirks.takes_effort,
        efforts=list(quirks.efforts),
        has_thinking_switch=quirks.has_thinking_switch,
        echo=quirks.echo,
        has_think_tags=quirks.has_think_tags,
        takes_images=quirks.takes_images,
        refused=list(quirks.refused),
    )


def from_record(record: AccountRecord) -> Account:
    """The account of a stored record. Raises ``ConfigError`` for one that cannot be used."""
    if record.problem is not None:
        raise ConfigError(record.problem)
    provider = provider_named(record.provider)
    if provider.needs_key and not record.keys:
        raise ConfigError("the account has no key")
    keys = tuple(key.reveal() for key in record.keys)
    headers = {name: value.reveal() for name, value in record.headers.items()}
    return Account(
        name=record.name,
        provider=record.provider,
        priority=record.priority,
        created=record.created_ms,
        updated=record.updated_ms,
        models=record.models,
        model_map=record.model_map,
        default_model=record.default_model,
        reasoning_model=record.reasoning_model,
        rpm=record.rpm,
        monthly_budget=record.monthly_budget,
        timeout_s=record.timeout_s,
        abilities=record.abilities,
        takes_images=provider.quirks.takes_images,
        endpoints={
            wire_format: build_endpoint(provider, wire_format, url, keys, headers)
            for wire_format, url in record.endpoints.items()
        },
        credentials=credentials_of(record.name, len(keys)),
    )


def credentials_of(name: str, keys: int) -> tuple[str, ...]:
    """What the keys of an account are called. Names of accounts hold no slash."""
    return (name,) if keys < 2 else tuple(f"{name}/{n}" for n in range(1, keys + 1))


def from_flags(flags: Iterable[UpstreamFlag], provider: Provider) -> tuple[Account, ...]:
    """One account for each ``--upstream``, named after its format, numbered when repeated."""
    accounts: list[Account] = []
    for flag in flags:
        same = sum(1 for a in accounts if flag.format in a.endpoints)
        name = flag.format if same == 0 else f"{flag.format}-{same + 1}"
        made = build_endpoint(provider, flag.format, flag.base_url, (flag.api_key,))
        accounts.append(
            Account(
                name=name,
                provider=provider.name,
                created=len(accounts),
                endpoints={flag.format: made},
            )
        )
    return tuple(accounts)


def demo_account(flags: Iterable[UpstreamFlag], provider: Provider) -> tuple[Account, ...]:
    """The built-in provider as one account, or none without its flags."""
    endpoints = {
        flag.format: build_endpoint(provider, flag.format, flag.base_url, (flag.api_key,))
        for flag in flags
    }
    if not endpoints:
        return ()
    return (Account(name=provider.name, provider=provider.name, endpoints=endpoints),)
