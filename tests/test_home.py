"""Home: where adapters meet. Names become models, tenants pay, keys stay secret, and nothing is kept open."""

import asyncio
import sqlite3
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import closing
from itertools import repeat
from pathlib import Path

import pytest

from remit import Agent, Home, Limits, Settings, Tenant
from remit.core.errors import (
    ConfigError,
    CorruptJournalError,
    JournalError,
    ModelTimeoutError,
    SessionBusyError,
    TokenError,
    UnknownSessionError,
)
from remit.core.events import Flagged, SessionClosed, Tree
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request, SessionQuery
from remit.core.shape import shape
from remit.core.token import Remit, sign, told
from remit.home import child_of
from remit.models import FREE, AnswerFile, Fallback, FlatPrice, Pace, Routed
from remit.policy import AskBefore
from remit.runtime import RunResult, cancel
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.testing.server import ModelServer


def saying(*texts: str) -> ScriptedModel:
    return ScriptedModel([says(text) for text in texts])


async def test_a_home_in_a_folder_remembers(tmp_path: Path) -> None:
    async with Home.open(tmp_path / "a" / "home") as home:
        first = await home.run(Agent("a", saying("one")), "go")
    async with Home.open(tmp_path / "a" / "home") as home:
        second = await home.run(Agent("a", saying("two")), "more", session=first.session)
        assert (second.run, second.output) == (2, "two")
        assert (await home.session(first.session)).runs == 2
        assert [row.id for row in await home.sessions()] == [first.session]
        assert await home.sessions(SessionQuery(agent="nobody")) == []


async def test_models_are_made_from_their_names(tmp_path: Path) -> None:
    made: list[str] = []

    def maker(name: str) -> ScriptedModel:
        made.append(name)
        return saying("from a name")

    async with Home.open("memory", Settings(models={"acme": maker})) as home:
        agent = Agent("a", "acme:large", roles={"judge": "acme:small"})
        assert (await home.run(agent, "go")).output == "from a name"
        assert made == ["large", "small"]
        with pytest.raises(ConfigError, match=r"no provider 'other' .*known: openai, .*Settings\(models"):
            await home.run(Agent("b", "other:x"), "go")
    async with Home.open("memory") as home:
        with pytest.raises(ConfigError, match="known: openai, "):
            await home.run(Agent("b", "other:x"), "go")


async def test_agents_made_one_after_the_other_are_not_taken_for_each_other() -> None:
    async with Home.open("memory") as home:
        results = [await home.run(Agent("a", saying(str(number))), "go") for number in range(300)]
        assert [result.output for result in results] == [str(number) for number in range(300)]


async def test_a_tenant_must_be_known_and_the_first_is_the_default() -> None:
    async with Home.open("memory", Settings(tenants=(Tenant(name="x"), Tenant(name="y")))) as home:
        agent = Agent("a", ScriptedModel(repeat(says("hi"))))
        await home.run(agent, "go")
        await home.run(agent, "go", tenant="y")
        assert sorted(row.tenant for row in await home.sessions()) == ["x", "y"]
        with pytest.raises(ConfigError, match="no tenant 'z' in this home; there are: x, y"):
            await home.run(agent, "go", tenant="z")


async def test_an_agent_with_an_output_answers_in_its_shape() -> None:
    async with Home.open("memory") as home:
        result = await home.run(Agent("a", saying('{"n": 5}'), output=shape(dict[str, int])), "go")
        assert result.output == {"n": 5}


async def test_a_decision_wakes_what_waits_and_a_cancel_ends_it() -> None:
    async with Home.open("memory") as home:
        counter = EffectCounter("once")
        wish = calls(use("effect"))
        agent = Agent("a", ScriptedModel([wish, says("done"), wish]), tools=[counter], guards=[AskBefore("effect")])
        first = await home.run(agent, "go")
        await home.approve(first.session, by="ann")
        assert (await home.resume(agent, first.session)).output == "done"
        second = await home.run(agent, "go")
        await cancel(home.store, second.session, by="ann", reason="enough")
        assert (await home.resume(agent, second.session)).reason == "cancelled by ann: enough"
        assert len(counter.called()) == 1


