"""Texts under a passphrase, for a file that leaves the machine: scrypt and AES-256-GCM."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from codegate.errors import DecryptError

_KIND = "codegate-keys"
_VERSION = 1
_N, _R, _P = 2**15, 8, 1
_SALT_BYTES = 16
_NONCE_BYTES = 12


def seal(texts: dict[str, str], passphrase: str) -> str:
    """``texts`` by name, as one line of JSON that only ``passphrase`` opens."""
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, orjson.dumps(texts), _header(salt))
    document = {
        **_parameters(),
        "salt": base64.b64encode(salt).decode("ascii"),
        "nonce": base64.b64encode(nonce).decode("ascii"),
        "sealed": base64.b64encode(sealed).decode("ascii"),
    }
    return orjson.dumps(document).decode("ascii")


def unseal(text: str, passphrase: str) -> dict[str, str]:
    """What ``seal`` was given. Raises ``DecryptError``."""
    salt, nonce, sealed = _read(text)
    try:
        opened = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed, _header(salt))
    except InvalidTag:
        raise DecryptError("the passphrase is wrong, or the file was changed") from None
    texts = orjson.loads(opened)
    return {str(name): str(value) for name, value in texts.items()}


def _read(text: str) -> tuple[bytes, bytes, bytes]:
    try:
        document: Any = orjson.loads(text)
        # Other costs are another version's: what a file asks for is not what is computed.
        if {name: document[name] for name in _parameters()} != _parameters():
            raise DecryptError("the file was made by another version of CodeGate")
        salt, nonce, sealed = (
            base64.b64decode(document[name], validate=True) for name in ("salt", "nonce", "sealed")
        )
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise DecryptError("the file holds no keys that codegate keys export wrote") from None
    if len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
        raise DecryptError("the file is damaged")
    return salt, nonce, sealed


def _parameters() -> dict[str, object]:
    return {"kind": _KIND, "version": _VERSION, "n": _N, "r": _R, "p": _P}


def _header(salt: bytes) -> bytes:
    """What is authenticated beside the texts."""
    return orjson.dumps(_parameters()) + salt


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode("utf-8"))
