"""The encrypted columns: the right key or none, and changing it."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from codegate.crypto.cipher import Place
from codegate.crypto.vault import NEXT_FILE, Vault, open_vault, rotate
from codegate.errors import ConfigError
from codegate.storage.database import Database
from codegate.storage.prepare import open_database
from codegate.storage.schema import account_keys, accounts

ROWS = 12


def fill(database: Database, vault: Vault) -> None:
    with database.write() as connection:
        connection.execute(
            sa.insert(accounts).values(
                id="a1",
                name="one",
                provider="custom",
                endpoints={},
                models=[],
                model_map={},
                headers_enc=vault.encrypt("{}", Place("accounts", "a1", "headers_enc")),
                priority=0,
                rpm=0,
                is_enabled=True,
                created_ms=0,
                updated_ms=0,
            )
        )
        for index in range(ROWS):
            row = f"k{index}"
            connection.execute(
                sa.insert(account_keys).values(
                    id=row,
                    account_id="a1",
                    position=index,
                    secret_enc=vault.encrypt(
                        f"sk-{index}", Place("account_keys", row, "secret_enc")
                    ),
                )
            )


def read_all(database: Database, vault: Vault) -> list[str]:
    with database.read() as connection:
        rows = connection.execute(
            sa.select(account_keys.c.id, account_keys.c.secret_enc).order_by(
                account_keys.c.position
            )
        ).all()
    return [vault.decrypt(enc, Place("account_keys", row, "secret_enc")) for row, enc in rows]


EXPECTED = [f"sk-{index}" for index in range(ROWS)]


def test_the_key_is_made_once_and_used_again(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    first = open_vault(database, None)
    fill(database, first)
    assert read_all(database, open_vault(database, None)) == EXPECTED
    assert (tmp_path / ".account-key").stat().st_mode & 0o777 == 0o600


def test_f77_a_missing_key_is_never_replaced_while_values_need_it(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    vault = open_vault(database, None)
    fill(database, vault)
    (tmp_path / ".account-key").unlink()
    with pytest.raises(ConfigError, match=rf"is missing.*{vault.key_id}"):
        open_vault(database, None)
    assert not (tmp_path / ".account-key").exists()


def test_a_missing_key_that_nothing_needs_is_made_anew(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    first = open_vault(database, None)
    (tmp_path / ".account-key").unlink()
    assert open_vault(database, None).key_id != first.key_id


def test_f78_a_wrong_key_is_found_at_once_and_named(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    vault = open_vault(database, None)
    fill(database, vault)
    (tmp_path / ".account-key").write_text("ab" * 32)
    with pytest.raises(ConfigError, match=f"under key {vault.key_id}"):
        open_vault(database, None)
    assert (tmp_path / ".account-key").read_text() == "ab" * 32
    with pytest.raises(ConfigError, match=f"ACCOUNT_KEY holds key .* under key {vault.key_id}"):
        open_vault(database, "a passphrase")


def test_a_passphrase_takes_the_place_of_the_file(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    fill(database, open_vault(database, "correct horse"))
    assert read_all(database, open_vault(database, "correct horse")) == EXPECTED
    assert not (tmp_path / ".account-key").exists()
    with pytest.raises(ConfigError, match="ACCOUNT_KEY fixes the key"):
        rotate(database, "correct horse")


def test_rotation_changes_key_and_values(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    before = open_vault(database, None)
    fill(database, before)
    old_file = (tmp_path / ".account-key").read_text()
    old, new, count = rotate(database, None)
    assert (old, count) == (before.key_id, ROWS + 1)
    after = open_vault(database, None)
    assert after.key_id == new != old
    assert read_all(database, after) == EXPECTED
    assert (tmp_path / ".account-key").read_text() != old_file
    assert not (tmp_path / NEXT_FILE).exists()


def rotate_until(path: Path, steps: int) -> None:
    """Rotates in this process and dies after ``steps`` statements, commits and renames."""
    left = steps

    def step(*_args: object, **_options: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os._exit(9)

    def on_audit(name: str, _args: object) -> None:
        if name in {"os.rename", "os.link", "os.remove"}:
            step()

    database = Database(path)
    open_vault(database, None)
    event.listen(sa.Engine, "before_cursor_execute", step)
    event.listen(sa.Engine, "commit", step)
    sys.addaudithook(on_audit)
    rotate(database, None)


def test_s45_a_rotation_killed_at_any_step_leaves_every_value_readable(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    fill(database, open_vault(database, None))
    for steps in range(400):
        # SQLite's locks do not survive a fork: the parent holds no connection over it.
        database.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            try:
                rotate_until(database.path, steps)
                os._exit(0)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert read_all(database, open_vault(database, None)) == EXPECTED, f"killed at {steps}"
        if code == 0:
            break
        assert code == 9
    assert steps > 30
    assert not (tmp_path / NEXT_FILE).exists()
