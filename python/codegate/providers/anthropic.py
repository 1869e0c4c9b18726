"""Anthropic's own API (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import Provider

PROVIDER = Provider(
    name="anthropic",
    label="Anthropic",
    base_urls={"anthropic_messages": "https://api.anthropic.com"},
    key_prefixes=("sk-ant-",),
    key_variables=("ANTHROPIC_API_KEY",),
)
