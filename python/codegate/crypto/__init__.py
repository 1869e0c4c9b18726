"""Secrets at rest: keys and where they come from, authenticated encryption bound to its place."""
