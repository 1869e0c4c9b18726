"""Credentials at a provider."""
