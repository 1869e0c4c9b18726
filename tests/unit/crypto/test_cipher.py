"""Authenticated encryption of single values."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from codegate.crypto.cipher import Cipher, Place, key_id_of
from codegate.crypto.historic import decrypt_historic
from codegate.crypto.keys import root_key
from codegate.crypto.secret import Secret
from codegate.errors import DecryptError

VECTORS = json.loads(Path("tests/fixtures/credentials.json").read_text(encoding="utf-8"))
HERE = Place("account_keys", "row-1", "secret_enc")


def cipher(byte: int = 1) -> Cipher:
    return Cipher(root_key(bytes([byte]) * 32, "test"))


@pytest.mark.parametrize("text", ["", "x", "sk-ant-0123", "clé-🔑", "a" * 4096])
def test_what_was_encrypted_decrypts_at_its_place(text: str) -> None:
    stored = cipher().encrypt(text, HERE)
    assert cipher().decrypt(stored, HERE) == text
    assert len(text) < 4 or text not in stored


@pytest.mark.parametrize(
    "elsewhere",
    [
        HERE._replace(row="row-2"),
        HERE._replace(column="headers_enc"),
        HERE._replace(table="accounts"),
        Place("account_keysrow", "-1", "secret_enc"),
    ],
    ids=["row", "column", "table", "shifted-border"],
)
def test_s46_a_value_moved_to_another_place_does_not_decrypt(elsewhere: Place) -> None:
    stored = cipher().encrypt("secret", HERE)
    with pytest.raises(DecryptError) as caught:
        cipher().decrypt(stored, elsewhere)
    assert "secret" not in caught.value.message.replace("secret_enc", "")


def test_s46_a_flipped_bit_at_any_byte_is_refused() -> None:
    version, key_id, encoded = cipher().encrypt("secret value", HERE).split(".")
    raw = base64.urlsafe_b64decode(encoded)
    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 1
        stored = f"{version}.{key_id}.{base64.urlsafe_b64encode(bytes(changed)).decode()}"
        with pytest.raises(DecryptError):
            cipher().decrypt(stored, HERE)


@pytest.mark.parametrize("stored", ["", "v1", "v1.x", "v2.a.b", "v1..", "nonsense"])
def test_a_damaged_spelling_is_refused(stored: str) -> None:
    with pytest.raises(DecryptError):
        cipher().decrypt(stored, HERE)


@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_s46_every_encryption_has_its_own_96_bit_nonce(count: int) -> None:
    one = cipher()
    seen = {
        base64.urlsafe_b64decode(one.encrypt("same", HERE).split(".")[2])[:12] for _ in range(count)
    }
    assert len(seen) == count


def test_a_ciphertext_names_its_key_and_no_other_key_opens_it() -> None:
    stored = cipher(1).encrypt("secret", HERE)
    assert key_id_of(stored) == cipher(1).key_id != cipher(2).key_id
    with pytest.raises(DecryptError, match="was not encrypted with key"):
        cipher(2).decrypt(stored, HERE)
    relabelled = stored.replace(cipher(1).key_id, cipher(2).key_id)
    with pytest.raises(DecryptError):
        cipher(2).decrypt(relabelled, HERE)


def test_s31_a_fingerprint_is_short_keyed_and_steady() -> None:
    assert cipher(1).fingerprint("sk-1") == cipher(1).fingerprint("sk-1")
    assert cipher(1).fingerprint("sk-1") != cipher(2).fingerprint("sk-1")
    assert len(cipher().fingerprint("sk-1")) == 6


@pytest.mark.parametrize("case", VECTORS["credentials"], ids=lambda c: c["id"])
def test_s50_historic_credentials_decrypt(case: dict[str, Any]) -> None:
    plain = decrypt_historic(bytes.fromhex(case["key"]), case["ciphertext"])
    assert plain == case["plaintext"]


@pytest.mark.parametrize("case", VECTORS["must_fail"], ids=lambda c: c["id"])
def test_s50_damaged_historic_credentials_are_errors_never_empty_keys(
    case: dict[str, Any],
) -> None:
    with pytest.raises(DecryptError):
        decrypt_historic(bytes.fromhex(case["key"]), case["ciphertext"])


def test_s30_a_secret_prints_as_stars() -> None:
    secret = Secret("sk-canary")
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", f"{[secret]}"):
        assert "canary" not in shown
    assert secret.reveal() == "sk-canary"
    assert secret == Secret("sk-canary")
    assert secret != Secret("sk-other")
