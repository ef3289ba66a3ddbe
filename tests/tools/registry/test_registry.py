"""The registry: which tools are picked, which sources are opened for it, and what became of what was reviewed."""

import asyncio

import pytest
from tests.tools.registry.projects import CONTEXT, LOCAL, MODULE, Folder, by_name, catalogue, picked, statuses

from remit import Agent, Home
from remit.core.errors import ConfigError, RejectedError
from remit.core.limits import Flow
from remit.home import MEMORY
from remit.testing import ScriptedModel, check_tool, says, use
from remit.tools.registry import Registry

ALLOWING = '[registry]\ndrift = {unlocked = "allow"}\n'
BROKEN = '[sources.gone]\npython = "gone.py:TOOLS"\n'


# -- picking -----------------------------------------------------------------------------------------------------------


async def test_an_agent_is_given_the_tools_that_were_picked_in_their_order(folder: Folder) -> None:
    project = folder.write(ALLOWING + LOCAL)
    assert list(await picked(project, "search_notes", "search_*")) == ["search_notes", "search_mail"]
    assert list(await picked(project, "local:w*")) == ["weather"]
    toolset = Registry(project).pick("weather")
    agent = Agent("a", model=ScriptedModel([says("", use("weather", city="Bern")), says("wet")]), toolsets=[toolset])
    async with Home.open(MEMORY) as home:
        result = await home.run(agent, "go", session="s")
        records = await home.store.read("s")
    assert (result.output, toolset.name) == ("wet", "remit.toml: weather")
    assert "rain in Bern" in str(records)


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("wether", "there is no tool 'wether'; there is weather"),
        ("serch_*", "there is no tool 'serch_\\*'; there are search_(notes|mail), search_"),
        ("x", "there is no tool 'x'; there are search_mail, search_notes, weather"),
        ("local:x", "there is no tool 'local:x'; there are search_mail"),
        ("lokal:*", "'lokal:\\*': there is no source 'lokal'; there is local"),
    ],
)
async def test_a_name_of_no_tool_is_a_mistake_that_names_those_near_it(folder: Folder, pattern: str, says: str) -> None:
    project = folder.write(ALLOWING + LOCAL)
    with pytest.raises(ConfigError, match=says):
        await picked(project, "weather", pattern)


def test_nothing_is_picked_by_accident(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="`\\*` is all of them"):
        Registry(folder.write(LOCAL)).pick()


async def test_only_the_sources_that_are_needed_are_opened(folder: Folder) -> None:
    project = folder.write(ALLOWING + BROKEN + LOCAL + '[sources.local.tools.weather]\nname = "sky"\n')
    assert list(await picked(project, "sky")) == ["sky"]
    with pytest.raises(ConfigError, match=r"'s\*' may mean tools of a source that is broken: source 'gone': gone.py:"):
        await picked(project, "s*")
    assert list(await picked(project, "local:*")) == ["sky"]
    with pytest.raises(ConfigError, match="may mean tools of a source that is broken"):
        await picked(project, "other")


async def test_what_was_reviewed_tells_which_source_a_tool_is_of(folder: Folder) -> None:
    await folder.lock(folder.write(LOCAL))
    project = folder.write(BROKEN + LOCAL)
    assert list(await picked(project, "weather", "search_mail")) == ["weather", "search_mail"]


async def test_a_source_is_opened_once_and_closed_when_nobody_needs_it(folder: Folder) -> None:
    project = folder.write(ALLOWING + '[sources.g]\npython = "tools.py:group"\n')
    registry = Registry(project)
    first, second = registry.pick("weather"), registry.pick("*")
    (tool,), _ = await asyncio.gather(first.open(), second.open())
    await first.close()
    await first.close()
    assert folder.life == "opened"
    assert await tool.call({"city": "Bern"}, CONTEXT) == "rain in Bern"
    await second.close()
    assert folder.life == "opened closed"
    assert list(by_name(await second.open())) == ["weather"], "it may be opened again"
    await registry.close()
    await second.close()


