"""Opening: what a server believes, from where it listens and what its project says."""

from pathlib import Path

import pytest
from tests.server.access.requests import asked

from remit.core.errors import ConfigError
from remit.server.access import AccessSettings, Chained, Keys, LocalAccess, MemoryAccessStore, open_access

ISSUER = """
[[access.issuers]]
issuer = "https://login.example.org"
audience = "remit"
tenant = { claim = "org" }
role = { claim = "groups", map = { support = "operator" } }
"""


def read(tmp_path: Path, text: str) -> AccessSettings:
    file = tmp_path / "remit.toml"
    file.write_text(text)
    return AccessSettings.read(file)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_on_loopback_nobody_needs_a_key(host: str) -> None:
    opened = await open_access(MemoryAccessStore(), AccessSettings(), host=host, tenant="acme")
    assert isinstance(opened.access, LocalAccess)
    assert (await opened.access.identify(asked())).tenant == "acme"
    assert opened.cookies is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "remit.example", ""])
async def test_where_others_can_reach_it_a_server_without_keys_does_not_open(host: str) -> None:
    with pytest.raises(ConfigError, match="remit keys new"):
        await open_access(MemoryAccessStore(), AccessSettings(), host=host)


async def test_a_key_that_ended_is_none(tmp_path: Path) -> None:
    store = MemoryAccessStore()
    key, _ = await Keys(store.keys).new(tenant="acme", role="admin", name="ann")
    opened = await open_access(store, AccessSettings(), host="10.0.0.1")
    assert isinstance(opened.access, Chained)
    assert opened.cookies is not None
    assert opened.cookies.name == "__Host-remit"
    await opened.keys.revoke(key.id)
    with pytest.raises(ConfigError):
        await open_access(store, AccessSettings(), host="10.0.0.1")


async def test_keys_can_be_required_on_loopback_too(tmp_path: Path) -> None:
    store, settings = MemoryAccessStore(), read(tmp_path, "[access]\nrequired = true\n")
    with pytest.raises(ConfigError, match="with `required` needs"):
        await open_access(store, settings, host="127.0.0.1")
    await Keys(store.keys).new(tenant="acme", role="admin", name="ann")
    opened = await open_access(store, settings, host="127.0.0.1")
    assert isinstance(opened.access, Chained)
    assert opened.cookies is not None
    assert opened.cookies.name == "remit-session"


async def test_an_issuer_is_as_good_as_a_key(tmp_path: Path) -> None:
    opened = await open_access(MemoryAccessStore(), read(tmp_path, ISSUER), host="10.0.0.1")
    assert isinstance(opened.access, Chained)


def test_without_a_file_or_a_table_all_is_as_usual(tmp_path: Path) -> None:
    assert AccessSettings.read(tmp_path / "remit.toml") == AccessSettings()
    assert read(tmp_path, "[registry]\nlock = 'a'\n") == AccessSettings()


def test_settings_are_read(tmp_path: Path) -> None:
    settings = read(tmp_path, f"[access]\nlogin_hours = 8\nrequests = {{ per_second = 2, burst = 5 }}\n{ISSUER}")
    assert (settings.login_hours, settings.requests.burst) == (8, 5)
    (issuer,) = settings.issuers
    assert (issuer.tenant.claim, issuer.role.map, issuer.name) == ("org", {"support": "operator"}, "sub")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("[access]\nopen = true", "open"),
        ("[access]\nidle_minutes = 0", "idle_minutes"),
        ("access = 1", "is a table"),
        (ISSUER.replace("https", "http"), "no HTTPS address"),
        (ISSUER.replace("https://login.example.org", "https://[::1"), "no HTTPS address"),
        (ISSUER.replace('"operator"', '"boss"'), "boss"),
        (ISSUER.replace('{ claim = "org" }', "{ }"), "either `claim` or `fixed`"),
        (ISSUER.replace('{ claim = "org" }', '{ claim = "a", fixed = "b" }'), "either `claim` or `fixed`"),
        (ISSUER.replace('audience = "remit"', 'audience = ""'), "audience"),
        (ISSUER.replace('audience = "remit"', ""), "audience"),
        (ISSUER + 'algorithms = ["HS256"]', "HS256"),
        (ISSUER + 'algorithms = ["none"]', "none"),
        (ISSUER + ISSUER, "names an issuer twice"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, said: str, why: str) -> None:
    with pytest.raises(ConfigError, match=r"remit\.toml") as error:
        read(tmp_path, said)
    assert why in str(error.value)


def test_a_file_that_cannot_be_read_is_no_reason_to_go_without(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        AccessSettings.read(tmp_path)
    (tmp_path / "remit.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        AccessSettings.read(tmp_path / "remit.toml")
