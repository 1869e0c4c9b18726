"""Benchmarks of the whole gateway beside its floors, in one run on one machine."""
