"""Root keys: how they are read, made and derived from."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from codegate.crypto.keys import (
    ACCOUNT_SALT,
    GUARDRAIL_SALT,
    derive,
    from_passphrase,
    guardrail_key,
    make_key_file,
    parse_key,
    read_key_file,
)
from codegate.errors import ConfigError

VECTORS = json.loads(Path("tests/fixtures/credentials.json").read_text(encoding="utf-8"))


def test_key_file_text_is_hex_in_either_case_with_white_space_around() -> None:
    content, expected = VECTORS["key_file"]["content"], VECTORS["key_file"]["bytes_hex"]
    for text in (content, content.upper(), f"  {content}\r\n"):
        assert parse_key(text).hex() == expected


@pytest.mark.parametrize("case", VECTORS["scrypt"], ids=lambda c: f"{c['salt'][13:20]}")
def test_a_passphrase_gives_the_known_key(case: dict[str, Any]) -> None:
    assert from_passphrase(case["passphrase"], case["salt"].encode()).hex() == case["key"]


def test_the_salts_in_use_are_those_of_the_vectors() -> None:
    salts = {case["salt"].encode() for case in VECTORS["scrypt"]}
    assert {ACCOUNT_SALT, GUARDRAIL_SALT} <= salts


def test_s47_each_purpose_has_its_own_key_by_hkdf() -> None:
    root = bytes(range(32))

    def expected(info: bytes, length: int = 32) -> bytes:
        # RFC 5869 by hand: extract with a salt of zeros, one block of expand.
        extracted = hmac.digest(bytes(32), root, hashlib.sha256)
        return hmac.digest(extracted, info + b"\x01", hashlib.sha256)[:length]

    assert derive(root, "account") == expected(b"codegate/account/v1")
    assert derive(root, "seal") == expected(b"codegate/seal/v1")
    assert derive(root, "fingerprint") == expected(b"codegate/fingerprint/v1")
    assert derive(root, "key-id", length=4) == expected(b"codegate/key-id/v1", 4)


BAD_CONTENTS = {
    "empty": "",
    "31-bytes": "ab" * 31,
    "33-bytes": "ab" * 33,
    "not-hex": "zz" * 32,
    "a-sentence": "hello",
}


@pytest.mark.parametrize("text", BAD_CONTENTS.values(), ids=BAD_CONTENTS)
def test_f77_a_bad_key_file_is_refused_and_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".account-key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="does not hold a key"):
        read_key_file(path)
    assert path.read_text() == text


def test_f77_a_folder_or_a_link_is_no_key_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="is not a file"):
        read_key_file(tmp_path / "folder")
    make_key_file(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigError):
        read_key_file(tmp_path / "link")


def test_f77_a_key_file_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    made = make_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    again = read_key_file(tmp_path / "key")
    assert again == made
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_s44_a_key_file_is_private_from_the_start(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_key_file(tmp_path / "key")
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def test_eight_first_starts_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: guardrail_key(tmp_path, None), range(8)))
    assert len({key.material for key in keys}) == 1


def test_a_root_key_does_not_show_itself(tmp_path: Path) -> None:
    made = make_key_file(tmp_path / "key")
    assert made.material.hex() not in repr(made)
    assert made.key_id not in made.material.hex()
