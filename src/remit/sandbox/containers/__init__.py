"""Tier T3: programs in containers of Docker or podman, through the Docker API, under our own profile and limits."""

from remit.sandbox.containers.driver import ContainerSandbox

__all__ = ["ContainerSandbox"]
