"""The built-in mock provider that ``serve --demo`` starts beside the proxy."""

from __future__ import annotations

from codegate.providers.base import Provider

PROVIDER = Provider(name="demo", label="Demo", needs_key=False, is_storable=False)
