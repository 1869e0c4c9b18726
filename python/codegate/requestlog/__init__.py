"""One record for each exchange: what it was, how it ended, what it used."""
