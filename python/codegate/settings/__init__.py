"""Run-time settings: what an operator may change without a restart."""
