"""Inside: what runs in the workers: the agent, and a start that takes a safeguard away."""
