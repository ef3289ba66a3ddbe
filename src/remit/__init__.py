"""Remit: an operating system for agents."""
