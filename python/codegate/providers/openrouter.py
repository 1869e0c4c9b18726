"""OpenRouter: many services behind one key (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import BEARER, Provider

PROVIDER = Provider(
    name="openrouter",
    label="OpenRouter",
    base_urls={
        "openai_chat": "https://openrouter.ai/api/v1",
        "anthropic_messages": "https://openrouter.ai/api",
    },
    auth={"anthropic_messages": BEARER},
    headers=(("x-title", "CodeGate"),),
    key_prefixes=("sk-or-",),
    key_variables=("OPENROUTER_API_KEY",),
)
