"""Cookies: let in with a key, known until they leave, stay away or the key ends; no other website acts through them."""

import pytest
from tests.server.access.clocks import Clock
from tests.server.access.requests import asked

from remit.server.access import CSRF_HEADER, Asked, Cookies, DeniedError, Entered, Key, Keys, MemoryAccessStore

HOUR = 3_600_000


class House:
    """A console with one key, and a clock that is moved by hand."""

    def __init__(self, *, secure: bool = True) -> None:
        self.clock, self.store = Clock(1_700_000_000_000), MemoryAccessStore()
        self.keys = Keys(self.store.keys, clock=self.clock)
        self.cookies = Cookies(self.keys, self.store.logins, secure=secure, clock=self.clock)

    async def enter(self, cookie: str = "") -> tuple[Key, Entered, str]:
        """Let somebody in; give what their browser sends from then on."""
        key, text = await self.keys.new(tenant="acme", role="operator", name="ann")
        entered = await self.cookies.enter(request("POST", cookie), f" {text}\n")
        return key, entered, "; ".join(one.partition(";")[0] for one in entered.cookies)


def request(method: str, cookie: str, csrf: str = "", **more: str) -> Asked:
    shown = {CSRF_HEADER: csrf} if csrf else {}
    return asked(method, host="remit.example", cookie=cookie, **shown, **more)


async def test_who_pasted_a_key_is_known_by_the_cookie() -> None:
    house = House()
    key, entered, cookie = await house.enter()
    found = await house.cookies.recognise(request("GET", f'theirs={{"a"; b; {cookie}'))
    assert found == entered.principal
    assert found is not None
    assert (found.name, found.tenant, found.role, found.how, found.key) == ("ann", "acme", "operator", "cookie", key.id)


async def test_the_cookies_are_as_narrow_as_they_can_be() -> None:
    _, entered, _ = await House().enter()
    session, csrf = entered.cookies
    name, _, rest = session.partition("=")
    assert name == "__Host-remit"
    assert rest.partition("; ")[2] == "Path=/; Max-Age=43200; SameSite=Strict; Secure; HttpOnly"
    assert csrf == f"__Host-remit-csrf={entered.csrf}; Path=/; Max-Age=43200; SameSite=Strict; Secure"


async def test_on_loopback_cookies_need_no_tls() -> None:
    _, entered, cookie = await (house := House(secure=False)).enter()
    assert [one.partition("=")[0] for one in entered.cookies] == ["remit-session", "remit-csrf"]
    assert not any("Secure" in one or "__Host-" in one for one in entered.cookies)
    assert await house.cookies.recognise(request("GET", cookie)) == entered.principal


async def test_what_is_kept_of_a_cookie_does_not_open_anything() -> None:
    house = House()
    _, _, cookie = await house.enter()
    token = cookie.partition("=")[2].partition(";")[0]
    assert await house.store.logins.find(token.encode()) is None
    assert len(token) == 64


async def test_a_wrong_key_lets_nobody_in() -> None:
    house = House()
    with pytest.raises(DeniedError) as error:
        await house.cookies.enter(request("POST", ""), "remit_000000000000_" + "0" * 64)
    assert error.value.status == 401


async def test_another_website_logs_nobody_in() -> None:
    house = House()
    _, text = await house.keys.new(tenant="acme", role="viewer", name="eve")
    with pytest.raises(DeniedError) as error:
        await house.cookies.enter(request("POST", "", origin="https://evil.example"), text)
    assert error.value.status == 403


async def test_a_change_needs_the_token_of_the_page() -> None:
    house = House()
    _, entered, cookie = await house.enter()
    _, other, _ = await house.enter()
    assert house.cookies.csrf(request("GET", cookie)) == entered.csrf
    for csrf in ("", "0" * 64, other.csrf, "é"):
        with pytest.raises(DeniedError) as error:
            await house.cookies.recognise(request("POST", cookie, csrf))
        assert error.value.status == 403
    assert await house.cookies.recognise(request("POST", cookie, entered.csrf)) == entered.principal


async def test_a_token_that_was_planted_beside_the_cookie_is_worth_nothing() -> None:
    house = House()
    _, _, cookie = await house.enter()
    planted = f"{cookie.partition(';')[0]}; __Host-remit-csrf=mine"
    with pytest.raises(DeniedError):
        await house.cookies.recognise(request("POST", planted, "mine"))


async def test_another_website_does_nothing_even_with_the_token() -> None:
    house = House()
    _, entered, cookie = await house.enter()
    for more in ({"origin": "https://evil.example"}, {"sec_fetch_site": "same-site"}):
        with pytest.raises(DeniedError) as error:
            await house.cookies.recognise(request("POST", cookie, entered.csrf, **more))
        assert error.value.status == 403


async def test_who_stays_away_is_no_longer_known() -> None:
    house = House()
    _, _, cookie = await house.enter()
    for _ in range(3):
        house.clock.now += HOUR - 1
        assert await house.cookies.recognise(request("GET", cookie)) is not None
    house.clock.now += HOUR
    assert await house.cookies.recognise(request("GET", cookie)) is None
    house.clock.now -= HOUR
    assert await house.cookies.recognise(request("GET", cookie)) is None, "it was forgotten"


async def test_nobody_stays_longer_than_the_longest() -> None:
    house = House()
    _, _, cookie = await house.enter()
    for _ in range(23):
        house.clock.now += HOUR // 2
        assert await house.cookies.recognise(request("GET", cookie)) is not None
    house.clock.now += HOUR // 2
    assert await house.cookies.recognise(request("GET", cookie)) is None


async def test_a_login_ends_with_its_key() -> None:
    house = House()
    key, _, cookie = await house.enter()
    await house.keys.revoke(key.id)
    assert await house.cookies.recognise(request("GET", cookie)) is None


async def test_who_left_is_not_known_and_their_browser_forgets() -> None:
    house = House()
    _, _, cookie = await house.enter()
    gone = await house.cookies.leave(request("POST", cookie))
    assert all("Max-Age=0" in one for one in gone)
    assert await house.cookies.recognise(request("GET", cookie)) is None
    assert len(await house.cookies.leave(request("POST", ""))) == 2


async def test_a_cookie_from_before_is_worth_nothing_after_entering() -> None:
    house = House()
    _, _, before = await house.enter()
    _, _, after = await house.enter(before)
    assert await house.cookies.recognise(request("GET", before)) is None
    assert await house.cookies.recognise(request("GET", after)) is not None


async def test_without_a_cookie_nobody_is_known() -> None:
    cookies = House().cookies
    for header in ("", "__Host-remit=", "__Host-remit=nonsense", "remit-session=" + "0" * 64, ";;=;"):
        assert await cookies.recognise(request("GET", header)) is None
    assert cookies.csrf(request("GET", "")) == ""
