"""Places: what a fleet stands on, here on one machine: a database, a network, a provider, a counter, processes."""
