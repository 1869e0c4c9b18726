"""Tries what a model can do at an account: an image and a tool, each in one short request.

A refusal counts only where the same request without the image or tool is answered; whatever else
goes wrong leaves the answer unknown. Control plane only, at the stored address and nowhere else.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from codegate.accounts.abilities import Abilities
from codegate.accounts.record import AccountRecord, now_ms
from codegate.providers.base import ENDPOINTS, Provider, Quirks, endpoint
from codegate.providers.known import provider_named

MOST_MODELS = 8
"""Models of one account that are tried unasked; each may cost a few tokens."""

_TIMEOUT_S = 30.0
_MAX_TOKENS = 16
"""Enough for models that refuse to answer in one token."""
_SIDE = 64
"""Pixels: smaller images are refused by some that see well."""
_REFUSALS = frozenset({400, 404, 415, 422, 501})
_ABOUT_SIZE = ("too small", "dimension", "pixel", "resolution")
_VERSION = "2023-06-01"


def models_of(record: AccountRecord) -> tuple[str, ...]:
    """The models that an account is known to be used with, as its service calls them."""
    named = (record.default_model, record.reasoning_model, *record.models)
    sent = [record.model_map.get(name, name) for name in named if name]
    return tuple(dict.fromkeys([*sent, *record.model_map.values()]))[:MOST_MODELS]


def try_model(record: AccountRecord, model: str) -> Abilities:
    """What ``model`` can do at the account's first address, with its first key."""
    with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
        trial = _Trial(client, _call_of(record), model)
        has_vision = trial.vision()
        return Abilities(has_vision=has_vision, has_tools=trial.tools(), checked_ms=now_ms())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    url: str
    headers: Mapping[str, str]
    wire_format: str
    quirks: Quirks


def _call_of(record: AccountRecord) -> _Call:
    provider = provider_named(record.provider)
    wire_format = next(iter(record.endpoints))
    address = endpoint(provider, record.endpoints[wire_format])
    return _Call(
        url=address.base_url + address.path(ENDPOINTS[wire_format]),
        headers=_headers(record, provider, wire_format),
        wire_format=wire_format,
        quirks=provider.quirks,
    )


def _headers(record: AccountRecord, provider: Provider, wire_format: str) -> dict[str, str]:
    headers = {**dict(provider.headers), "accept": "application/json"}
    if wire_format == "anthropic_messages":
        headers["anthropic-version"] = _VERSION
    if record.keys:
        auth = provider.auth_for(wire_format)
        headers[auth.header] = auth.prefix + record.keys[0].reveal()
    return headers | {name.lower(): value.reveal() for name, value in record.headers.items()}


class _Trial:
    """The requests of one model. The plain one is sent at most once."""

    def __init__(self, client: httpx.Client, call: _Call, model: str) -> None:
        self._client = client
        self._call = call
        self._model = model
        self._is_plain_fine: bool | None = None

    def vision(self) -> bool | None:
        """Whether an image is taken."""
        if self._call.quirks.takes_images is False:
            # Some of these take an image and never look at it: taking it shows nothing.
            return None
        return self._outcome(self._body(image=True))

    def tools(self) -> bool | None:
        """Whether a tool is taken."""
        return self._outcome(self._body(tool=True))

    def _outcome(self, body: dict[str, object]) -> bool | None:
        status, text = self._post(body)
        if status == 200:
            return True
        if status not in _REFUSALS or any(words in text for words in _ABOUT_SIZE):
            return None
        if self._is_plain_fine is None:
            self._is_plain_fine = self._post(self._body())[0] == 200
        return False if self._is_plain_fine else None

    def _post(self, body: dict[str, object]) -> tuple[int, str]:
        call = self._call
        try:
            answer = self._client.post(call.url, headers=dict(call.headers), json=body)
        except httpx.HTTPError:
            return 0, ""
        return answer.status_code, answer.text[:4096].lower()

    def _body(self, *, image: bool = False, tool: bool = False) -> dict[str, object]:
        call = self._call
        is_messages = call.wire_format == "anthropic_messages"
        content: Any = "Answer with one word."
        if image:
            content = [{"type": "text", "text": content}, _image(is_messages)]
        body: dict[str, object] = {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens" if is_messages else call.quirks.output_limit: _MAX_TOKENS,
        }
        if tool:
            body["tools"] = [_tool(is_messages)]
        return body


def _tool(is_messages: bool) -> dict[str, object]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    if is_messages:
        return {"name": "weather", "description": "Tells the weather.", "input_schema": schema}
    function = {"name": "weather", "description": "Tells the weather.", "parameters": schema}
    return {"type": "function", "function": function}


def _image(is_messages: bool) -> dict[str, object]:
    data = base64.b64encode(_png()).decode("ascii")
    if is_messages:
        source = {"type": "base64", "media_type": "image/png", "data": data}
        return {"type": "image", "source": source}
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def _png() -> bytes:
    """A grey square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    # Eight bits of grey a pixel; every row begins with its filter, which is none.
    rows = (b"\x00" + b"\x80" * _SIDE) * _SIDE
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        )
    )
