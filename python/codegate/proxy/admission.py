"""Who may come in: Host, key, load. Decided before a byte of the body is read."""

from __future__ import annotations

import hmac
from urllib.parse import unquote_to_bytes

from codegate import native
from codegate.errors import BadRequest, Draining, Misdirected, RateLimited, Unauthorized
from codegate.proxy.hosts import Hosts
from codegate.settings.settings import Settings
from codegate.snapshot import Snapshot, key_digest
from codegate.tenants.quota import Quota

_NO_KEY = (
    "no proxy key: send the key that `codegate key` prints as "
    "`Authorization: Bearer …` or `x-api-key: …`"
)
_WRONG_KEY = "this proxy key is not valid here: `codegate key` prints the right one"


def check_host(head: native.Head, hosts: Hosts) -> None:
    """Refuse names that are not ours.

    A request without Host, which the server shows as an empty one, cannot come from a browser.
    """
    if head.host_count > 1:
        raise BadRequest("the request has more than one Host header")
    host = head.host
    if host and not hosts.allows(host):
        raise Misdirected(
            "this host name is not served here; add it to ALLOWED_HOSTS if it should be"
        )


def admit(head: native.Head, query: bytes, snapshot: Snapshot, *, is_draining: bool) -> str:
    """The tenant whose key was presented. Raises ``Unauthorized`` or ``Draining``."""
    if is_draining:
        raise Draining("the proxy is stopping; try again shortly", retry_after_s=1.0)
    presented = head.key_digests or _query_key(query)
    if not presented:
        raise Unauthorized(_NO_KEY)
    for digest in presented:
        for known, tenant in snapshot.keys.items():
            if hmac.compare_digest(known, digest):
                return tenant
    raise Unauthorized(_WRONG_KEY)


def check_rate(tenant: str, settings: Settings, quota: Quota) -> None:
    """Count the request against its key's limit. Raises ``RateLimited``."""
    wait_s = quota.admit(tenant, settings.proxy_rpm)
    if wait_s > 0:
        raise RateLimited(
            f"this key is at its limit of {settings.proxy_rpm} requests in a minute",
            retry_after_s=wait_s,
        )


def _query_key(query: bytes) -> tuple[bytes, ...]:
    """The digest of the ``key=`` that Gemini's clients put into the query."""
    if b"key=" not in query:
        return ()
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == b"key" and value:
            return (key_digest(unquote_to_bytes(value)),)
    return ()
