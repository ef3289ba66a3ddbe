"""W5: what one call of a provider costs the client, over loopback HTTP to a server in a process of its own."""
