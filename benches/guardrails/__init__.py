"""How well a scanner finds what must be masked and leaves alone what must not."""
