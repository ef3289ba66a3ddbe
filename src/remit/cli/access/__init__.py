"""`remit keys` and `remit audit`: who may come into a server, and what they did there."""
