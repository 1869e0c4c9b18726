"""The scenarios, one module for each client; each module exports ``SCENARIOS``."""

from tests.clients.scenario import Scenario
from tests.clients.scenarios import (
    aider,
    aimock,
    anthropic_sdk,
    claude_code,
    crossed_sdks,
    openai_sdk,
    opencode,
)

SCENARIOS: tuple[Scenario, ...] = (
    *claude_code.SCENARIOS,
    *opencode.SCENARIOS,
    *aider.SCENARIOS,
    *anthropic_sdk.SCENARIOS,
    *openai_sdk.SCENARIOS,
    *crossed_sdks.SCENARIOS,
    *aimock.SCENARIOS,
)
