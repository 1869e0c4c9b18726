"""CodeGate: one self-hosted proxy between every coding agent and every LLM provider."""

__version__ = "0.1.0"
