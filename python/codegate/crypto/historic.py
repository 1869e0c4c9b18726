"""Reads credentials as CodeGate 1 stored them; nothing is written in these spellings any more.

Both are AES-256-GCM without associated data: ``base64(iv16 + ciphertext + tag16)``, and before
that ``hex(iv):hex(ciphertext + tag)`` with the nonce as long as it was written.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from codegate.errors import DecryptError

_IV_BYTES = 16
_TAG_BYTES = 16
_MIN_IV_BYTES = 8


def decrypt_historic(key: bytes, stored: str) -> str:
    """The text; never empty. Raises ``DecryptError`` for whatever does not verify."""
    iv, sealed = _split(stored)
    if len(iv) < _MIN_IV_BYTES or len(sealed) <= _TAG_BYTES:
        raise DecryptError("the stored credential is cut short")
    try:
        return AESGCM(key).decrypt(iv, sealed, None).decode("utf-8")
    except (InvalidTag, UnicodeDecodeError):
        raise DecryptError("the stored credential does not belong to this key") from None


def _split(stored: str) -> tuple[bytes, bytes]:
    head, colon, rest = stored.partition(":")
    try:
        if colon:
            return bytes.fromhex(head), bytes.fromhex(rest)
        # Either alphabet was accepted by one of the two programs that wrote these values.
        raw = base64.b64decode(stored.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        raise DecryptError("the stored credential is neither base64 nor hexadecimal") from None
    return raw[:_IV_BYTES], raw[_IV_BYTES:]
