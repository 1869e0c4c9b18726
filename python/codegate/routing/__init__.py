"""Which upstreams an exchange tries, and in what order."""
