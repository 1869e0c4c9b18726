"""A real proxy on loopback, a mock upstream, real sockets."""
