"""The project's file: what it may say, and that a mistake is named with what is known."""

import pytest
from tests.tools.registry.projects import Folder

from remit.core.errors import ConfigError
from remit.core.limits import Flow
from remit.tools.registry import Auth, Project
from remit.tools.registry.sources import McpSource, McpUrlSource, OpenAPISource, PackageSource, PythonSource

WHOLE = """
[registry]
lock = "reviewed.lock"
drift = {compatible = "withhold", unlocked = "refuse"}
[policy]
hosts = "hosts.txt"
cedar = "policies"
[sources.jira]
openapi = "jira.yaml"
server = "https://acme.atlassian.net"
owner = "support"
auth = {header = "Authorization", value = "Bearer ${JIRA_TOKEN}"}
stand_in = "http://127.0.0.1:8099"
[sources.jira.tools."issue/create"]
name = "create_issue"
effect = "once"
price = 1
flow = {per_second = 5, at_once = 4, wait = 10}
dry_run = {notify = false}
degraded = {at = 2026-01-02}
pages = {by = "cursor", argument = "after", next = "meta.next"}
[sources.files]
mcp = ["python", "server.py"]
env = {KEY = "${FILES_KEY}"}
[sources.web]
mcp_url = "https://mcp.example.com/mcp"
trusted = true
[sources.local]
python = "tools.py:TOOLS"
only = ["weather"]
[sources.plugins]
entry_points = "*"
[tools.create_issue]
deprecated = "use create_ticket"
"""


def test_a_project_says_where_tools_come_from_and_under_which_terms(folder: Folder) -> None:
    project = folder.write(WHOLE)
    kinds = [type(source) for source in project.sources.values()]
    assert kinds == [OpenAPISource, McpSource, McpUrlSource, PythonSource, PackageSource]
    settings = project.sources["jira"].tools["issue/create"]
    assert settings.flow is not None
    assert settings.flow.flow() == Flow(per_second=5.0, at_once=4, wait=10.0)
    assert (settings.price, settings.dry_run, settings.degraded) == (1.0, {"notify": False}, {"at": "2026-01-02"})
    assert project.tools["create_issue"].deprecated == "use create_ticket"
    assert (project.registry.drift.compatible, project.registry.drift.breaking) == ("withhold", "withhold")
    assert (project.lock_file, project.cedar_folder) == (folder.path / "reviewed.lock", folder.path / "policies")
    assert len(project.lock()) == 0


def test_what_a_project_says_of_its_server_is_for_the_server_to_read(folder: Folder) -> None:
    project = folder.write('[access]\nrequired = true\n[[access.issuers]]\nissuer = "https://login.example.org"')
    assert project.registry.lock == "remit.lock"


