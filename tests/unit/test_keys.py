"""F77 and F81 for the local proxy key: how its file is made, read, refused and replaced."""

from __future__ import annotations

import multiprocessing
import os
import re
import stat
from pathlib import Path

import pytest

from codegate.errors import ConfigError
from codegate.tenants.keys import KEY_FILE, local_key, new_key, rotate_local_key

GOOD = "cgk_" + "a" * 32


def mode(path: Path) -> int:
    """Permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_has_enough_randomness() -> None:
    keys = {new_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(re.fullmatch(r"cgk_[A-Za-z0-9_-]{32}", key) for key in keys)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_s44_the_first_start_makes_private_files(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        key = local_key(tmp_path / "data")
    finally:
        os.umask(before)
    file = tmp_path / "data" / KEY_FILE
    assert file.read_text() == key + "\n"
    assert mode(file) == 0o600
    assert mode(file.parent) == 0o700
    assert [path.name for path in file.parent.iterdir()] == [KEY_FILE]
    assert local_key(tmp_path / "data") == key


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"not a key\n",
        GOOD.encode() + b"x" * 1000,
        b"cgk_short\n",
        b"\xff" * 36,
        b"cgk_ \n",
    ],
)
def test_f77_a_file_without_a_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / KEY_FILE
    file.write_bytes(content)
    for call in (local_key, rotate_local_key):
        with pytest.raises(ConfigError) as refused:
            call(tmp_path)
        assert str(file) in refused.value.message
        assert file.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_f77_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(ConfigError, match=KEY_FILE):
        local_key(tmp_path)
    assert (tmp_path / KEY_FILE).is_dir()


def test_f77_a_pipe_in_its_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / KEY_FILE)
    with pytest.raises(ConfigError, match=KEY_FILE):
        local_key(tmp_path)


@pytest.mark.parametrize("is_dangling", [False, True])
def test_f77_a_link_is_not_followed(tmp_path: Path, is_dangling: bool) -> None:
    target = tmp_path / "elsewhere"
    if not is_dangling:
        target.write_text(GOOD + "\n")
    data = tmp_path / "data"
    data.mkdir()
    (data / KEY_FILE).symlink_to(target)
    with pytest.raises(ConfigError, match=KEY_FILE):
        local_key(data)
    assert target.exists() is not is_dangling


@pytest.mark.parametrize("wrong", [0o644, 0o640, 0o606])
def test_f77_a_readable_file_is_made_private(tmp_path: Path, wrong: int) -> None:
    file = tmp_path / KEY_FILE
    file.write_text(GOOD + "\n")
    file.chmod(wrong)
    assert local_key(tmp_path) == GOOD
    assert mode(file) == 0o600
    assert file.read_text() == GOOD + "\n"


def test_f77_what_may_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / KEY_FILE
    file.write_text(GOOD + "\n")
    file.chmod(0)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    # The superuser, who may run these tests, is not refused by the mode alone.
    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(ConfigError, match="permission denied"):
        local_key(tmp_path)


def test_f75_a_data_directory_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError) as refused:
            local_key(place)
        assert str(place) in refused.value.message


def _first_start(data_dir: Path, barrier: object, answers: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    answers.put(local_key(data_dir))  # type: ignore[attr-defined]


def test_f81_eight_first_starts_at_once_give_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for number in range(5):
        data = tmp_path / f"data{number}"
        barrier, answers = context.Barrier(8), context.Queue()
        processes = [
            context.Process(target=_first_start, args=(data, barrier, answers)) for _ in range(8)
        ]
        for process in processes:
            process.start()
        keys = {answers.get(timeout=10) for _ in processes}
        for process in processes:
            process.join(10)
        assert len(keys) == 1
        assert [path.name for path in data.iterdir()] == [KEY_FILE]


def test_rotation_replaces_the_file_whole(tmp_path: Path) -> None:
    first = local_key(tmp_path)
    inode = (tmp_path / KEY_FILE).stat().st_ino
    second = rotate_local_key(tmp_path)
    assert second != first
    assert local_key(tmp_path) == second
    assert (tmp_path / KEY_FILE).stat().st_ino != inode
    assert mode(tmp_path / KEY_FILE) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_f74_a_write_that_fails_leaves_the_old_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = local_key(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("os.fsync", "pathlib.Path.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(name, full)
            with pytest.raises(ConfigError, match="no space left"):
                rotate_local_key(tmp_path)
        assert local_key(tmp_path) == key
        assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(ConfigError, match="no space left"):
            local_key(tmp_path / "fresh")
    assert not list((tmp_path / "fresh").iterdir())


def test_a_fixed_key_needs_no_file(tmp_path: Path) -> None:
    assert local_key(tmp_path / "data", "x" * 16) == "x" * 16
    assert not (tmp_path / "data").exists()
    with pytest.raises(ConfigError, match="PROXY_API_KEY"):
        rotate_local_key(tmp_path, "x" * 16)


@pytest.mark.parametrize(
    "key", ["", "short", "with blank in it", "tab\tin the key..", "\u00fc" * 20]
)
def test_a_fixed_key_that_cannot_be_sent_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="PROXY_API_KEY") as refused:
        local_key(tmp_path, key)
    assert not key or key not in refused.value.message
