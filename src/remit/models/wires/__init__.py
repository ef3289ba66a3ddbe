"""Wires: the languages of the providers, written and read without a word more than needed."""