async def test_a_message_left_is_taken_up_by_whoever_resumes() -> None:
    async with Home.open("memory") as home:
        agent = Agent("a", saying("one", "two"))
        first = await home.run(agent, "go")
        await home.send(first.session, "more", key="k")
        await home.send(first.session, "more", key="k")
        assert (await home.resume(agent, first.session)).output == "two"


async def test_a_session_is_driven_once_in_a_process() -> None:
    async with Home.open("memory") as home:
        found: list[BaseException] = []

        class Looks:
            spec = ModelSpec("looks", FlatPrice(0.0, 0.0))

            async def complete(self, request: Request, emit: Emit) -> Reply:
                try:
                    await home.resume(agent, request.session)
                except SessionBusyError as error:
                    found.append(error)
                return says("x")

        agent = Agent("a", Looks())
        result = await home.run(agent, "go")
        assert [str(error) for error in found] == [
            f"session {result.session!r} is being driven in this process; use `send` to leave a message"
        ]
        assert (await home.resume(agent, result.session)).output == "x"


async def test_what_cannot_be_driven_is_free_again_afterwards() -> None:
    async with Home.open("memory") as home:
        agent = Agent("a", saying("one"))
        first = await home.run(agent, "go")
        for _ in range(2):
            with pytest.raises(ConfigError, match="belongs to agent 'a'"):
                await home.resume(Agent("b", saying()), first.session)
        await home.store.append(first.session, [SessionClosed("ann")], after=6)
        for _ in range(2):
            with pytest.raises(JournalError, match="is closed"):
                await home.run(agent, "more", session=first.session)


async def test_an_unknown_session_is_said_to_be_unknown() -> None:
    async with Home.open("memory") as home:
        with pytest.raises(UnknownSessionError, match="no session 'nobody' in this home"):
            await home.session("nobody")
        with pytest.raises(UnknownSessionError):
            await home.resume(Agent("a", saying()), "nobody")
        with pytest.raises(UnknownSessionError):
            await home.send("nobody", "hello?")


async def test_a_session_can_be_forked_and_replayed_from_its_home() -> None:
    async with Home.open("memory") as home:
        agent = Agent("a", saying("one", "two"))
        first = await home.run(agent, "go")
        name = await home.fork(first.session, at=2)
        assert (await home.resume(agent, name)).output == "two"
        assert [run.divergence for run in await home.replay(agent, name)] == [""]


async def test_all_sessions_of_a_home_can_be_paused_together() -> None:
    async with Home.open("memory") as home:

        class Pauses:
            spec = ModelSpec("pauses", FlatPrice(0.0, 0.0))

            async def complete(self, request: Request, emit: Emit) -> Reply:
                home.lives.pause()
                return calls(use("effect"))

        result = await home.run(Agent("a", Pauses(), tools=[EffectCounter("read")]), "go")
        assert (result.status, result.reason) == ("waiting", "paused; resume it when you like")


async def test_a_stream_ends_with_its_result_and_lets_go_of_its_session() -> None:
    async with Home.open("memory") as home:
        agent = Agent("a", saying("one two", "three"))
        items = [item async for item in home.stream(agent, "go")]
        assert isinstance(items[-1], RunResult)
        assert "".join(item.text for item in items if isinstance(item, Delta)) == "one two"
        assert (await home.run(agent, "more", session=items[-1].session)).output == "three"


# -- keys and tokens ---------------------------------------------------------------------------------------------------


def keys(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("key")]


async def test_the_key_is_for_this_user_only_and_stays_the_same(tmp_path: Path) -> None:
    for _ in range(2):
        async with Home.open(tmp_path):
            pass
        key = tmp_path / "key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert len(key.read_bytes()) == 32
    assert keys(tmp_path) == ["key"]


OPENER = "import asyncio,sys; from remit import Home; sys.stdin.readline(); asyncio.run(Home.open(sys.argv[1]).close())"


