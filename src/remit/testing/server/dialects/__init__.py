"""Dialects: how each provider says an answer or an error, and what it takes for a legal request."""
