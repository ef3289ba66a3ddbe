"""A forward proxy that holds other programs, such as child processes and sandboxes, to a host policy."""

from remit.tools.http.proxy.access import Access, Admit, Log, Terms
from remit.tools.http.proxy.server import ForwardProxy

__all__ = ["Access", "Admit", "ForwardProxy", "Log", "Terms"]
