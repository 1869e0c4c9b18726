"""Kimi by Moonshot, in both formats (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import BEARER, Provider, Quirks

PROVIDER = Provider(
    name="kimi",
    label="Kimi (Moonshot)",
    base_urls={
        "openai_chat": "https://api.moonshot.ai/v1",
        "anthropic_messages": "https://api.moonshot.ai/anthropic",
    },
    auth={"anthropic_messages": BEARER},
    key_variables=("MOONSHOT_API_KEY", "KIMI_API_KEY"),
    quirks=Quirks(
        takes_effort=False,
        has_thinking_switch=True,
        # A turn that called tools while thinking is refused without its thoughts.
        echo="calls",
    ),
)
