"""Starting on data directories of every kind: what is made, what is refused, what is let go."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, free_port, wait_until
from tests.support.raw import call

START_S = 10.0


def refused(data_dir: Path, *, env: dict[str, str] | None = None) -> str:
    """What a start says that has to be refused: one line, no traceback, soon."""
    # The superuser may write anywhere; without these rights modes hold for it too.
    humble = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    done = subprocess.run(
        [
            *(humble if os.geteuid() == 0 else ()),
            *(sys.executable, "-m", "codegate", "serve"),
            *("--proxy-port", str(free_port()), "--data-dir", str(data_dir)),
        ],
        env={"PATH": os.defpath, "HOME": "/nonexistent", **(env or {})},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
        cwd="/",
    )
    assert done.returncode == 1, done
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A data directory with one account."""
    cli = Cli(tmp_path / "data")
    cli.ok(
        *("accounts", "add", "one", "--provider", "custom", "--base-url", "http://127.0.0.1:9"),
        *("--api-key", "sk-canary-start-11"),
    )
    return cli.data_dir


def test_f75_a_directory_that_cannot_be_used_is_refused_with_a_remedy(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    words = refused(closed)
    assert str(closed) in words
    assert "cannot be written" in words
    assert "choose another folder" in refused(closed / "missing")
    (tmp_path / "file").touch()
    assert "is not a folder" in refused(tmp_path / "file")


def test_f77_a_key_that_is_gone_is_never_made_anew(ready: Path) -> None:
    (ready / ".account-key").unlink()
    words = refused(ready)
    assert ".account-key is missing" in words
    assert not (ready / ".account-key").exists()
    done = Cli(ready).run("accounts", "list")
    assert done.code == 1
    assert "restore that file" in done.err


@pytest.mark.parametrize("name", [".account-key", ".guardrail-key"])
@pytest.mark.parametrize("content", ["", "ab" * 31, "no key at all"])
def test_f77_a_key_file_without_a_key_is_refused_and_kept(
    ready: Path, name: str, content: str
) -> None:
    path = ready / name
    path.unlink(missing_ok=True)
    path.write_text(content)
    path.chmod(0o600)
    words = refused(ready)
    assert name in words
    assert path.read_text() == content


def test_f78_a_wrong_key_is_found_at_start(ready: Path) -> None:
    (ready / ".account-key").write_text("cd" * 32)
    assert "are under key" in refused(ready)
    words = refused(ready, env={"ACCOUNT_KEY": "some passphrase"})
    assert "ACCOUNT_KEY holds key" in words
    assert "some passphrase" not in words


def test_f79_a_running_proxy_goes_on_without_its_key_file(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock
) -> None:
    proxy = start_proxy()
    cli = Cli(proxy.data_dir)
    cli.ok(
        *("accounts", "add", "kept", "--provider", "custom", "--api-key", "sk-kept"),
        *("--base-url", shared_mock.url),
    )
    wait_until(lambda: proxy.health()["accounts"] == 1, 3, "the account")
    key = (proxy.data_dir / ".account-key").read_text()
    (proxy.data_dir / ".account-key").unlink()
    # A change makes it read everything again, credentials included.
    cli.ok("aliases", "set", "fast", "mock-small")

    def model() -> str | None:
        answer = call(proxy.port, proxy.key, "openai_chat", "fast", stream=False)
        assert answer.status == 200
        return answer.header("x-codegate-upstream-model")

    wait_until(lambda: model() == "mock-small", 3, "the change to be in force")
    proxy.stop()
    assert ".account-key is missing" in refused(proxy.data_dir)
    (proxy.data_dir / ".account-key").write_text(key)


@pytest.mark.parametrize("damage", ["truncated", "text"])
def test_f80_a_damaged_database_is_refused_and_kept(ready: Path, damage: str) -> None:
    path = ready / "codegate.db"
    sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    whole = path.read_bytes()
    content = whole[: len(whole) // 2] if damage == "truncated" else b"not a database" * 500
    path.write_bytes(content)
    assert "damaged" in refused(ready)
    assert path.read_bytes() == content


def test_f80_a_foreign_write_ahead_log_is_refused_and_kept(ready: Path, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "other.db")
    holder.execute("PRAGMA journal_mode=WAL")
    holder.execute("CREATE TABLE theirs (x)")
    holder.executemany("INSERT INTO theirs VALUES (randomblob(900))", [()] * 50)
    holder.commit()
    shutil.copy(tmp_path / "other.db-wal", ready / "codegate.db-wal")
    holder.close()
    names = ("codegate.db", "codegate.db-wal")
    before = [(ready / name).read_bytes() for name in names]
    assert "codegate.db" in refused(ready)
    assert [(ready / name).read_bytes() for name in names] == before


def test_f81_a_second_proxy_on_one_directory_is_refused(
    start_proxy: Callable[..., Proxy],
) -> None:
    proxy = start_proxy()
    words = refused(proxy.data_dir)
    assert "in use by a running proxy" in words
    assert proxy.get("/readyz")[0] == 200
    assert Cli(proxy.data_dir).run_process("accounts", "list").code == 0
    proxy.stop()
    proxy.check_log()
    # The directory is free again.
    Proxy(proxy.data_dir).stop()


def test_f81_eight_first_starts_at_once_make_one_key(tmp_path: Path) -> None:
    cli = Cli(tmp_path / "data")

    def add(number: int) -> int:
        return cli.run_process(
            *("accounts", "add", f"a{number}", "--provider", "custom"),
            *("--base-url", "http://127.0.0.1:9", "--api-key", f"sk-{number}"),
        ).code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(add, range(8))) == [0] * 8
    items = cli.ok("accounts", "list", "--json").json()["items"]
    assert sorted(i["name"] for i in items) == [f"a{n}" for n in range(8)]
    assert all(i["problem"] is None for i in items)


def test_f82_a_newer_database_is_refused_by_every_command(ready: Path) -> None:
    raw = sqlite3.connect(ready / "codegate.db")
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.commit()
    raw.close()
    assert "newer version" in refused(ready)
    assert "newer version" in Cli(ready).run("accounts", "list").err


def test_another_program_s_database_is_refused(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "codegate.db")
    raw.execute("CREATE TABLE accounts (id TEXT PRIMARY KEY)")
    raw.commit()
    raw.close()
    assert "was not made by this program" in refused(tmp_path)


def test_s48_keys_from_the_environment_are_in_no_process_s_environment(
    start_proxy: Callable[..., Proxy],
) -> None:
    secrets = {
        "ACCOUNT_KEY": "canary-account-passphrase-1",
        "GUARDRAIL_KEY": "canary-guardrail-passphrase-2",
        "PROXY_API_KEY": "canary-proxy-key-345678",
    }
    proxy = start_proxy(env=secrets, args=["--demo"], upstreams=[])
    family = {proxy.process.pid, *proxy.workers()}
    assert len(family) >= 2
    for pid in family:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        for name, secret in secrets.items():
            assert secret.encode() not in environment, (pid, name)
    assert not (proxy.data_dir / ".account-key").exists()
    key = secrets["PROXY_API_KEY"]
    assert call(proxy.port, key, "openai_chat", "m", stream=False).status == 200


def test_s48_keys_may_come_from_files(tmp_path: Path, ready: Path) -> None:
    data_dir = tmp_path / "other"
    (tmp_path / "passphrase").write_text("correct horse\n")
    env = {"ACCOUNT_KEY_FILE": str(tmp_path / "passphrase")}
    cli = Cli(data_dir, env)
    cli.ok("accounts", "add", "x", "--provider", "openai", "--api-key", "sk-proj-1")
    assert cli.ok("accounts", "list", env={}).code == 0
    assert "correct horse" in Path(env["ACCOUNT_KEY_FILE"]).read_text()
    same = Cli(data_dir, {"ACCOUNT_KEY": "correct horse"})
    assert same.ok("accounts", "show", "x", "--json").json()["problem"] is None
    both = Cli(data_dir, {**env, "ACCOUNT_KEY": "correct horse"}).run("accounts", "list")
    assert both.code == 1
    assert "keep one of them" in both.err


def test_a_database_url_is_refused_with_the_reason(tmp_path: Path) -> None:
    done = Cli(tmp_path, {"DATABASE_URL": "postgresql://x"}).run("accounts", "list")
    assert done.code == 1
    assert "DATABASE_URL" in done.err
    assert "postgresql://x" not in done.err


@pytest.fixture
def loose_umask() -> Iterator[None]:
    """Files would be open to everybody but for our own care."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("loose_umask")
def test_s44_a_running_proxy_s_files_are_private(
    start_proxy: Callable[..., Proxy],
) -> None:
    proxy = start_proxy()
    Cli(proxy.data_dir).ok("accounts", "list")
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in proxy.data_dir.iterdir()}
    assert {"codegate.db", ".account-key", ".guardrail-key", "proxy-key"} <= set(modes)
    assert set(modes.values()) == {"0o600"}, modes
    assert proxy.data_dir.stat().st_mode & 0o777 == 0o700


def test_s51_a_crash_leaves_no_core_file(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy()
    for pid in (proxy.process.pid, proxy.worker()):
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
