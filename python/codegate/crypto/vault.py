"""The encrypted columns of the database: opened with the right key or not at all.

The database holds a known text under the key that all its encrypted columns are under. A start
with another key is refused there and then, instead of failing at each credential later.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa

from codegate.crypto.cipher import Cipher, Place, key_id_of
from codegate.crypto.keys import (
    ACCOUNT_FILE,
    ACCOUNT_SALT,
    KEY_BYTES,
    RootKey,
    from_passphrase,
    make_key_file,
    read_key_file,
    root_key,
)
from codegate.errors import ConfigError, DecryptError
from codegate.storage.database import Database
from codegate.storage.files import create_private, exclusive
from codegate.storage.prepare import SETUP_LOCK
from codegate.storage.schema import account_keys, accounts, key_checks

NEXT_FILE = f"{ACCOUNT_FILE}.next"
"""The new key while a rotation is under way; both keys read until it is done."""

_PURPOSE = "account"
_KNOWN_TEXT = "codegate key check"
_CHECK_PLACE = Place("key_checks", _PURPOSE, "check_enc")
_ENCRYPTED = ((account_keys, account_keys.c.secret_enc), (accounts, accounts.c.headers_enc))


class Vault:
    """Encrypts with the newest key, decrypts with any that it holds."""

    def __init__(self, active: RootKey, others: Iterable[RootKey] = ()) -> None:
        """``others`` are keys that stored values may still be under."""
        self.roots = (active, *others)
        self._active = Cipher(active)
        self._by_id = {root.key_id: Cipher(root) for root in self.roots}

    @property
    def key_id(self) -> str:
        """The id of the key that new values are under."""
        return self._active.key_id

    def encrypt(self, text: str, place: Place) -> str:
        """See ``Cipher.encrypt``."""
        return self._active.encrypt(text, place)

    def decrypt(self, stored: str, place: Place) -> str:
        """See ``Cipher.decrypt``."""
        return self._by_id.get(key_id_of(stored), self._active).decrypt(stored, place)

    def fingerprint(self, text: str) -> str:
        """See ``Cipher.fingerprint``."""
        return self._active.fingerprint(text)


def open_vault(database: Database, passphrase: str | None) -> Vault:
    """The vault of ``database``, with a key made at the first call.

    Raises ``ConfigError`` for a key that is missing, unreadable or not the database's own; no
    file and no row is changed then.
    """
    with exclusive(database.path.with_name(SETUP_LOCK)):
        keys = _load_keys(database, passphrase)
        return _checked(database, keys)


def _load_keys(database: Database, passphrase: str | None) -> list[RootKey]:
    if passphrase is not None:
        return [root_key(from_passphrase(passphrase, ACCOUNT_SALT), "ACCOUNT_KEY")]
    data_dir = database.path.parent
    current, following = (read_key_file(data_dir / n) for n in (ACCOUNT_FILE, NEXT_FILE))
    keys = [key for key in (current, following) if key is not None]
    if keys:
        return keys
    expected = expected_key_id(database)
    if expected is not None and has_encrypted_rows(database):
        raise ConfigError(
            f"{data_dir / ACCOUNT_FILE} is missing and the stored credentials need it "
            f"(key id {expected}); restore that file"
        )
    return [make_key_file(data_dir / ACCOUNT_FILE)]


def _checked(database: Database, keys: list[RootKey]) -> Vault:
    with database.read() as connection:
        row = connection.execute(
            sa.select(key_checks).where(key_checks.c.purpose == _PURPOSE)
        ).one_or_none()
    if row is None:
        active = keys[0]
        with database.write() as connection:
            store_check(connection, active)
        return Vault(active)
    for active in keys:
        if active.key_id != row.key_id:
            continue
        try:
            known = Cipher(active).decrypt(row.check_enc, _CHECK_PLACE)
        except DecryptError:
            continue
        if known == _KNOWN_TEXT:
            return Vault(active, [key for key in keys if key is not active])
    if has_encrypted_rows(database):
        raise ConfigError(
            f"{keys[0].source} holds key {keys[0].key_id}, but the stored credentials are under "
            f"key {row.key_id}; restore that key"
        )
    with database.write() as connection:
        store_check(connection, keys[0])
    return Vault(keys[0])


def store_check(connection: sa.Connection, root: RootKey) -> None:
    """Note that all encrypted columns are under ``root`` from now on."""
    connection.execute(sa.delete(key_checks).where(key_checks.c.purpose == _PURPOSE))
    connection.execute(
        sa.insert(key_checks).values(
            purpose=_PURPOSE,
            key_id=root.key_id,
            check_enc=Cipher(root).encrypt(_KNOWN_TEXT, _CHECK_PLACE),
        )
    )


def expected_key_id(database: Database) -> str | None:
    """The id of the key that the database's values are under."""
    with database.read() as connection:
        value = connection.execute(
            sa.select(key_checks.c.key_id).where(key_checks.c.purpose == _PURPOSE)
        ).scalar_one_or_none()
    return None if value is None else str(value)


