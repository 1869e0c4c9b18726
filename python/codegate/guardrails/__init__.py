"""Guardrails as an operator sees them: what is looked for, for whom, and what happens then."""
