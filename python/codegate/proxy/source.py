"""Where snapshots come from: the database, the ``--upstream`` flags, the demo."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from codegate import native, snapshot
from codegate.accounts import store
from codegate.accounts.account import Account, demo_account, from_flags, from_record
from codegate.accounts.record import AccountRecord
from codegate.catalog import store as catalog_store
from codegate.catalog.catalog import shipped
from codegate.config import Config
from codegate.crypto.keys import RootKey
from codegate.crypto.vault import Vault, expected_key_id, open_vault
from codegate.errors import ConfigError
from codegate.guardrails import keys as guardrail_keys
from codegate.guardrails import store as guardrail_store
from codegate.guardrails.guards import Guards
from codegate.guardrails.rules import Rules
from codegate.providers.custom import PROVIDER as CUSTOM
from codegate.providers.demo import PROVIDER as DEMO
from codegate.requestlog import store as log_store
from codegate.routing import configs
from codegate.settings import store as settings_store
from codegate.settings.settings import Settings, in_force
from codegate.snapshot import Snapshot, key_digest
from codegate.storage.database import FILE_NAME, Database
from codegate.tenants.keys import key_stamp, local_key

logger = logging.getLogger("codegate.proxy")

TENANT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a worker gets from the process that started it, instead of reading files again."""

    proxy_key: bytes = field(repr=False)
    roots: tuple[RootKey, ...] = field(repr=False)
    """Keys of the database's encrypted columns, the one in use first."""


class SnapshotSource:
    """Builds snapshots; used from one thread at a time, never from the event loop."""

    def __init__(self, config: Config, secrets: Secrets) -> None:
        """Nothing is opened before the first ``load``."""
        self._config = config
        self._keys = {key_digest(secrets.proxy_key): TENANT}
        self._key_stamp: tuple[int, int, int] | None = None
        self._vault = Vault(secrets.roots[0], secrets.roots[1:])
        self._guards = Guards()
        self._flag_accounts = from_flags(config.upstreams, CUSTOM)
        self._demo_accounts = demo_account(config.demo_upstreams, DEMO)
        # Readers never wait for a writer, so a short patience is enough.
        self.database = Database(config.data_dir / FILE_NAME, busy_s=1.0, is_durable=False)

    def load(self) -> Snapshot:
        """A snapshot of what is stored now. Raises ``StorageError`` or ``ConfigError``."""
        self._follow_rotation()
        self._follow_key()
        with self.database.read() as connection:
            records = store.load_all(connection, self._vault)
            settings = in_force(settings_store.load(connection), self._config.settings)
            limits, prices = catalog_store.load(connection)
            aliases = catalog_store.load_aliases(connection)
            active = [c for c in configs.load_all(connection) if c.is_active]
            rules = guardrail_store.load(connection, TENANT)
        stored = tuple(a for a in map(_usable, records) if a is not None)
        accounts = (*self._flag_accounts, *stored) or self._demo_accounts
        return snapshot.build(
            settings=settings,
            accounts=accounts,
            keys=self._keys,
            aliases=aliases,
            catalog=shipped().with_overrides(limits, prices),
            config=active[0] if active else None,
            guards=self._guards_of(settings, rules),
            unused=frozenset(r.name for r in records) - {a.name for a in accounts},
        )

    def _guards_of(self, settings: Settings, rules: Rules) -> dict[str, native.Guard]:
        if not settings.guardrails:
            return {}
        config = self._config
        roots = guardrail_keys.load(config.data_dir, config.guardrail_passphrase)
        if settings.guardrail_fail_open:
            logger.warning("guardrails fail open: what cannot be looked through goes up as it is")
        return {TENANT: self._guards.get(TENANT, rules, roots, settings)}

    def spend(self, month: str) -> dict[str, tuple[int, int]]:
        """Cost and requests of ``month`` by account. Raises ``StorageError``."""
        with self.database.read() as connection:
            return log_store.read_spend(connection, month)

    def _follow_rotation(self) -> None:
        """Values are under another key since a rotation: read the new key's file."""
        if expected_key_id(self.database) != self._vault.key_id:
            self._vault = open_vault(self.database, self._config.account_passphrase)

    def has_new_key(self) -> bool:
        """Whether the file of the proxy's own key is another than the one that was read."""
        if self._config.proxy_api_key is not None:
            return False
        stamp = key_stamp(self._config.data_dir)
        # A file that is gone takes nobody's key away, like those of stored credentials.
        return stamp is not None and stamp != self._key_stamp

    def _follow_key(self) -> None:
        """`codegate key rotate` replaced the key: the old one opens nothing from now on."""
        if not self.has_new_key():
            return
        # Read after the look at it: a second replacement in between is noticed the next time.
        self._key_stamp = key_stamp(self._config.data_dir)
        try:
            key = local_key(self._config.data_dir)
        except ConfigError as error:
            logger.warning("the old proxy key stays in force", extra={"reason": error.message})
            return
        self._keys = {key_digest(key.encode("ascii")): TENANT}


def _usable(record: AccountRecord) -> Account | None:
    """The account, or ``None`` with a warning: one bad account must not take the others along."""
    if not record.is_enabled:
        return None
    try:
        return from_record(record)
    except ConfigError as error:
        logger.warning(
            "an account is left out", extra={"account": record.name, "reason": error.message}
        )
        return None
