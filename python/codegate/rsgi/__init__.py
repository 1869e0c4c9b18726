"""The RSGI side: Granian's own interface, the only code that touches its scope and protocol."""
