"""The keys of a data directory in a file under a passphrase, and on another machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import running, wait_until
from tests.support.raw import call

KEY = "sk-canary-copies-77d1"
PASSPHRASE = "correct horse battery"
ENV = {"COPY_PASSPHRASE": PASSPHRASE}
FROM_ENV = ("--passphrase-env", "COPY_PASSPHRASE")
FILES = (".account-key", ".guardrail-key", ".guardrail-key.old", "proxy-key")


@pytest.fixture
def cli(tmp_path: Path, shared_mock: ThreadedMock) -> Cli:
    """Commands on a directory with one account and every key."""
    commands = Cli(tmp_path / "data")
    commands.ok(
        *("accounts", "add", "one", "--provider", "custom", "--base-url", shared_mock.url),
        *("--api-key", KEY),
    )
    with running(commands.data_dir, upstream_key=KEY):
        pass
    commands.ok("keys", "rotate", "guardrail")
    return commands


def keys_of(cli: Cli) -> list[str]:
    return [(cli.data_dir / name).read_text().strip() for name in FILES]


def test_s49_another_machine_takes_over_with_a_copy_and_the_passphrase(
    cli: Cli, tmp_path: Path
) -> None:
    sealed, copy = tmp_path / "keys.sealed", tmp_path / "copy.db"
    done = cli.ok("keys", "export", str(sealed), *FROM_ENV, env=ENV)
    assert PASSPHRASE not in done.out
    cli.ok("backup", str(copy))
    assert sealed.stat().st_mode & 0o777 == 0o600
    content = sealed.read_text()
    for key in keys_of(cli):
        assert key not in content
        assert key[8:24] not in content

    other = Cli(tmp_path / "other")
    other.ok("keys", "import", str(sealed), *FROM_ENV, env=ENV)
    other.ok("restore", str(copy))
    assert keys_of(other) == keys_of(cli)
    assert all((other.data_dir / n).stat().st_mode & 0o777 == 0o600 for n in FILES)
    with running(other.data_dir, upstream_key=KEY) as proxy:
        wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
        answer = call(proxy.port, keys_of(cli)[-1], "openai_chat", "mock-large", stream=False)
        assert answer.status == 200
    again = other.ok("keys", "import", str(sealed), *FROM_ENV, env=ENV)
    assert "already" in again.out


def test_a_key_that_is_there_is_never_replaced(cli: Cli, tmp_path: Path) -> None:
    sealed = tmp_path / "keys.sealed"
    cli.ok("keys", "export", str(sealed), *FROM_ENV, env=ENV)
    other = Cli(tmp_path / "other")
    mine = other.ok("key").out.strip()
    refused = other.run("keys", "import", str(sealed), *FROM_ENV, env=ENV)
    assert refused.code == 1
    assert "was left" in refused.err
    assert [p.name for p in other.data_dir.iterdir()] == ["proxy-key"]
    assert other.ok("key").out.strip() == mine


@pytest.mark.parametrize("member", ["kind", "version", "n", "r", "p", "salt", "nonce", "sealed"])
def test_s49_a_sealed_file_that_was_changed_opens_nothing(
    cli: Cli, tmp_path: Path, member: str
) -> None:
    sealed, other = tmp_path / "keys.sealed", Cli(tmp_path / "other")
    cli.ok("keys", "export", str(sealed), *FROM_ENV, env=ENV)
    document = json.loads(sealed.read_text())
    value = document[member]
    if isinstance(value, int):
        document[member] = value + 1
    else:
        document[member] = ("A" if value[0] != "A" else "B") + value[1:]
    sealed.write_text(json.dumps(document))
    assert other.run("keys", "import", str(sealed), *FROM_ENV, env=ENV).code == 1
    del document[member]
    sealed.write_text(json.dumps(document))
    assert other.run("keys", "import", str(sealed), *FROM_ENV, env=ENV).code == 1
    assert not other.data_dir.exists()


def test_what_cannot_be_sealed_or_opened_is_told(cli: Cli, tmp_path: Path) -> None:
    sealed, empty = tmp_path / "keys.sealed", Cli(tmp_path / "empty")

    def words(commands: Cli, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = commands.run("keys", *arguments, env=env)
        assert done.code == 1, done
        return done.err

    assert "holds no key" in words(empty, "export", str(sealed), *FROM_ENV, env=ENV)
    short = {"COPY_PASSPHRASE": "short"}
    assert "12 characters" in words(cli, "export", str(sealed), *FROM_ENV, env=short)
    assert "is not set" in words(cli, "export", str(sealed), *FROM_ENV)
    assert "--passphrase-env" in words(cli, "export", str(sealed))
    assert not sealed.exists()
    cli.ok("keys", "export", str(sealed), *FROM_ENV, env=ENV)
    assert "exists" in words(cli, "export", str(sealed), *FROM_ENV, env=ENV)
    wrong = {"COPY_PASSPHRASE": PASSPHRASE + "x"}
    assert "passphrase is wrong" in words(empty, "import", str(sealed), *FROM_ENV, env=wrong)
    assert "no such file" in words(empty, "import", str(tmp_path / "no"), *FROM_ENV, env=ENV)
    sealed.write_text("{}")
    assert "holds no keys" in words(empty, "import", str(sealed), *FROM_ENV, env=ENV)
    assert not empty.data_dir.exists()
