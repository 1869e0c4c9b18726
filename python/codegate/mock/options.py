"""How a mock is started."""

from dataclasses import dataclass
from pathlib import Path

_MODELS = (
    "mock-large",
    "mock-small",
    "claude-opus-5-5",
    "claude-sonnet-5-5",
    "claude-haiku-5-5",
    "gpt-6-sol",
    "gpt-6-luna",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of a mock provider.

    `port` 0 takes a free one. `pace_ms` waits between stream deltas, `deltas` is how many pieces
    a text is cut into. `require_key` is the only key taken; without it any key is, but `bad-key`.
    `models` is what the model list shows; requests may name others. `canary` is where redirects
    point to. `tls_certificate` and `tls_key` are PEM files; `http2` offers HTTP/2 beside
    HTTP/1.1, over TLS only. `journal_bodies` is the size in bytes up to which bodies are kept.
    """

    host: str = "127.0.0.1"
    port: int = 0
    pace_ms: float = 0.0
    deltas: int = 8
    require_key: str | None = None
    models: tuple[str, ...] = _MODELS
    canary: str = "http://127.0.0.1:9/"
    body_limit: int = 256 * 1024 * 1024
    journal_size: int = 1000
    journal_bodies: int = 1024 * 1024
    journal_file: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    http2: bool = False
