"""Requests as tests make them."""

from remit.server.access import Asked

LOCAL = "127.0.0.1"


def asked(
    method: str = "GET", path: str = "/v1/sessions", *, peer: str = LOCAL, host: str = "localhost:8765", **headers: str
) -> Asked:
    """A request; `sec_fetch_site="none"` is its header `Sec-Fetch-Site`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(method, path, {"host": host, **named}, peer)
