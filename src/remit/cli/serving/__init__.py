"""Serving: commands that stay until they are told to stop."""