async def test_processes_that_open_a_new_home_at_the_same_time_agree_on_its_key(tmp_path: Path) -> None:
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-c", OPENER, str(tmp_path / "home"))
    opening = [await asyncio.create_subprocess_exec(*command, stdin=pipe) for _ in range(4)]
    for process in opening:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    assert [await process.wait() for process in opening] == [0, 0, 0, 0]


def test_a_file_that_holds_no_key_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="does not hold a key of 32 bytes; move it away"):
        Home.open(tmp_path)
    assert not (tmp_path / "journal.db").exists()


def test_a_token_of_another_home_is_refused(tmp_path: Path) -> None:
    token = sign(Remit("s", "default", Tree("s")), bytes(32))
    with pytest.raises(TokenError, match="is it from another"):
        Home.open(tmp_path, Settings(token=token))
    with pytest.raises(TokenError):
        Home.open("memory", Settings(token=token))


def test_a_folder_with_a_stranger_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("dear diary" * 1000)
    with pytest.raises(CorruptJournalError):
        Home.open(tmp_path)


async def test_a_home_inside_a_remit_opens_only_children(tmp_path: Path) -> None:
    async with Home.open(tmp_path):
        pass
    key = (tmp_path / "key").read_bytes()
    token = sign(Remit("parent", "default", Tree("root", "grand", 1, max_depth=2, cap=7)), key)
    async with Home.open(tmp_path, Settings(token=token)) as home:
        result = await home.run(Agent("a", saying("x"), limits=Limits(depth=99, children=99)), "go")
        opened = (await home.session(result.session)).opened
        assert opened is not None
        assert opened.tree == Tree("root", "parent", 2, 2, 20, 7)
    assert child_of(None) is None


