"""The command line: exit codes, one line on standard error, nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codegate import __version__
from codegate.cli import main
from codegate.cli.serve import curl_line, ready_text
from codegate.config import Config, UpstreamFlag

WRONG_USAGE = [
    ["nothing"],
    ["serve", "--no-such-option"],
    ["serve", "--proxy-port", "99999"],
    ["serve", "--proxy-port", "http"],
    ["serve", "extra"],
    ["key", "--data-dir"],
    ["key", "turn"],
]
WRONG_VALUES = [
    (["serve", "--setting", "nonsense"], "NAME=VALUE"),
    (["serve", "--setting", "x=1"], "known:"),
    (["serve", "--setting", "idle_timeout_s=-1"], "idle_timeout_s"),
    (["serve", "--upstream", "foo"], "FORMAT=URL"),
    (["serve", "--upstream", "smoke_signals=http://x"], "openai_chat"),
    (["serve", "--upstream", "openai_chat=ftp://x"], "http://"),
    (["serve", "--upstream", "openai_chat=http://u:p@x"], "credential"),
    (["serve", "--upstream", "openai_chat=http://x", "--upstream-key-env", "NO_SUCH"], "NO_SUCH"),
    (["serve", "--workers", "2"], "use 1"),
]


def run(argv: list[str], tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in an empty folder."""
    return subprocess.run(
        [sys.executable, "-m", "codegate", *argv],
        cwd=tmp_path,
        env={"PATH": os.defpath, **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("argv", WRONG_USAGE, ids=" ".join)
def test_wrong_usage_is_two(
    argv: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["codegate", *argv])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"codegate: [^\n]+\n", error)
    assert "Traceback" not in error


@pytest.mark.parametrize(("argv", "word"), WRONG_VALUES, ids=[" ".join(a) for a, _ in WRONG_VALUES])
def test_a_wrong_value_is_two_and_a_missing_variable_one(
    argv: list[str],
    word: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["codegate", *argv])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == (1 if word == "NO_SUCH" else 2)
    out, error = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"codegate: [^\n]+\n", error)
    assert word in error


def test_a_defect_is_one_line_without_its_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("cgk_canary")

    monkeypatch.setattr("codegate.cli.key.local_key", fail)
    monkeypatch.setattr(sys, "argv", ["codegate", "key"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "KeyError" in error
    assert "canary" not in error


def test_help_and_version(tmp_path: Path) -> None:
    shown = run(["--help"], tmp_path)
    assert shown.returncode == 0
    for command in ("serve", "proxy", "key", "mock"):
        assert command in shown.stdout
    version = run(["--version"], tmp_path)
    assert (version.returncode, version.stdout) == (0, f"codegate {__version__}\n")
    assert not list(tmp_path.iterdir())


def test_key_prints_the_key_and_keeps_it(tmp_path: Path) -> None:
    first = run(["key"], tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert re.fullmatch(r"cgk_[A-Za-z0-9_-]{32}\n", first.stdout)
    assert run(["key", "--data-dir", "data"], tmp_path).stdout == first.stdout
    turned = run(["key", "rotate"], tmp_path)
    assert turned.returncode == 0
    assert turned.stdout != first.stdout
    assert run(["key"], tmp_path).stdout == turned.stdout


def test_key_with_a_reader_that_left(tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", '"$0" -m codegate key | true', sys.executable],
        cwd=tmp_path,
        env={"PATH": os.defpath},
        stderr=subprocess.PIPE,
        text=True,
    )
    _, error = process.communicate(timeout=30)
    assert error == ""


def test_wrong_environment_is_one_line(tmp_path: Path) -> None:
    done = run(["key"], tmp_path, PROXY_PORT="http")
    assert done.returncode == 1
    assert re.fullmatch(r"codegate: PROXY_PORT[^\n]+\n", done.stderr)


def test_s27_a_hostile_folder_changes_nothing(tmp_path: Path) -> None:
    for name in (".env", "codegate.toml", "litellm.yaml", "sitecustomize.py", "codegate.py"):
        (tmp_path / name).write_text("PROXY_API_KEY=evil-key-evil-key\nraise SystemExit('evil')\n")
    shown = subprocess.run(
        [str(Path(sys.executable).with_name("codegate")), "key"],
        cwd=tmp_path,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("cgk_")


def test_what_a_person_is_told_after_the_start() -> None:
    flag = UpstreamFlag(format="anthropic_messages", base_url="http://x", api_key="sk")
    url = "http://127.0.0.1:1"
    assert "accounts add" in ready_text(url, "cgk_k", Config(), has_accounts=False)
    assert "accounts add" not in ready_text(url, "cgk_k", Config(), has_accounts=True)
    held = ready_text(
        url, "cgk_k", Config(demo=True), has_accounts=True, data_dir=Path("/srv/my gate")
    )
    assert "accounts are used; the demo provider is not" in held
    assert "codegate key --data-dir '/srv/my gate'" in held
    own = ready_text(url, "cgk_k", Config(upstreams=(flag,)), has_accounts=False)
    assert "cgk_k" not in own
    assert "codegate key" in own
    demo = ready_text(url, "cgk_k", Config(demo_upstreams=(flag,), demo=True), has_accounts=False)
    assert curl_line(url, "cgk_k", "anthropic_messages") in demo
    assert "/v1/chat/completions" in curl_line(url, "cgk_k", "openai_chat")
