"""Server: the HTTP API, event streams and the console over one home."""
