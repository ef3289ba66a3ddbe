"""Chaos: a fleet of real processes, all that can break is broken at random, and nothing may be lost or done twice."""