async def test_a_toolset_that_cannot_be_opened_holds_nothing_open(folder: Folder) -> None:
    project = folder.write(ALLOWING + '[sources.g]\npython = "tools.py:group"\n' + BROKEN)
    with pytest.raises(ConfigError):
        await picked(project, "weather", "*")
    assert folder.life == "opened closed"


# -- what is said of tools ---------------------------------------------------------------------------------------------


async def test_settings_are_laid_over_what_a_source_says_and_those_by_final_name_over_both(folder: Folder) -> None:
    project = folder.write(
        ALLOWING
        + LOCAL
        + """owner = "us"
only = ["search_mail"]
[sources.local.tools.weather]
name = "sky"
description = "The sky."
effect = "idempotent"
price = 0.5
flow = {per_second = 5, at_once = 4, wait = 10}
labels = ["public"]
dry_run = {city = "Bern"}
owner = "them"
dangerous = true
retries = 1
[tools.sky]
price = 0.25
version = "2"
retries = 0
timeout = 3
degraded = "unknown"
"""
    )
    tools = await picked(project, "*")
    sky, mail = tools["sky"].spec, tools["search_mail"].spec
    assert list(tools) == ["sky", "search_mail"]
    assert (sky.description, sky.effect, sky.price, sky.version) == ("The sky.", "idempotent", 250_000_000, "2")
    assert (sky.flow, sky.labels) == (Flow(per_second=5.0, at_once=4, wait=10.0), ("public",))
    assert (sky.dry_run, sky.owner, sky.source) == ({"city": "Bern"}, "them", "python:local")
    assert (sky.dangerous, sky.retries, sky.timeout, sky.degraded) == (True, 0, 3.0, "unknown")
    assert (mail.owner, mail.effect, mail.version) == ("us", "once", "1")
    await check_tool(tools["sky"], {"city": "Bern"}, [{}, {"city": 1}])


async def test_a_tool_that_would_fall_back_to_itself_is_a_mistake(folder: Folder) -> None:
    project = folder.write(ALLOWING + LOCAL + '[tools.weather]\nfallback = "weather"\n')
    with pytest.raises(ConfigError, match="tool 'weather' cannot be its own fallback"):
        await picked(project, "weather")


async def test_a_deprecated_tool_can_be_called_and_says_so_to_the_model(folder: Folder) -> None:
    project = folder.write(LOCAL)
    await folder.lock(project)
    project = folder.write(LOCAL + '[tools.weather]\ndeprecated = "wet; use sky"\n')
    spec = (await picked(project, "weather"))["weather"].spec
    assert spec.description == "Deprecated: wet; use sky\nWeather in a city now."
    assert (spec.deprecated, spec.withheld) == ("wet; use sky", "")
    assert statuses(await catalogue(project))["weather"] == "deprecated"


# -- what was reviewed -------------------------------------------------------------------------------------------------


async def test_a_tool_that_nobody_reviewed_is_withheld_or_refused_or_allowed(folder: Folder) -> None:
    project = folder.write(LOCAL)
    spec = (await picked(project, "weather"))["weather"].spec
    assert spec.withheld == "it was never reviewed; a person must look at it with `remit tools diff weather`"
    assert statuses(await catalogue(project))["weather"] == "new"
    refusing = folder.write('[registry]\ndrift = {unlocked = "refuse"}\n' + LOCAL)
    with pytest.raises(ConfigError, match=r"tool 'weather' of source 'local' is refused: weather:? was never reviewed"):
        await picked(refusing, "weather")
    assert not (await picked(folder.write(ALLOWING + LOCAL), "weather"))["weather"].spec.withheld


