"""Prompts: what strategies say to models, as data in files beside this one, each with a version."""

from remit.strategies.prompts.loading import Example, Prompts, load

__all__ = ["Example", "Prompts", "load"]
