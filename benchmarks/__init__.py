"""Benchmarks: the workloads of Remit's speed goals, on Remit and its peers in one run (`python -m benchmarks`)."""
