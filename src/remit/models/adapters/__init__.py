"""Adapters: models of other libraries, each in the one module that needs its extra."""
