"""Cerebras (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import Provider

PROVIDER = Provider(
    name="cerebras",
    label="Cerebras",
    base_urls={"openai_chat": "https://api.cerebras.ai/v1"},
    key_prefixes=("csk-",),
    key_variables=("CEREBRAS_API_KEY",),
)
