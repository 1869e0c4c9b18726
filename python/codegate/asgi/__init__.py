"""The minimal ASGI core: the only code that touches scope, receive and send."""
