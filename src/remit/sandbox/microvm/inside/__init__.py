"""What runs inside a machine, as its first process and as its program: standard library only."""
