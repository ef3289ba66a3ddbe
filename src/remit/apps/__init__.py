"""Finished agents, made only from Remit's public parts."""
