"""Agents: the same one, as each server wants it declared. Each module is loaded by its server alone."""
