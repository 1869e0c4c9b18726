"""The model list: what the accounts offer, in one body that both dialects' clients can read."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import orjson

from codegate import native
from codegate.accounts.account import Account, AccountEndpoint
from codegate.errors import NotFound, NoUpstream, UpstreamError
from codegate.snapshot import Snapshot

_LIST_PATH = "/models"
_TIMEOUT_S = 10.0
_MAX_BYTES = 4 * 1024 * 1024
_KEEP_S = 60.0
_KEEP_FAILURE_S = 5.0
"""An upstream that does not answer must not cost every client its time."""
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One model as an upstream describes it."""

    id: str
    display_name: str
    owned_by: str
    created: int
    created_at: str

    def as_json(self) -> dict[str, object]:
        """Members of both dialects side by side; each client ignores the other's."""
        return {
            "id": self.id,
            "object": "model",
            "type": "model",
            "created": self.created,
            "created_at": self.created_at,
            "display_name": self.display_name,
            "owned_by": self.owned_by,
        }


class ModelLists:
    """Asks each upstream for its list; keeps it for a minute, a failure for a few seconds."""

    def __init__(self, client: native.Client) -> None:
        """``client`` is the worker's."""
        self._client = client
        self._kept: dict[tuple[str, native.Target], tuple[float, tuple[Listed, ...] | None]] = {}
        self._lock = asyncio.Lock()

    async def all(self, snapshot: Snapshot) -> tuple[Listed, ...]:
        """Every model once, the first account that offers it winning.

        Raises ``NoUpstream`` without accounts and ``UpstreamError`` when no list could be had.
        """
        if not snapshot.accounts:
            raise NoUpstream(
                "no account is configured; the operator of the proxy adds one with "
                "`codegate accounts add`"
            )
        async with self._lock:
            lists = await asyncio.gather(*(self._of(a) for a in snapshot.accounts))
        if all(models is None for models in lists):
            raise UpstreamError(
                "no upstream gave its model list",
                status=502,
                code="model_list_unavailable",
                is_retryable=True,
            )
        merged: dict[str, Listed] = {}
        for models in lists:
            for model in models or ():
                merged.setdefault(model.id, model)
        return tuple(merged.values())

    async def one(self, snapshot: Snapshot, model_id: str) -> Listed:
        """The model of that id. Raises ``NotFound``."""
        for model in await self.all(snapshot):
            if model.id == model_id:
                return model
        raise NotFound("no account offers this model; GET /v1/models lists what is offered")

    async def _of(self, account: Account) -> tuple[Listed, ...] | None:
        if account.models:
            return tuple(_named(name, account.provider) for name in account.models)
        for endpoint in account.endpoints.values():
            models = await self._ask(account, endpoint)
            if models is not None:
                return models
        return None

    async def _ask(self, account: Account, endpoint: AccountEndpoint) -> tuple[Listed, ...] | None:
        """What an endpoint says or said a short while ago; ``None`` where that was no list."""
        key = (account.name, endpoint.target)
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        fetched = await self._client.fetch(
            endpoint.target,
            endpoint.address.path(_LIST_PATH),
            timeout_s=_TIMEOUT_S,
            max_bytes=_MAX_BYTES,
        )
        models = _read(fetched, account.provider)
        now = time.monotonic()
        # Endpoints that are gone would otherwise stay for ever.
        self._kept = {k: v for k, v in self._kept.items() if now < v[0]}
        self._kept[key] = (now + (_KEEP_FAILURE_S if models is None else _KEEP_S), models)
        return models


def as_list(models: tuple[Listed, ...]) -> dict[str, object]:
    """The list body: OpenAI's ``object`` and Anthropic's paging members together."""
    return {
        "object": "list",
        "data": [m.as_json() for m in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }


def _named(name: str, owner: str) -> Listed:
    return Listed(id=name, display_name=name, owned_by=owner, created=0, created_at=_EPOCH)


def _read(fetched: native.Fetched, owner: str) -> tuple[Listed, ...] | None:
    """The models of an upstream's list in either dialect; ``None`` for anything else."""
    if fetched.failure is not None or fetched.status != 200:
        return None
    try:
        value = orjson.loads(fetched.body)
    except orjson.JSONDecodeError:
        return None
    items = value.get("data") if isinstance(value, dict) else None
    if not isinstance(items, list):
        return None
    models = (_read_one(item, owner) for item in items if isinstance(item, dict))
    return tuple(m for m in models if m is not None)


def _read_one(item: dict[str, Any], owner: str) -> Listed | None:
    name = item.get("id")
    if not isinstance(name, str) or not name:
        return None
    display, owned = item.get("display_name"), item.get("owned_by")
    created, created_at = item.get("created"), item.get("created_at")
    return Listed(
        id=name,
        display_name=display if isinstance(display, str) else name,
        owned_by=owned if isinstance(owned, str) else owner,
        created=created if isinstance(created, int) else 0,
        created_at=created_at if isinstance(created_at, str) else _EPOCH,
    )
