"""Root keys: 32 bytes from a private file or a passphrase, and what is derived from them.

A root key itself encrypts nothing. Each use has a key of its own by HKDF-SHA-256 with a distinct
``info``, so that no key serves two purposes.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from codegate.errors import ConfigError
from codegate.storage.files import create_private, read_private

KEY_BYTES = 32
ACCOUNT_FILE = ".account-key"
GUARDRAIL_FILE = ".guardrail-key"

ACCOUNT_SALT = b"claude-proxy-account-key-salt"
GUARDRAIL_SALT = b"claude-proxy-guardrail-key-salt"
"""Fixed texts: a passphrase has to give the same key on every machine and in every version."""

_HEX = re.compile(r"[0-9a-fA-F]{64}")

Purpose = Literal["account", "seal", "fingerprint", "key-id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKey:
    """A root key. ``key_id`` names it in ciphertexts and messages and gives nothing away."""

    material: bytes = field(repr=False)
    key_id: str
    source: str
    """Where it came from, for people: a path or a variable's name."""


def root_key(material: bytes, source: str) -> RootKey:
    """A root key with its id."""
    return RootKey(
        material=material, key_id=derive(material, "key-id", length=4).hex(), source=source
    )


def derive(material: bytes, purpose: Purpose, *, length: int = KEY_BYTES) -> bytes:
    """The key for one purpose."""
    info = f"codegate/{purpose}/v1".encode("ascii")
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(material)


def from_passphrase(passphrase: str, salt: bytes) -> bytes:
    """32 bytes by scrypt, N = 16384, r = 8, p = 1."""
    return Scrypt(salt=salt, length=KEY_BYTES, n=16384, r=8, p=1).derive(passphrase.encode("utf-8"))


def parse_key(text: str) -> bytes:
    """The bytes of 64 hex digits; white space around them does not matter.

    Raises ``ValueError`` for anything else.
    """
    stripped = text.strip()
    if not _HEX.fullmatch(stripped):
        raise ValueError("not 64 hexadecimal digits")
    return bytes.fromhex(stripped)


def read_key_file(path: Path) -> RootKey | None:
    """The key in ``path``, ``None`` where there is no file.

    Raises ``ConfigError`` for a file that holds no key; the file stays as it is.
    """
    try:
        text = read_private(path)
    except FileNotFoundError:
        return None
    try:
        return root_key(parse_key(text), str(path))
    except ValueError as error:
        raise ConfigError(
            f"{path} does not hold a key ({error}); restore it from a backup"
        ) from None


def make_key_file(path: Path) -> RootKey:
    """A new random key in ``path``, or the one that another process put there first."""
    create_private(path, secrets.token_hex(KEY_BYTES))
    made = read_key_file(path)
    if made is None:
        raise ConfigError(f"{path} disappeared while it was made; start again")
    return made


def guardrail_key(data_dir: Path, passphrase: str | None) -> RootKey:
    """The root of all guardrail keys, made at the first start. Raises ``ConfigError``."""
    if passphrase is not None:
        return root_key(from_passphrase(passphrase, GUARDRAIL_SALT), "GUARDRAIL_KEY")
    path = data_dir / GUARDRAIL_FILE
    return read_key_file(path) or make_key_file(path)