def test_an_empty_project_has_the_usual_terms(folder: Folder) -> None:
    project = folder.write("")
    drift = project.registry.drift
    assert (drift.compatible, drift.breaking, drift.suspicious, drift.unlocked) == ("allow", *["withhold"] * 3)
    assert (project.lock_file.name, project.cedar_folder) == ("remit.lock", None)
    assert project.hosts().why("https://example.com/").granted
    assert not project.hosts().why("http://127.0.0.1/").granted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sources = 1", "remit.toml: sources is a table, not 1"),
        ("[[", "remit.toml is no TOML"),
        (
            "[sorces.a]",
            "remit.toml has no key 'sorces'; it has: access, hook, hosts, inbox, notices, policy",
        ),
        ("[registry]\nlocks = 'a'", r"\[registry\] has no key 'locks'; it has: drift, lock"),
        ("[registry]\ndrift = {broken = 'allow'}", "drift has no key 'broken'; it has: breaking, compatible,"),
        ("[registry]\ndrift = {breaking = 'ignore'}", r"\[registry\] drift.breaking: Invalid enum value 'ignore'"),
        ("[registry]\ndrift = 'allow'", "drift is a table, not 'allow'"),
        ("[policy]\nhosts = 1", r"\[policy\] hosts: Expected `str`, got `int`"),
        ("[sources.'a b']\nmcp = ['x']", "is named 'a b'; use letters, digits, _ and -"),
        ("[sources.a]\nowner = 'x'", r"\[sources.a\] has one of openapi, mcp, .*, not only owner"),
        ("[sources.a]\nmcp = ['x']\nopenapi = 'y'", "not openapi and mcp together"),
        ("[sources.a]\nmcp = ['x']\ntrust = true", r"\[sources.a\] has no key 'trust'; it has: env, files, mcp,"),
        ("[sources.a]\nmcp = 'python'", r"\[sources.a\] mcp: Expected `array`, got `str`"),
        ("[sources.a]\nmcp = []", r"\[sources.a\] `mcp` is a command and its arguments"),
        ("[sources.a]\nmcp = ['x']\nonly = [1]", r"\[sources.a\] only\[0\]: Expected `str`, got `int`"),
        ("[sources.a]\nmcp = ['x']\ntools.b.efect = 'read'", r"\[sources.a.tools.\"b\"\] has no key 'efect'"),
        ("[sources.a]\nmcp = ['x']\ntools.b = 1", r"\[sources.a\] tools.b is a table, not 1"),
        ("[tools.a]\neffect = 'never'", r"\[tools.a\] effect: Invalid enum value 'never'"),
        ("[tools.a]\nprice = -1", r"\[tools.a\] price: Expected `float` >= 0"),
        ("[tools.a]\nprice = inf", r"\[tools.a\] price: Expected `float` <= 1000000"),
        ("[tools.a]\nprice = 1e300", r"\[tools.a\] price: Expected `float` <= 1000000"),
        ("[tools.a]\nflow = {per_secnd = 1}", r"no key 'flow.per_secnd'; it has: at_once, burst, per_second, wait"),
        ("[tools.a]\neffect = 'reed'", r"effect: Invalid enum value 'reed'; it is one of: read, idempotent, once"),
        ("[registry]\ndrift = {breaking = 'alow'}", r"'alow'; it is one of: allow, withhold, refuse"),
        ("\ufeff[tools]", "begins with a byte order mark; save it as UTF-8 without one"),
        ("[sources.a]\n", r"\[sources.a\] has one of .*, not only an empty table"),
        (
            "[sources.a]\nmcp = ['x']\nenv = {A_TOKEN = 'sk-1'}",
            r"`env.A_TOKEN` holds a secret itself; write \$\{A_TOKEN\}",
        ),
        ("[tools.a]\nflow = {rate = 5}", r"\[tools.a\] has no key 'flow.rate'"),
        ("[tools.a]\nflow = {at_once = 0}", r"\[tools.a\] flow.at_once: Expected `int` >= 1"),
        ("[tools.a]\npages = {by = 'cursor'}", r"\[tools.a\] pages: pages by \"cursor\" need `argument` and `next`"),
        ("[tools.a]\nname = 'b'", r"\[tools.a\] is named already"),
    ],
)
def test_a_mistake_is_named_with_its_table_and_what_is_known(folder: Folder, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        folder.write(text)


@pytest.mark.parametrize(
    ("auth", "says"),
    [
        ("{}", "`auth` has one of"),
        ("{header = 'X-Key'}", "`auth` has one of: `header` and `value`; `token`;"),
        ("{token = 'a ${B}', user = 'c'}", "`auth` has one of"),
        ("{token = 'hunter2'}", "`auth.token` holds a secret itself; write "),
        ("{user = 'u', password = 'hunter2'}", "`auth.password` holds a secret itself"),
        ("{schemes = {a = {header = 'b', value = '${C}'}}}", "`auth.schemes.a` has a token"),
        ("{bearer = '${A}'}", "has no key 'auth.bearer'"),
    ],
)
def test_credentials_have_one_form_and_no_secret_stands_in_the_file(folder: Folder, auth: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        folder.write(f"[sources.a]\nopenapi = 'a.yaml'\nauth = {auth}")
    assert "hunter2" not in str(caught.value)


def test_an_mcp_server_takes_no_oauth_client_of_ours(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="`auth` of an MCP server has a header"):
        folder.write("[sources.a]\nmcp_url = 'https://a.test'\nauth = {client = 'a', secret = '${B}'}")
    assert Auth(user="u", password="${P}").user == "u"


def test_a_project_that_cannot_be_read_is_named(folder: Folder) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the project .*No such file.*; `remit tools add` makes one"):
        Project.read(folder.path / "none.toml")
    with pytest.raises(ConfigError, match=r"Is a directory$"):
        Project.read(folder.path)
    folder.file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        Project.read(folder.file)


def test_the_host_policy_is_the_file_s_or_else_what_is_public_and_declared(folder: Folder) -> None:
    declared = folder.write(
        "[sources.a]\nopenapi = 'a.yaml'\nserver = 'http://127.0.0.1:8099/v1'\n"
        "[sources.b]\nmcp_url = 'http://[::1]:90/mcp'\nstand_in = 'http://localhost:91/'\n"
    ).hosts()
    assert declared.why("http://127.0.0.1:8099/v1/x").granted
    assert declared.why("http://[::1]:90/mcp").granted
    assert declared.why("http://localhost:91/", ["127.0.0.1", "::1"]).granted
    assert not declared.why("http://localhost:92/", ["127.0.0.1"]).granted
    assert not declared.why("http://127.0.0.1:8100/").granted
    assert declared.why("https://example.com/").granted
    project = folder.write("[policy]\nhosts = 'hosts.txt'")
    with pytest.raises(ConfigError, match=r"\[policy\] hosts: .*hosts.txt cannot be read: No such file"):
        project.hosts()
    (folder.path / "hosts.txt").write_text("allow: github.com")
    assert not project.hosts().why("https://example.com/").granted


@pytest.mark.parametrize(
    "said",
    [
        "mcp_url = 'https://ann:pw1@a.test/mcp'",
        "openapi = 'https://ann:pw1@a.test'",
        "openapi = 'a'\nserver = 'http://x:pw1@a'",
    ],
)
def test_a_url_with_a_login_is_refused_and_not_repeated(folder: Folder, said: str) -> None:
    with pytest.raises(ConfigError, match="holds a user or a password; write `auth`") as caught:
        folder.write(f"[sources.a]\n{said}\n")
    assert "pw1" not in str(caught.value)
