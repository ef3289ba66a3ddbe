"""Repeating what is recorded: whether a strategy does, and driving one over it without touching anything."""
