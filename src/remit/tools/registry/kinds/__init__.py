"""Kinds: how each kind of source is opened. A kind that needs an extra is imported only when it is used."""
