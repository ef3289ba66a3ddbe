"""Governed: agents of a project get its tools, and their home keeps to its policies, hosts and secrets."""

from pathlib import Path

import pytest
from tests.tools.registry.projects import Folder

from remit import Agent, Home, Secrets, Settings
from remit.core.errors import ConfigError
from remit.core.events import EffectEnded
from remit.core.limits import Flow
from remit.core.messages import Outcome
from remit.home import MEMORY
from remit.home.project import Governed
from remit.policy import Tolerance
from remit.testing import ScriptedModel, calls, says, use

PROJECT = """
[policy]
cedar = "policies"
[sources.local]
python = "tools.py:TOOLS"
only = ["search_notes"]
[sources.local.tools.weather]
labels = ["public"]
"""
POLICY = """
@id("weather")
permit(principal, action == Action::"weather", resource) when { resource.args.city != "Atlantis" };
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.module()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "weather.cedar").write_text(POLICY)
    return folder


async def outcomes(acme: Governed, *wishes: tuple[str, dict[str, str]]) -> list[Outcome]:
    script = [*(calls(use(tool, **args)) for tool, args in wishes), says("done")]
    agent = Agent("a", ScriptedModel(script), toolsets=[acme.pick("*")], detectors=())
    async with Home.open(MEMORY, acme.settings) as home:
        run = await home.run(agent, "go")
        assert run.status == "done", run.reason
        return [r.event.outcome for r in await home.store.read(run.session) if isinstance(r.event, EffectEnded)]


async def test_agents_of_a_project_may_do_what_its_policies_permit_and_nothing_else(folder: Folder) -> None:
    await folder.lock(folder.write(PROJECT))
    found = await outcomes(
        Governed(folder.path / "remit.toml"),
        ("weather", {"city": "Rome"}),
        ("weather", {"city": "Atlantis"}),
        ("search_notes", {"text": "x"}),
    )
    assert [outcome.status for outcome in found] == ["ok", "denied", "denied"]
    assert "no policy permits" in str(found[1].output)


async def test_the_policies_of_a_project_go_before_the_guards_of_its_agents(folder: Folder) -> None:
    await folder.lock(folder.write(PROJECT))
    mine = Settings(flows={"host:a": Flow(at_once=1)}, tolerances={"*": Tolerance(failures=9)})
    acme = Governed(folder.path / "remit.toml", mine)
    assert len(acme.settings.guards) == 1
    assert acme.settings.flows == mine.flows
    assert acme.settings.tolerances == mine.tolerances


async def test_what_is_said_of_hosts_bounds_all_tools_that_call_them(folder: Folder) -> None:
    text = """
[hosts."api.example.com"]
flow = {per_second = 5, at_once = 2}
failures = 3
[hosts."slow.example.com"]
cooldown = 900
"""
    acme = Governed(folder.write(text).file)
    assert acme.settings.flows == {"host:api.example.com": Flow(per_second=5, at_once=2)}
    bears = acme.settings.tolerances
    assert (bears["host:api.example.com"].failures, bears["host:slow.example.com"].cooldown) == (3, 900)


async def test_secrets_are_looked_up_where_the_project_says_and_registered_before_they_are_used(
    folder: Folder,
) -> None:
    (folder.path / "run").mkdir(mode=0o700)
    kept = folder.path / "run" / "TOKEN"
    kept.write_text("s3cret-s3cret\n")
    kept.chmod(0o600)
    secrets = Secrets()
    acme = Governed(folder.write('[secrets]\nsources = ["files:run"]\n').file, Settings(secrets=secrets))
    assert await acme.project.vault(secrets)("TOKEN", "default") == "s3cret-s3cret"
    assert secrets.redact("it is s3cret-s3cret") == "it is [secret:TOKEN]"


@pytest.mark.parametrize(("text", "problem"), [
    ('[secrets]\nsources = ["vault:x"]', "'vault:x' is none of env, env:PREFIX, files:FOLDER, keyring:SERVICE"),
    ('[secrets]\nsources = []', "a vault needs a source"),
    ('[secrets]\nplaces = []', r"\[secrets\] has no key 'places'; it has: sources, ttl"),
    ('[hosts.a]\nflow = {per_second = 0}', r"flow.per_second"),
    ('[hosts.a]\nrate = 1', r"has no key 'rate'; it has: cooldown, failures, flow"),
    ('[policy]\ncedar = "none"', r"there are no \*.cedar files in"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(folder: Folder, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Governed(folder.write(text).file)


async def test_policies_without_a_lock_are_refused_with_what_to_do(folder: Folder) -> None:
    project = folder.write(PROJECT)
    with pytest.raises(ConfigError, match="pins no tools, so no policy can be about one; run `remit tools lock`"):
        Governed(project.file)


async def test_a_policy_that_cannot_be_read_is_refused(folder: Folder) -> None:
    await folder.lock(folder.write(PROJECT))
    (folder.path / "policies" / "other.cedar").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"other.cedar cannot be read: it is not UTF-8"):
        Governed(folder.path / "remit.toml")


async def test_a_tool_of_which_the_label_was_taken_off_is_withheld(folder: Folder) -> None:
    await folder.lock(folder.write(PROJECT))
    folder.write(PROJECT.replace('labels = ["public"]', "labels = []"))
    found = await outcomes(Governed(folder.path / "remit.toml"), ("weather", {"city": "Rome"}))
    assert [outcome.status for outcome in found] == ["denied"]
    assert "label-gone" in str(found[0].output)
