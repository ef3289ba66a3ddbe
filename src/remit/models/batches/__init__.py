"""Batches: a provider's way of doing work that can wait, at a lower price."""
