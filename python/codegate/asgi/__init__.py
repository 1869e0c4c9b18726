"""The ASGI side: the only code that touches an ASGI scope, receive and send."""
