"""Many clients against five accounts of which four fail in turns: `python -m tests.chaos`."""
