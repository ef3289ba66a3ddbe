"""HTTP: how the wires reach a provider: connections, time limits, server-sent events."""
