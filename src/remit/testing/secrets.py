"""The conformance suite of secret sources: what each of them must do, as checks that raise `AssertionError`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from remit.core.errors import ConfigError
from remit.tools.secrets import SecretSource

Keep = Callable[[Mapping[tuple[str, str], str]], Awaitable[SecretSource]]
"""Makes a source that keeps these values, by tenant and name; the tenant is empty for those of all tenants."""

Check = Callable[[Keep], Awaitable[None]]


async def gives_what_is_kept(keep: Keep) -> None:
    """A value comes back as it is, for every tenant that has none of its own."""
    source = await keep({("", "TOKEN"): "value of TOKEN", ("", "other-token.v2"): 'a b"c\\d é=\t$(x)'})
    assert await source.get("TOKEN", "acme") == "value of TOKEN"
    assert await source.get("TOKEN", "default") == "value of TOKEN"
    assert await source.get("TOKEN", "") == "value of TOKEN"
    assert await source.get("other-token.v2", "acme") == 'a b"c\\d é=\t$(x)'


async def gives_a_tenant_its_own(keep: Keep) -> None:
    """A tenant's own value comes first, and no other tenant is given it."""
    source = await keep({("", "TOKEN"): "for all", ("acme", "TOKEN"): "of acme", ("acme", "ONLY"): "only of acme"})
    assert await source.get("TOKEN", "acme") == "of acme"
    assert await source.get("ONLY", "acme") == "only of acme"
    for tenant in ("other", "ACME", "acme-eu", "acm", "acme_", ""):
        assert await source.get("TOKEN", tenant) == "for all", tenant
        assert await source.get("ONLY", tenant) is None, tenant


async def tells_tenants_apart(keep: Keep) -> None:
    """Tenants whose names are alike share nothing."""
    tenants = ("acme-eu", "acme_eu", "acmeEu", "acme eu", "acme.eu", "acmeeu")
    source = await keep({(tenant, "TOKEN"): f"of {tenant}" for tenant in tenants})
    for tenant in tenants:
        assert await source.get("TOKEN", tenant) == f"of {tenant}"


async def has_nothing_else(keep: Keep) -> None:
    """What is not kept is `None`, and so is what is empty."""
    source = await keep({("", "TOKEN"): "for all", ("", "EMPTY"): "", ("acme", "TOKEN"): ""})
    assert await source.get("MISSING", "acme") is None
    assert await source.get("EMPTY", "acme") is None
    assert await source.get("TOKEN", "acme") == "for all"
    assert await source.get("token", "acme") is None, "a name is exact"
    assert await source.get("acme", "default") is None


async def follows_no_name_to_somewhere_else(keep: Keep) -> None:
    """A name or a tenant that is made to lead out finds nothing."""
    source = await keep({("", "TOKEN"): "for all", ("acme", "TOKEN"): "of acme"})
    names = ("../TOKEN", "acme/TOKEN", "./TOKEN", "TOKEN/", "..", ".", "", "/etc/hostname", "TOK\0EN", "TOKEN\n", "*")
    for name in names:
        assert await _refused(source, name, "default"), name
    for tenant in ("../acme", "x/../acme", "/", "..", "acme/", "acme\0"):
        assert await _refused(source, "TOKEN", tenant) or await source.get("TOKEN", tenant) == "for all", tenant


async def answers_many_at_the_same_time(keep: Keep) -> None:
    """Looks at the same time do not mix."""
    kept = {("", f"TOKEN{number}"): f"value {number}" for number in range(20)}
    source = await keep(kept)
    assert await asyncio.gather(*(source.get(name, "acme") for _, name in kept)) == list(kept.values())


async def _refused(source: SecretSource, name: str, tenant: str) -> bool:
    said = ""
    try:
        return await source.get(name, tenant) is None
    except ConfigError as error:
        said = str(error)
    assert "for all" not in said, "an error never tells a value"
    assert "of acme" not in said, "an error never tells a value"
    return True


CHECKS: tuple[Check, ...] = (
    gives_what_is_kept,
    gives_a_tenant_its_own,
    tells_tenants_apart,
    has_nothing_else,
    follows_no_name_to_somewhere_else,
    answers_many_at_the_same_time,
)
"""Each makes sources of its own."""
