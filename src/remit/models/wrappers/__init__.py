"""Wrappers: each is a model around a model."""
