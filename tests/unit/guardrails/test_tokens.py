"""Tokens: made by the extension, made again here from the published construction."""

from __future__ import annotations

import random

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from codegate.crypto.keys import root_key
from codegate.guardrails.guards import make
from codegate.guardrails.rules import Rules

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def derived(root: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 without a salt."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(root)


def base32(data: bytes) -> str:
    """Crockford's, most significant bits first."""
    digits = -(-len(data) * 8 // 5)
    value = int.from_bytes(data, "big") << (digits * 5 - len(data) * 8)
    return "".join(ALPHABET[value >> (5 * i) & 31] for i in range(digits - 1, -1, -1))


def token(root: bytes, tenant: str, value: str) -> str:
    """The short token of a value of the operator's own."""
    bits = int.from_bytes(derived(root, b"codegate/guardrail-kid/v1", 2), "big") >> 6
    key_id = ALPHABET[bits >> 5] + ALPHABET[bits & 31]
    info = b"codegate/guardrail/v1"
    for part in (tenant.encode(), key_id.encode()):
        info += len(part).to_bytes(4, "big") + part
    siv = AESSIV(derived(root, info, 64))
    sealed = siv.encrypt(value.encode(), [b"v1", b"custom", tenant.encode()])
    return f"XQZCUSTOM{key_id}0{base32(sealed[:16])}Z"


def test_g35_both_sides_agree_on_random_values() -> None:
    rng = random.Random(7)  # the same values in each run
    for _ in range(5):
        root = rng.randbytes(32)
        tenant = f"tenant-{rng.randrange(1000)}"
        rules = Rules(patterns={"own": "«[^»]+»"})
        guard = make(tenant, rules, (root_key(root, "test"),))
        for _ in range(2_000):
            size = rng.randrange(1, 60)
            value = "«" + "".join(rng.choices('abz019 é🦀"\\\n-', k=size)) + "»"
            assert guard.mask_text(value)[0] == token(root, tenant, value)
