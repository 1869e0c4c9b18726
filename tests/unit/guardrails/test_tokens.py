"""Tokens: made by the extension, made again here from the published construction."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from codegate import native
from codegate.crypto.keys import root_key
from codegate.guardrails.guards import make
from codegate.guardrails.rules import Rules

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS = 'abz019 é🦀"\\\n-'
_TOKEN = re.compile(r"XQZ(?:CUSTOM|EMAIL)[0-9A-Z]{29}Z")


def derived(root: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-256 without a salt."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(root)


def base32(data: bytes) -> str:
    """Crockford's, most significant bits first."""
    digits = -(-len(data) * 8 // 5)
    value = int.from_bytes(data, "big") << (digits * 5 - len(data) * 8)
    return "".join(ALPHABET[value >> (5 * i) & 31] for i in range(digits - 1, -1, -1))


class Recipe:
    """Makes the short tokens of one tenant's own values, by the published construction."""

    def __init__(self, root: bytes, tenant: str) -> None:
        bits = int.from_bytes(derived(root, b"codegate/guardrail-kid/v1", 2), "big") >> 6
        self.key_id = ALPHABET[bits >> 5] + ALPHABET[bits & 31]
        info = b"codegate/guardrail/v1"
        for part in (tenant.encode(), self.key_id.encode()):
            info += len(part).to_bytes(4, "big") + part
        self.siv = AESSIV(derived(root, info, 64))
        self.associated: list[bytes | bytearray | memoryview] = [b"v1", b"custom", tenant.encode()]

    def token(self, value: str) -> str:
        """The token of ``value``."""
        sealed = self.siv.encrypt(value.encode(), self.associated)
        return f"XQZCUSTOM{self.key_id}0{base32(sealed[:16])}Z"


def values(count: int, seed: int) -> list[str]:
    """Different values of many lengths and alphabets."""
    rng = random.Random(seed)
    return [f"«{n:x}{''.join(rng.choices(_LETTERS, k=rng.randrange(40)))}»" for n in range(count)]


def own(tenant: str, root: bytes) -> native.Guard:
    """A guard that takes what stands between guillemets."""
    return make(tenant, Rules(patterns={"own": "«[^»]+»"}), (root_key(root, "test"),))


def tokens(guard: native.Guard, wanted: list[str]) -> Iterator[str]:
    """The token of each value, many of them in one text."""
    for start in range(0, len(wanted), 500):
        text, _ = guard.mask_text("".join(wanted[start : start + 500]))
        yield from _TOKEN.findall(text)


@pytest.mark.parametrize(
    "count", [2_000, pytest.param(20_000, marks=(pytest.mark.soak, pytest.mark.timeout(600)))]
)
def test_g35_both_sides_agree_on_random_values(count: int) -> None:
    for seed in range(5):
        rng = random.Random(seed)  # the same values in each run
        root, tenant = rng.randbytes(32), f"tenant-{rng.randrange(1000)}"
        made = values(count, seed)
        recipe = Recipe(root, tenant)
        assert list(tokens(own(tenant, root), made)) == [recipe.token(value) for value in made]


@pytest.mark.parametrize(
    "count",
    [5_000, pytest.param(1_000_000, marks=(pytest.mark.soak, pytest.mark.timeout(600)))],
)
def test_g20_other_values_have_other_tokens(count: int) -> None:
    made = values(count, 1)
    guard = own("default", bytes(32))
    first = list(tokens(guard, made))
    assert len(first) == len(set(first)) == count
    assert list(tokens(guard, made[:1000])) == first[:1000]


def test_g37_two_tenants_or_categories_share_no_more_than_chance() -> None:
    made = values(2_000, 2)
    one, other = (list(tokens(own(tenant, bytes(32)), made)) for tenant in ("one", "other"))
    mails = [f"user{n}@indigo.org" for n in range(2_000)]
    plain = make("one", Rules(), (root_key(bytes(32), "test"),))
    mine = make("one", Rules(patterns={"own": r"user\d+@indigo\.org"}), (root_key(bytes(32), "t"),))
    as_mail = _TOKEN.findall(plain.mask_text(" ".join(mails))[0])
    as_own = _TOKEN.findall(mine.mask_text(" ".join(mails))[0])
    for left, right in ((one, other), (as_mail, as_own)):
        assert len(left) == len(right) == 2_000
        # 26 characters of 32 each; the last is filled up and has fewer forms.
        pairs = [(a, b) for x, y in zip(left, right, strict=True) for a, b in _payloads(x, y)]
        same = sum(a == b for a, b in pairs)
        assert len(pairs) / 32 * 0.85 < same < len(pairs) / 32 * 1.15


def _payloads(left: str, right: str) -> Iterator[tuple[str, str]]:
    return zip(left[-27:-2], right[-27:-2], strict=True)