def has_encrypted_rows(database: Database) -> bool:
    """Whether anything would be lost with the key."""
    with database.read() as connection:
        return any(
            connection.execute(sa.select(table.c.id).where(column.is_not(None)).limit(1)).first()
            is not None
            for table, column in _ENCRYPTED
        )


def rotate(database: Database, passphrase: str | None) -> tuple[str, str, int]:
    """Re-encrypt everything under a new random key: (old id, new id, values).

    Whenever the process dies, every value is readable: the new key is in its own file before
    the first value is under it, all values change in one transaction, and the old key goes only
    after all of them were read back. Run again, an interrupted rotation is completed first.
    Raises ``ConfigError`` where a variable fixes the key.
    """
    if passphrase is not None:
        raise ConfigError("ACCOUNT_KEY fixes the key; rotation works with the key file only")
    data_dir = database.path.parent
    path, next_path = data_dir / ACCOUNT_FILE, data_dir / NEXT_FILE
    open_vault(database, None)
    with exclusive(database.path.with_name(SETUP_LOCK)):
        _finish(database, path, next_path)
        old = _must_read(path)
        create_private(next_path, secrets.token_hex(KEY_BYTES))
        new = _must_read(next_path)
        count = _re_encrypt(database, Vault(old), new)
        verify(database, Vault(new))
        next_path.replace(path)
    return old.key_id, new.key_id, count


def _finish(database: Database, path: Path, next_path: Path) -> None:
    """Complete or drop what an interrupted rotation left."""
    following = read_key_file(next_path)
    if following is None:
        return
    if expected_key_id(database) == following.key_id:
        verify(database, Vault(following))
        next_path.replace(path)
    else:
        # Nothing was ever committed under this key.
        next_path.unlink()


def _re_encrypt(database: Database, old: Vault, new: RootKey) -> int:
    cipher, count = Cipher(new), 0
    with database.change() as connection:
        for table, column in _ENCRYPTED:
            rows = connection.execute(
                sa.select(table.c.id, column).where(column.is_not(None))
            ).all()
            for row_id, stored in rows:
                place = Place(table.name, row_id, column.name)
                connection.execute(
                    sa.update(table)
                    .where(table.c.id == row_id)
                    .values({column: cipher.encrypt(old.decrypt(stored, place), place)})
                )
                count += 1
        store_check(connection, new)
    return count


def verify(database: Database, vault: Vault) -> None:
    """Read every encrypted value. Raises ``DecryptError`` for the first that does not open."""
    with database.read() as connection:
        for table, column in _ENCRYPTED:
            for row_id, stored in connection.execute(
                sa.select(table.c.id, column).where(column.is_not(None))
            ):
                vault.decrypt(stored, Place(table.name, row_id, column.name))


def _must_read(path: Path) -> RootKey:
    key = read_key_file(path)
    if key is None:
        raise ConfigError(f"{path} is missing; restore it from a backup")
    return key
