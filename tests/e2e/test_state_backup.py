"""Copies of the database, and going back to one while the proxy runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import call
from tests.unit.storage.test_prepare import fill_old

KEY = "sk-canary-backup-6e2a"
IN_FORCE_S = 1.0


def add(cli: Cli, name: str, url: str = "http://127.0.0.1:9") -> None:
    cli.ok(
        *("accounts", "add", name, "--provider", "custom", "--base-url", url, "--api-key", KEY),
    )


def names(cli: Cli) -> list[str]:
    return [item["name"] for item in cli.ok("accounts", "list", "--json").json()["items"]]


def replaced(cli: Cli) -> list[Path]:
    return sorted((cli.data_dir / "backups").glob("codegate-replaced-*.db"))


def version(cli: Cli) -> int:
    """The number by which proxies notice a change."""
    raw = sqlite3.connect(cli.data_dir / "codegate.db")
    try:
        (value,) = raw.execute("SELECT value FROM versions WHERE name = 'config'").fetchone()
    finally:
        raw.close()
    return int(value)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Commands on a directory with one account."""
    commands = Cli(tmp_path / "data")
    add(commands, "one")
    return commands


def test_a_running_proxy_takes_a_restored_copy_over(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock, tmp_path: Path
) -> None:
    proxy = start_proxy(upstream_key=KEY)
    cli = Cli(proxy.data_dir)
    add(cli, "one", shared_mock.url)
    wait_until(lambda: proxy.health()["accounts"] == 1, IN_FORCE_S, "the account")
    cli.ok("backup", str(tmp_path / "copy.db"))
    add(cli, "two", shared_mock.url)
    cli.ok("settings", "set", "max_body_bytes", "10")
    wait_until(lambda: proxy.health()["accounts"] == 2, IN_FORCE_S, "the second account")

    def ask() -> int:
        return call(proxy.port, proxy.key, "openai_chat", "mock-large", stream=False).status

    wait_until(lambda: ask() == 413, IN_FORCE_S, "the setting")
    before = version(cli)
    done = cli.ok("restore", str(tmp_path / "copy.db"))
    assert version(cli) > before, "a change right after it could look like the old state"
    wait_until(lambda: proxy.health()["accounts"] == 1, IN_FORCE_S, "the restored accounts")
    assert ask() == 200
    assert names(cli) == ["one"]
    (kept,) = replaced(cli)
    assert str(kept) in done.out
    cli.ok("restore", str(kept))
    wait_until(lambda: proxy.health()["accounts"] == 2, IN_FORCE_S, "back again")
    assert ask() == 413
    wait_until(lambda: proxy.health()["storage"] == "ok", 3, "records go on")


def test_s49_a_copy_is_private_and_opens_nothing_by_itself(cli: Cli, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    done = cli.ok("backup", str(copy))
    assert ".account-key" in done.out
    assert copy.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"data", "copy.db"}
    content = copy.read_bytes()
    root = (cli.data_dir / ".account-key").read_text()
    for secret in (KEY, root, bytes.fromhex(root).decode("latin-1"), cli.ok("key").out.strip()):
        assert secret.encode("latin-1") not in content
    elsewhere = Cli(tmp_path / "elsewhere")
    refused = elsewhere.run("restore", str(copy))
    assert refused.code == 1
    assert "is missing and the stored credentials need it" in refused.err
    assert not (elsewhere.data_dir / "codegate.db").exists()
    (elsewhere.data_dir / ".account-key").write_text(root)
    (elsewhere.data_dir / ".account-key").chmod(0o600)
    elsewhere.ok("restore", str(copy))
    assert elsewhere.ok("accounts", "show", "one", "--json").json()["problem"] is None


def test_a_file_is_replaced_only_when_asked(cli: Cli, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("something of mine")
    done = cli.run("backup", str(copy))
    assert done.code == 1
    assert "--force" in done.err
    assert copy.read_text() == "something of mine"
    cli.ok("backup", str(copy), "--force")
    add(cli, "two")
    cli.ok("restore", str(copy))
    assert names(cli) == ["one"]
    assert cli.run("backup", str(tmp_path / "no" / "copy.db")).code == 1
    for name in ("codegate.db", "codegate.db-wal", ".account-key", "new.db"):
        done = cli.run("backup", str(cli.data_dir / name), "--force")
        assert done.code == 2
        assert "among the files in use" in done.err
    (cli.data_dir / "backups").mkdir(exist_ok=True)
    cli.ok("backup", str(cli.data_dir / "backups" / "own.db"))
    assert names(cli) == ["one"]
    assert cli.run("backup").code == cli.run("restore").code == 2


def foreign(path: Path) -> None:
    path.unlink()
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE accounts (id TEXT)")
    raw.commit()
    raw.close()


def newer(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (Path.unlink, "is missing or empty"),
        (lambda path: path.write_text("not a database\n" * 99), "left as it is"),
        (cut, "left as it is"),
        (newer, "by a newer version"),
        (foreign, "is not a copy"),
    ],
    ids=["missing", "text", "cut", "newer", "foreign"],
)
def test_what_cannot_be_restored_changes_nothing(
    cli: Cli, tmp_path: Path, harm: Callable[[Path], object], words: str
) -> None:
    copy = tmp_path / "copy.db"
    cli.ok("backup", str(copy))
    add(cli, "two")
    harm(copy)
    done = cli.run("restore", str(copy))
    assert done.code == 1
    assert words in done.err
    assert names(cli) == ["one", "two"]
    assert replaced(cli) == []
    assert not [p for p in cli.data_dir.iterdir() if p.name.startswith(".codegate.db")]


def test_a_copy_of_an_older_version_is_brought_up_to_date(cli: Cli, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    fill_old(old)
    before = old.read_bytes()
    cli.ok("restore", str(old))
    assert names(cli) == []
    assert cli.ok("aliases", "list", "--json").json()["items"][0]["name"] == "fast"
    assert cli.ok("settings", "get", "idle_timeout_s").out.strip() == "7"
    assert old.read_bytes() == before


def test_a_copy_from_before_a_rotation_is_refused_by_its_key(cli: Cli, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    cli.ok("backup", str(copy))
    cli.ok("keys", "rotate", "account")
    done = cli.run("restore", str(copy))
    assert done.code == 1
    assert "restore that key" in done.err
    assert cli.ok("accounts", "show", "one", "--json").json()["problem"] is None


def test_f80_a_damaged_database_is_moved_aside_and_replaced(cli: Cli, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    cli.ok("backup", str(copy))
    path = cli.data_dir / "codegate.db"
    damaged = path.read_bytes()[:5000]
    for part in cli.data_dir.glob("codegate.db*"):
        part.unlink()
    path.write_bytes(damaged)
    assert cli.run("accounts", "list").code == 1
    cli.ok("restore", str(copy))
    assert names(cli) == ["one"]
    (kept,) = replaced(cli)
    assert kept.read_bytes() == damaged
