"""MiniMax, in both formats (facts of November 2026)."""

from __future__ import annotations

from codegate.providers.base import Provider, Quirks

PROVIDER = Provider(
    name="minimax",
    label="MiniMax",
    base_urls={
        "openai_chat": "https://api.minimax.io/v1",
        "anthropic_messages": "https://api.minimax.io/anthropic",
    },
    key_variables=("MINIMAX_API_KEY",),
    quirks=Quirks(
        takes_text_parts=False,
        takes_late_system=False,
        takes_effort=False,
        has_think_tags=True,
        refused=(
            *("response_format", "parallel_tool_calls", "strict"),
            *("tool_choice:auto", "content:null"),
        ),
    ),
)
