"""Seals on thinking: made from its text and from all that stood before it in the request."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator

import orjson

_PREFIX = "bW9jay1zZWFs"
_HALF = 32


def seal(thinking: str, said: bytes = b"") -> str:
    """The signature of a thinking text that follows `said`, a digest of what stood before."""
    sealed = _of_text(thinking) + hashlib.sha256(b"mock place:" + said).digest()
    return _PREFIX + base64.b64encode(sealed + _check(sealed)).decode()


def is_broken_seal(thinking: str, signature: str) -> bool:
    """Whether `signature` was made here for another text. Foreign seals are nobody's business."""
    return signature.startswith(_PREFIX) and not is_sealed(thinking, signature)


def is_sealed(thinking: str, signature: str) -> bool:
    """Whether `signature` was made here for this text, wherever it stood."""
    try:
        digest = base64.b64decode(signature.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return False
    sealed, check = digest[: 2 * _HALF], digest[2 * _HALF :]
    is_own = signature.startswith(_PREFIX) and check == _check(sealed)
    return is_own and sealed[:_HALF] == _of_text(thinking)


def _check(sealed: bytes) -> bytes:
    return hashlib.sha256(b"mock seal:" + sealed).digest()[:8]


def said_before(body: dict[str, object]) -> Iterator[bytes]:
    """A digest of system, tools and all earlier messages for each message of a Messages request,
    and at last for the answer. Cache marks do not count."""
    digest = hashlib.sha256(_plain([_blocks(body.get("system")), body.get("tools") or []]))
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else []:
        yield digest.digest()
        content = message.get("content") if isinstance(message, dict) else None
        role = message.get("role") if isinstance(message, dict) else None
        digest.update(_plain([role, _blocks(content)]))
    yield digest.digest()


def _of_text(thinking: str) -> bytes:
    return hashlib.sha256(b"mock thinking:" + thinking.encode("utf-8", "surrogatepass")).digest()


def _blocks(content: object) -> object:
    """A string is short for one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _plain(value: object) -> bytes:
    return orjson.dumps(_without_marks(value), option=orjson.OPT_SORT_KEYS)


def _without_marks(value: object) -> object:
    if isinstance(value, list):
        return [_without_marks(item) for item in value]
    if isinstance(value, dict):
        return {k: _without_marks(v) for k, v in value.items() if k != "cache_control"}
    return value
