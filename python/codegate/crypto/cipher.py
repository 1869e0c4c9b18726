"""AES-256-GCM for single values, bound to the place they are stored in.

A stored value reads ``v1.<key id>.<base64url of nonce, ciphertext and tag>``. Table, row, column
and key id are authenticated with it, so a value that is copied to another row or column does not
decrypt there.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from codegate.crypto.keys import RootKey, derive
from codegate.errors import DecryptError

_VERSION = "v1"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_FINGERPRINT_DIGITS = 6


class Place(NamedTuple):
    """Where a value is stored."""

    table: str
    row: str
    column: str


class Cipher:
    """Encrypts and decrypts under one root key."""

    def __init__(self, root: RootKey) -> None:
        """Derive what is needed from ``root``."""
        self.key_id = root.key_id
        self._aead = AESGCM(derive(root.material, "account"))
        self._fingerprint = derive(root.material, "fingerprint")

    def encrypt(self, text: str, place: Place) -> str:
        """``text`` as it may be stored at ``place``. A fresh random nonce each time."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, text.encode("utf-8"), self._binding(place))
        encoded = base64.urlsafe_b64encode(nonce + sealed).decode("ascii")
        return f"{_VERSION}.{self.key_id}.{encoded}"

    def decrypt(self, stored: str, place: Place) -> str:
        """The text. Raises ``DecryptError``, whose message names the place, never the value."""
        where = f"{place.table} {place.column} of row {place.row}"
        version, key_id, encoded = (*stored.split(".", 2), "", "")[:3]
        if version != _VERSION or key_id != self.key_id:
            raise DecryptError(f"{where} was not encrypted with key {self.key_id}")
        try:
            raw = base64.b64decode(encoded, altchars=b"-_", validate=True)
            if len(raw) < _NONCE_BYTES + _TAG_BYTES:
                raise DecryptError(f"{where} is cut short")
            nonce, sealed = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            return self._aead.decrypt(nonce, sealed, self._binding(place)).decode("utf-8")
        except (InvalidTag, binascii.Error, UnicodeDecodeError):
            raise DecryptError(f"{where} was changed or moved; enter the value again") from None

    def fingerprint(self, text: str) -> str:
        """Six digits that tell secrets apart; without the root key they say nothing."""
        return hmac.digest(self._fingerprint, text.encode("utf-8"), "sha256").hex()[
            :_FINGERPRINT_DIGITS
        ]

    def _binding(self, place: Place) -> bytes:
        # Lengths before the parts: no two places give the same bytes.
        parts = [part.encode("utf-8") for part in (*place, self.key_id)]
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def key_id_of(stored: str) -> str:
    """The id of the key that ``stored`` says it is under; empty where it says none."""
    version, key_id, _ = (*stored.split(".", 2), "", "")[:3]
    return key_id if version == _VERSION else ""
