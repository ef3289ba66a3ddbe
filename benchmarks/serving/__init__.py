"""Serving: W8, servers of agents under a load of event streams and messages, one driver for all."""
