"""Which Host headers are ours: a web page must not reach the proxy under a name it chose."""

from __future__ import annotations

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_WILDCARDS = {"0.0.0.0", "::", ""}  # noqa: S104  # names to leave out, not an address to bind
_CACHE_LIMIT = 1024


class Hosts:
    """The allowed host names. ``*`` in the configured list allows every name."""

    def __init__(self, bound: str, configured: tuple[str, ...]) -> None:
        """``bound`` is the address the listener was given."""
        names = {*_LOOPBACK, *configured}
        if bound not in _WILDCARDS:
            names.add(f"[{bound}]" if ":" in bound else bound.lower())
        self._names = frozenset(names)
        self._is_open = "*" in names
        self._allowed: set[bytes] = set()

    def allows(self, host: bytes) -> bool:
        """Whether a Host header's value, with or without a port, names this server."""
        if self._is_open or host in self._allowed:
            return True
        if len(host) > 260:
            return False
        name, port = _split(host.decode("latin-1").lower())
        if name not in self._names or not (port is None or (port.isascii() and port.isdigit())):
            return False
        if len(self._allowed) < _CACHE_LIMIT:
            self._allowed.add(host)
        return True


def _split(host: str) -> tuple[str, str | None]:
    if host.startswith("["):
        name, bracket, rest = host.partition("]")
        if not rest:
            return name + bracket, None
        return name + bracket, rest[1:] if rest.startswith(":") else "?"
    name, colon, port = host.partition(":")
    return name, port if colon else None
