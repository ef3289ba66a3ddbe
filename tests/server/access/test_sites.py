"""What browsers are made to do by other websites; and names that are not this machine's."""

import pytest
from tests.server.access.requests import asked

from remit.server.access import Asked, DeniedError, LocalAccess, MemoryAccessStore, is_loopback

HERE = "localhost:8765"

FINE = {
    "a program": asked("POST"),
    "a program by address": asked("POST", host="127.0.0.1:8765"),
    "a program over IPv6": asked("POST", host="[::1]:8765", peer="::1"),
    "a page of ours": asked("POST", origin=f"http://{HERE}", sec_fetch_site="same-origin"),
    "an older browser": asked("POST", origin=f"http://{HERE}"),
    "typed in": asked(sec_fetch_site="none", sec_fetch_mode="navigate", sec_fetch_dest="document"),
    "a link in a mail": asked(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document"),
    "an unknown peer": asked("POST", peer=""),
    "a mapped peer": asked("POST", peer="::ffff:127.0.0.1"),
}
REFUSED = {
    "a form of another website": asked("POST", origin="https://evil.example", sec_fetch_site="cross-site"),
    "another port of this machine": asked("POST", origin="http://localhost:3000", sec_fetch_site="same-site"),
    "an older browser elsewhere": asked("POST", origin="http://localhost:3000"),
    "a sandboxed frame": asked("POST", origin="null"),
    "an origin that is none": asked("DELETE", origin="http://[::1"),
    "a link that posts": asked(
        "POST", sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="document"
    ),
    "a picture elsewhere": asked(sec_fetch_site="cross-site", sec_fetch_mode="no-cors", sec_fetch_dest="image"),
    "a frame elsewhere": asked(sec_fetch_site="cross-site", sec_fetch_mode="navigate", sec_fetch_dest="iframe"),
    "events for elsewhere": asked(sec_fetch_site="same-site", sec_fetch_mode="cors", sec_fetch_dest="empty"),
    "a name that leads here": asked(host="evil.example:8765"),
    "a name that begins like ours": asked(host="localhost.evil.example"),
    "a name that ends like ours": asked(host="evil.localhost"),
    "a name with a user": asked(host="evil.example@localhost"),
    "an address within a name": asked(host="127.0.0.1.evil.example"),
    "the address of all": asked(host="0.0.0.0:8765"),
    "no name": Asked("GET", "/", {}, "127.0.0.1"),
    "a broken name": asked(host="[::1"),
    "another machine": asked(peer="192.168.0.7"),
    "somebody forwarded": asked(x_forwarded_for="203.0.113.9"),
    "somebody forwarded by a proxy that hides who": asked(x_forwarded_proto="https"),
    "somebody forwarded by a proxy that names itself": asked(via="1.1 cache"),
    "somebody forwarded in the standard's way": asked(forwarded="for=203.0.113.9"),
}


@pytest.mark.parametrize("name", FINE)
async def test_whoever_is_on_this_machine_is_the_admin_of_the_tenant(name: str) -> None:
    store = MemoryAccessStore()
    principal = await LocalAccess("acme", store.log).identify(FINE[name])
    assert (principal.tenant, principal.role, principal.how) == ("acme", "admin", "local")
    assert list(await store.log.read()) == []


@pytest.mark.parametrize("name", REFUSED)
async def test_what_comes_from_elsewhere_is_refused_and_written_down(name: str) -> None:
    store = MemoryAccessStore()
    with pytest.raises(DeniedError) as error:
        await LocalAccess("acme", store.log).identify(REFUSED[name])
    assert error.value.status == 403
    (line,) = await store.log.read()
    assert (line.allowed, line.what, line.method) == (False, str(error.value), REFUSED[name].method)


async def test_acts_of_weight_on_this_machine_are_written_down_and_others_are_not() -> None:
    store = MemoryAccessStore()
    access = LocalAccess("acme", store.log, name="ann")
    ann = await access.identify(asked())
    for action in ("look", "decide", "work"):
        await access.permit(ann, action, asked("POST", f"/v1/{action}?secret=1"))
    await access.audit(ann, asked(), "did it", allowed=True)
    lines = await store.log.read()
    assert [(one.what, one.name, one.path, one.allowed) for one in lines] == [
        ("decide", "ann", "/v1/decide", True),
        ("did it", "ann", "/v1/sessions", True),
    ]


async def test_without_a_log_nothing_is_written_down() -> None:
    access = LocalAccess()
    principal = await access.identify(asked())
    await access.permit(principal, "decide", asked())
    await access.audit(principal, asked(), "x", allowed=True)
    with pytest.raises(DeniedError):
        await access.identify(asked(host="evil.example"))


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True), ("LOCALHOST", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
        ("0.0.0.0", False), ("::", False), ("", False), ("10.0.0.1", False), ("localhost.", False),
        ("::ffff:10.0.0.1", False), ("::ffff:127.0.0.1", True),
    ],
)  # fmt: skip
def test_loopback_is_what_only_this_machine_can_be(host: str, *, here: bool) -> None:
    assert is_loopback(host) is here


async def test_a_website_that_has_a_browser_ask_again_and_again_does_not_fill_the_log() -> None:
    store = MemoryAccessStore()
    access = LocalAccess("acme", store.log)
    for _ in range(50):
        with pytest.raises(DeniedError):
            await access.identify(REFUSED["a form of another website"])
    assert [record.times for record in await store.log.read()] == [1]
    await access.close()
    assert [record.times for record in await store.log.read()] == [1, 49]
