"""Same format in and out: nothing differs by a byte outside the declared spans."""
