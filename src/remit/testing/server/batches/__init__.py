"""Batches: work that a provider does when it has time, as files of lines."""
