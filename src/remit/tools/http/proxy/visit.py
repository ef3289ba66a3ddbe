"""A visit: one connection to the proxy, with all that its handling needs to know."""

from dataclasses import dataclass, field

from remit.tools.http.proxy.access import Access, Meter, Terms
from remit.tools.http.proxy.caller import Caller


@dataclass(frozen=True, slots=True)
class Visit:
    """A caller, what is written down about it, and what it may take."""

    caller: Caller
    terms: Terms
    access: Access = field(default_factory=Access)

    @property
    def meter(self) -> Meter:
        """Counts its bytes."""
        return Meter(self.access, self.terms.bytes)
