"""Replacing the key of stored credentials under a running proxy, and the self-check."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import call

KEY = "sk-canary-rotated-31"


def add(cli: Cli, name: str, url: str) -> None:
    cli.ok(
        *("accounts", "add", name, "--provider", "custom", "--base-url", url, "--api-key", KEY),
        *("--header", "x-team=blue"),
    )


def test_s45_a_key_is_replaced_under_a_running_proxy(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock
) -> None:
    proxy = start_proxy()
    cli = Cli(proxy.data_dir)
    add(cli, "one", shared_mock.url)
    wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
    before = (proxy.data_dir / ".account-key").read_text()
    done = cli.ok("keys", "rotate", "account", "--json").json()
    assert done["values"] == 2
    assert done["old_key_id"] != done["new_key_id"]
    assert (proxy.data_dir / ".account-key").read_text() != before
    add(cli, "two", shared_mock.url)
    wait_until(lambda: proxy.health()["accounts"] == 2, 3, "an account under the new key")
    for _ in range(3):
        answer = call(proxy.port, proxy.key, "openai_chat", "mock-large", stream=False)
        assert answer.status == 200
    sent = shared_mock.requests[-1]
    assert sent.header("authorization") == f"Bearer {KEY}"
    assert "left out" not in proxy.log
    items = cli.ok("accounts", "list", "--json").json()["items"]
    assert [i["problem"] for i in items] == [None, None]


def test_s46_a_value_moved_in_the_database_takes_only_its_account_out(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data")
    for name in ("a", "b", "c"):
        add(cli, name, "http://127.0.0.1:9")
    raw = sqlite3.connect(cli.data_dir / "codegate.db")
    (other,) = raw.execute(
        "SELECT secret_enc FROM account_keys k JOIN accounts a ON a.id = k.account_id "
        "WHERE a.name = 'b'"
    ).fetchone()
    raw.execute(
        "UPDATE account_keys SET secret_enc = ? WHERE account_id = "
        "(SELECT id FROM accounts WHERE name = 'a')",
        (other,),
    )
    raw.commit()
    raw.close()
    items = {i["name"]: i for i in cli.ok("accounts", "list", "--json").json()["items"]}
    assert "changed or moved" in items["a"]["problem"]
    assert items["b"]["problem"] is None
    assert items["c"]["problem"] is None
    found = cli.run("doctor", "--json")
    assert found.code == 1
    assert [f["check"] for f in found.json()["items"] if f["status"] == "failed"] == [
        "keys",
        "accounts",
    ]
    cli.ok("accounts", "edit", "a", "--api-key", KEY)
    assert cli.ok("accounts", "show", "a", "--json").json()["problem"] is None


def test_the_doctor_finds_nothing_wrong_with_a_running_proxy(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock
) -> None:
    proxy = start_proxy(args=["--interface", "asgi"])
    cli = Cli(proxy.data_dir, {"PROXY_PORT": str(proxy.port)})
    add(cli, "one", shared_mock.url)
    found = cli.ok("doctor", "--json").json()
    assert found["ok"] is True
    states = {f["check"]: f["status"] for f in found["items"]}
    assert states.pop("disk") in {"ok", "warning"}
    assert states.pop("descriptors") in {"ok", "warning"}
    assert set(states.values()) == {"ok"}, found
    assert set(states) == {"data directory", "database", "keys", "accounts", "settings", "proxy"}
    assert KEY not in cli.ok("doctor").out


def damaged(path: Path) -> None:
    path.write_bytes(b"no database" * 999)


@pytest.mark.parametrize(
    ("name", "harm", "check"),
    [
        ("codegate.db", damaged, "database"),
        (".account-key", Path.unlink, "keys"),
        ("proxy-key", lambda path: path.chmod(0o644), "data directory"),
    ],
    ids=["database", "key", "mode"],
)
def test_the_doctor_says_what_is_wrong_and_what_helps(
    tmp_path: Path, name: str, harm: Callable[[Path], None], check: str
) -> None:
    cli = Cli(tmp_path / "data")
    add(cli, "one", "http://127.0.0.1:9")
    cli.ok("key")
    for wal in cli.data_dir.glob("codegate.db-*"):
        wal.unlink()
    harm(cli.data_dir / name)
    found = cli.run("doctor", "--json").json()["items"]
    (finding,) = [f for f in found if f["check"] == check]
    assert finding["status"] in {"warning", "failed"}
    assert finding["remedy"]


def test_the_doctor_looks_at_an_empty_place_without_making_anything(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "nothing")
    found = cli.ok("doctor", "--json").json()
    assert found["ok"] is True
    assert not (tmp_path / "nothing").exists()
