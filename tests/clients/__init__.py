"""Real coding agents and SDKs, each run through a running CodeGate: ``python -m tests.clients``."""