@pytest.mark.parametrize("trace", ["x" * 100_000, "00-nothing-01", "\ud800", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
async def test_what_stands_unsigned_beside_a_token_is_only_kept_when_it_is_a_trace(tmp_path: Path, trace: str) -> None:
    async with Home.open(tmp_path):
        pass
    signed = sign(Remit("parent", "default", Tree("root", "grand", 1)), (tmp_path / "key").read_bytes())
    for said, kept in ((trace, ""), (f"00-{'ab' * 16}-{'cd' * 8}-01", f"00-{'ab' * 16}-{'cd' * 8}-01")):
        async with Home.open(tmp_path, Settings(token=told(signed, said))) as home:
            session = await home.begin(Agent("a", saying("x")), tenant="default")
            opened = (await home.session(session)).opened
            assert opened is not None
            assert (opened.tree.trace, opened.tree.root) == (kept, "root")


async def test_durability_is_a_choice(tmp_path: Path) -> None:
    async with Home.open(tmp_path, Settings(durability="power")) as home:
        assert (await home.run(Agent("a", saying("x")), "go")).status == "done"


async def test_what_watches_an_agent_is_made_from_its_limits_and_the_homes_settings() -> None:
    async def embed(texts: object) -> list[list[float]]:
        return [[1.0, 0.0]]

    async with Home.open("memory", Settings(embed=embed)) as home:
        model = ScriptedModel([says("hm", use("effect", n=number)) for number in range(60)])
        limits = Limits(usd_per_minute=1.0, steps=100)
        result = await home.run(Agent("a", model, tools=[EffectCounter("read")], limits=limits), "go")
        flags = {
            record.event.kind for record in await home.store.read(result.session) if isinstance(record.event, Flagged)
        }
        assert flags == {"no_progress"}


async def test_an_agent_may_name_its_own_watchers() -> None:
    async with Home.open("memory") as home:
        model = ScriptedModel([calls(use("effect"))] * 8 + [says("done")])
        result = await home.run(Agent("a", model, tools=[EffectCounter("read")], detectors=()), "go")
        assert result.status == "done"


def test_a_home_is_a_folder_or_a_postgresql() -> None:
    with pytest.raises(ConfigError, match="begins with 'postgresql'"):
        Home.open("sqlite:///x")


@pytest.mark.parametrize("name", ["../x", " ", "a b", "x" * 65, "."])
async def test_a_session_has_a_plain_name(name: str) -> None:
    async with Home.open("memory") as home:
        with pytest.raises(ConfigError, match="cannot name a session"):
            await home.run(Agent("a", saying("x")), "go", session=name)
        assert (await home.run(Agent("a", saying("x")), "go", session="ticket-7")).session == "ticket-7"


async def test_who_leaves_a_stream_in_the_middle_of_an_answer_waits_for_the_step_to_end() -> None:
    async with Home.open("memory") as home:
        gate = asyncio.Event()

        class Slow:
            spec = ModelSpec("slow", FlatPrice(0.0, 0.0))

            async def complete(self, request: Request, emit: Emit) -> Reply:
                emit(Delta("one"))
                await gate.wait()
                return calls(use("effect"))

        stream = home.stream(Agent("a", Slow(), tools=[EffectCounter("read")]), "go")
        async for item in stream:
            if isinstance(item, Delta):
                gate.set()
                break
        assert isinstance(stream, AsyncGenerator)
        await stream.aclose()
        assert [row.why for row in await home.sessions()] == ["paused"]


async def test_a_file_that_holds_no_answers_is_refused_before_a_session_begins(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mine.db")) as mine:
        mine.execute("CREATE TABLE mine (id)")
    async with Home.open("memory", Settings(answers=AnswerFile(tmp_path / "mine.db"))) as home:
        with pytest.raises(ConfigError, match="does not hold answers of models"):
            await home.run(Agent("a", saying("hi")), "go")
        assert await home.sessions() == []


async def test_a_key_that_changed_while_a_session_lives_enters_no_journal_and_no_cache(tmp_path: Path) -> None:
    keys = ["sk-first-key", "sk-second-key"]
    async with ModelServer(lambda received: says(f"you sent {received.headers['authorization']}")) as server:
        name = f"openai@{server.url}/v1:m"
        settings = Settings(keys=lambda variable: keys[0], prices={name: FREE}, answers=AnswerFile(tmp_path / "a.db"))
        async with Home.open("memory", settings) as home:
            agent = Agent("a", name)
            first = await home.run(agent, "go")
            keys.pop(0)
            second = await home.run(agent, "go on", session=first.session)
            records = await home.store.read(first.session)
    assert "sk-second-key" in str(server.requests[1].headers)
    assert (str(first.output)[:25], str(second.output)[:25]) == ("you sent Bearer [secret:R",) * 2
    assert "sk-" not in str(records)
    assert b"sk-" not in (tmp_path / "a.db").read_bytes()


async def test_a_pace_holds_for_models_of_your_own_makers_too() -> None:
    pace = Pace(requests=1, burst=1, patience=0)
    settings = Settings(models={"acme": lambda name: saying("one", "two")}, paces={"acme": pace})
    async with Home.open("memory", settings) as home:
        agent = Agent("a", "acme:large", limits=Limits(seconds=0.2))
        assert (await home.run(agent, "go")).status == "done"
        assert (await home.run(agent, "go")).status == "stopped"


async def test_what_a_model_finds_wrong_with_its_configuration_ends_the_run_and_costs_nothing() -> None:
    routed = Routed({"a": ScriptedModel([], price=FlatPrice(1.0, 1.0))}, lambda routes: "typo", default="a")
    async with Home.open("memory", Settings(tenants=(Tenant(sessions=1),))) as home:
        for _ in range(2):
            result = await home.run(Agent("a", routed), "go")
            assert (result.status, result.spent) == ("failed", 0)
            assert "names no route 'typo'" in result.reason


async def test_a_wrong_configuration_found_after_a_lost_call_costs_what_was_held() -> None:
    price = FlatPrice(1.0, 1.0)
    wrong = Routed({"b": ScriptedModel([], price=price)}, lambda routes: "typo", default="b")
    model = Fallback(ScriptedModel([ModelTimeoutError("late")], price=price), wrong, on=(ModelTimeoutError,))
    async with Home.open("memory") as home:
        result = await home.run(Agent("a", model), "go")
    assert result.status == "failed"
    assert result.spent > 2 * 4096 * 1000