async def test_a_breaking_change_withholds_a_tool_and_shows_what_was_reviewed(folder: Folder) -> None:
    project = folder.write(LOCAL)
    await folder.lock(project)
    before = (await picked(project, "weather"))["weather"].spec
    assert not before.withheld
    folder.module(MODULE.replace("weather(city: str)", "weather(city: str, country: str)"))
    now = (await picked(project, "weather"))["weather"]
    assert (now.spec.description, now.spec.schema) == (before.description, before.schema)
    assert "country" in now.spec.withheld
    assert now.check({"city": "Bern"}) == "", "what it says of arguments nobody has reviewed"
    with pytest.raises(RejectedError, match="weather is withheld: it is not what was reviewed"):
        await now.call({"city": "Bern", "country": "ch"}, CONTEXT)
    assert statuses(await catalogue(project)) == {
        "weather": "withheld",
        "search_notes": "current",
        "search_mail": "current",
    }
    refusing = folder.write('[registry]\ndrift = {breaking = "refuse"}\n' + LOCAL)
    with pytest.raises(ConfigError, match=r"tool 'weather' of source 'local' is refused: .*country.*\n.*remit tools"):
        await picked(refusing, "weather")
    allowing = folder.write('[registry]\ndrift = {breaking = "allow"}\n' + LOCAL)
    shown = (await picked(allowing, "weather"))["weather"].spec
    assert ("country" in str(shown.schema), shown.withheld) == (True, "")
    assert "country" in (await picked(allowing, "weather"))["weather"].check({"city": "Bern"})
    assert statuses(await catalogue(allowing))["weather"] == "drifted"


async def test_a_compatible_change_is_allowed_and_brings_no_new_words_to_the_model(folder: Folder) -> None:
    project = folder.write(LOCAL)
    await folder.lock(project)
    folder.module(MODULE.replace("weather(city: str)", "weather(city: str, units: str = 'c')").replace("now.", "."))
    shown = (await picked(project, "weather"))["weather"].spec
    assert (shown.description, "units" in str(shown.schema), shown.withheld) == ("Weather in a city now.", False, "")
    assert statuses(await catalogue(project))["weather"] == "drifted"


async def test_a_withheld_tool_is_not_offered_and_a_call_of_it_changes_nothing(folder: Folder) -> None:
    project = folder.write(LOCAL)
    await folder.lock(project)
    folder.module(MODULE.replace("search_mail(text: str)", "search_mail(text: str, box: str)"))
    model = ScriptedModel([says("", use("search_mail", text="x", box="y")), says("done")], keep=True)
    async with Home.open(MEMORY) as home:
        agent = Agent("a", model=model, toolsets=[Registry(project).pick("*")])
        result = await home.run(agent, "go", session="s")
        records = str(await home.store.read("s"))
    assert result.output == "done"
    assert [spec.name for spec in model.requests[0].tools] == ["weather", "search_notes"]
    assert "not allowed: withheld: it is not what was reviewed: arguments.box (" in records
    assert "EffectStarted" not in records


# -- the catalogue -----------------------------------------------------------------------------------------------------


async def test_a_broken_source_hides_no_other(folder: Folder) -> None:
    project = folder.write(BROKEN + LOCAL + '[sources.b]\npython = "tools.py:broken"\n')
    found = await catalogue(project)
    assert list(statuses(found)) == ["weather", "search_notes", "search_mail"]
    assert list(found.broken) == ["gone", "b"]
    assert found.broken["gone"].startswith("gone.py:TOOLS: there is no file")
    assert "LookupError: no shelf" in found.broken["b"]


async def test_two_tools_of_one_name_are_a_mistake_that_names_both_sources(folder: Folder) -> None:
    project = folder.write(ALLOWING + LOCAL + '[sources.more]\npython = "tools.py:make_later"\n')
    found = await catalogue(project)
    assert found.broken == {"more": "it has a tool 'weather', as source 'local' has; give one another `name`"}
    with pytest.raises(ConfigError, match="as source 'local' has"):
        await picked(project, "*")


