"""Tests of CodeGate."""
