"""Any service that speaks a known wire format at an address that the operator gives."""

from __future__ import annotations

from codegate.providers.base import Provider

PROVIDER = Provider(name="custom", label="Custom", needs_key=False)
