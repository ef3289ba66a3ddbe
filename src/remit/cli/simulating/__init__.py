"""Simulating: what a fleet must be for a stated load, by measured costs."""
