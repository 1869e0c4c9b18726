"""One client's request, whatever interface the server underneath offers it by."""
