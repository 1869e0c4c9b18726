"""Guards: a tenant's rules and keys made ready to run, kept while neither changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegate import native
from codegate.crypto.keys import RootKey
from codegate.guardrails.rules import Rules
from codegate.settings.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A guard and what it was made from."""

    rules: Rules
    key_ids: tuple[str, ...]
    is_portable: bool
    timeout_s: float
    guard: native.Guard


@dataclass(slots=True)
class Guards:
    """Makes guards. One that nothing changed for is used on, with all it knows of texts seen."""

    _made: dict[str, _Made] = field(default_factory=dict)

    def get(
        self, tenant: str, rules: Rules, roots: tuple[RootKey, ...], settings: Settings
    ) -> native.Guard:
        """The guard of ``tenant``. Raises ``ValueError`` for a pattern that cannot be used."""
        key_ids = tuple(root.key_id for root in roots)
        made = self._made.get(tenant)
        if (
            made is None
            or made.rules != rules
            or made.key_ids != key_ids
            or made.is_portable != settings.guardrail_portable
            or made.timeout_s != settings.guardrail_timeout_s
        ):
            made = _Made(
                rules=rules,
                key_ids=key_ids,
                is_portable=settings.guardrail_portable,
                timeout_s=settings.guardrail_timeout_s,
                guard=make(
                    tenant,
                    rules,
                    roots,
                    is_portable=settings.guardrail_portable,
                    timeout_s=settings.guardrail_timeout_s,
                ),
            )
            self._made[tenant] = made
        return made.guard


def make(
    tenant: str,
    rules: Rules,
    roots: tuple[RootKey, ...],
    *,
    is_portable: bool = False,
    timeout_s: float = 0.0,
) -> native.Guard:
    """A guard for ``tenant``. Raises ``ValueError`` for a pattern that cannot be used."""
    return native.Guard(
        [root.material for root in roots],
        tenant,
        modes={name: rules.mode(name) for name in native.GUARDRAIL_CATEGORIES},
        patterns=list(rules.patterns.values()),
        words=list(rules.words),
        allowed=list(rules.allowed),
        not_in_tool_args=sorted(rules.not_in_tool_args),
        is_portable=is_portable,
        timeout_s=timeout_s,
    )