async def test_what_is_said_of_a_tool_that_no_source_has_is_told(folder: Folder) -> None:
    project = folder.write(LOCAL + "[tools.wether]\nprice = 1\n")
    found = await catalogue(project)
    assert found.broken == {"tools.wether": "no source has a tool of this name; there is weather"}


# -- python ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "names"),
    [
        ("weather", ["weather"]),
        ("TOOLS", ["weather", "search_notes", "search_mail"]),
        ("group", ["weather"]),
        ("make", ["search_notes", "weather"]),
        ("make_later", ["weather"]),
    ],
)
async def test_a_module_gives_a_tool_or_several_or_a_toolset_or_a_function(
    folder: Folder, ref: str, names: list[str]
) -> None:
    project = folder.write(ALLOWING + f'[sources.local]\npython = "tools.py:{ref}"\n')
    assert list(await picked(project, "*")) == names


async def test_a_module_may_be_named_and_its_neighbours_imported(folder: Folder) -> None:
    folder.module("from our_neighbour import weather\n", "our_module.py")
    folder.module(MODULE, "our_neighbour.py")
    project = folder.write(ALLOWING + '[sources.local]\npython = "our_module:weather"\n')
    assert list(await picked(project, "*")) == ["weather"]


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("tools.py", "'tools.py' names no tools; write FILE.py:NAME or module:NAME"),
        ("tools.py:nothing", "tools.py:nothing: it has no 'nothing'"),
        ("tools.py:MODULE_", "it has no 'MODULE_'"),
        ("no_such_module_:x", "cannot be loaded: ModuleNotFoundError"),
        ("tools.py:endless", "tools.py:endless is a function; give a Tool, a list of tools"),
        ("tools.py:__name__", "tools.py:__name__ is a str; give a Tool"),
        ("tools.py:broken", "tools.py:broken cannot be loaded: LookupError: no shelf"),
    ],
)
async def test_a_reference_to_what_is_no_tool_says_what_it_is(folder: Folder, ref: str, says: str) -> None:
    found = await catalogue(folder.write(f'[sources.local]\npython = "{ref}"\n'))
    assert found.found == ()
    with pytest.raises(ConfigError, match=says):
        raise ConfigError(found.broken["local"])


async def test_a_tool_that_is_chosen_and_not_there_is_named(folder: Folder) -> None:
    found = await catalogue(folder.write(LOCAL + 'only = ["wether"]\n'))
    said = "source 'local' has no tool 'wether'; it has: search_mail, search_notes, weather"
    assert found.broken == {"local": said}


async def test_a_stand_in_is_opened_in_place_of_its_source(folder: Folder) -> None:
    said = "[tools.of_gone]\nprice = 1\n"
    project = folder.write(ALLOWING + LOCAL + 'stand_in = "tools.py:make_later"\n' + BROKEN + said)
    async with Registry(project, standing_in=True) as registry:
        found = await registry.catalogue()
    assert (list(statuses(found)), found.broken) == (["weather"], {})


async def test_a_toolset_of_others_that_breaks_is_told_with_what_broke(folder: Folder) -> None:
    folder.module(MODULE.replace("        return [weather]\n", "        raise OSError('no cable')\n"))
    found = await catalogue(folder.write('[sources.g]\npython = "tools.py:group"\n'))
    assert found.broken == {"g": "it cannot be opened: OSError: no cable"}
    assert folder.life == "opened closed"


async def test_a_tool_that_needs_a_toolset_is_a_mistake(folder: Folder) -> None:
    needy = "\nfrom msgspec.structs import replace\nweather._spec = replace(weather.spec, needs=('desk',))\n"
    folder.module(MODULE + needy)
    found = await catalogue(folder.write('[sources.g]\npython = "tools.py:weather"\n'))
    assert "tool 'weather' needs desk; put it into a toolset that provides it" in found.broken["g"]
