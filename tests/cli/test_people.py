"""What a person adds to a session: decisions, findings, messages, limits, forks; and what replay says of it."""

import asyncio

import pytest
from tests.cli.bench import Bench

from remit import Agent, AskBefore, Home, tool
from remit.testing import ScriptedModel, calls, use


@tool(effect="once")
def refund() -> str:
    """Pay money back."""
    return "paid"


def refunds(bench: Bench) -> list[str]:
    path = bench.folder / "refunds"
    return path.read_text().splitlines() if path.exists() else []


def test_an_approved_call_is_made_and_the_session_goes_on(bench: Bench) -> None:
    session = bench.run("clerk").session
    said = bench("approve", session[:5], "--by", "ann", "--reason", "regular", "--json")
    assert (said.status, said.json["status"], said.json["output"]) == (0, "done", "outcome: paid")
    assert refunds(bench) == ["A1"]
    assert said.err == "paying\n", "what a tool prints must not get into the JSON"
    assert "by ann: regular" in bench("show", session).out


def test_a_denied_call_is_never_made(bench: Bench) -> None:
    said = bench("deny", bench.run("clerk").session, "--by", "ann", "--json")
    assert (said.status, said.json["output"]) == (0, "outcome: not allowed: ann said no")
    assert refunds(bench) == []


def test_what_two_must_approve_says_how_many_are_missing(bench: Bench) -> None:
    session = bench.run("careful").session
    said = bench("approve", session, "--by", "ann")
    assert said.status == 3
    assert f"1 more person must approve it: remit approve {session} c1_0_0 --by NAME" in said.err
    again = bench("approve", session, "--by", "ann", "--json")
    assert (again.status, again.json["kind"]) == (1, "ApprovalError")
    assert "approved by ann" in str(again.json["error"])
    assert refunds(bench) == []
    assert bench("approve", session, "--by", "bob", "--json").json["status"] == "done"
    assert refunds(bench) == ["A1"]


def test_how_many_are_missing_is_told_to_programs_too(bench: Bench) -> None:
    session = bench.run("careful").session
    said = bench("approve", session, "--by", "ann", "--json").json
    assert (said["resumed"], said["missing"]) == (False, 1)


def test_a_call_is_approved_with_other_arguments(bench: Bench) -> None:
    session = bench.run("clerk").session
    wrong = bench("approve", session, "--args", '{"order": 5}', "--json")
    assert (wrong.status, wrong.json["kind"]) == (1, "ApprovalError")
    assert "order" in str(wrong.json["error"])
    assert bench("approve", session, "--args", "{", "--json").json["kind"] == "ConfigError"
    assert bench("deny", session, "--args", "{}", "--json").json["kind"] == "ConfigError"
    said = bench("approve", session, "--by", "ann", "--args", '{"order": "B7", "usd": 3}', "--json")
    assert (said.status, said.json["status"]) == (0, "done")
    assert refunds(bench) == ["B7"]
    assert 'ann changed the arguments of this call to {"order":"B7","usd":3}' in str(said.json["output"])
    assert "edited" in bench("show", session).out


def test_a_decision_alone_waits_for_resume(bench: Bench) -> None:
    session = bench.run("clerk").session
    said = bench("approve", session, "--no-resume", "--json")
    assert said.json["resumed"] is False
    assert refunds(bench) == []
    assert f"remit resume {session}" in bench("show", session).out
    assert bench("resume", session, "--json").json["status"] == "done"
    assert refunds(bench) == ["A1"]


def test_when_several_calls_wait_each_is_decided_by_name(bench: Bench) -> None:
    session = bench.run("pair").session
    unclear = bench("approve", session, "--json")
    assert (unclear.status, unclear.json["kind"]) == (1, "ApprovalError")
    assert bench("deny", session, "c1_0_0").status == 3
    assert bench("approve", session, "c1_0_1").status == 0
    assert refunds(bench) == ["B2"]


def test_a_decision_nobody_asked_for_is_refused(bench: Bench) -> None:
    assert bench("approve", bench.run("agent").session).status == 1


def test_the_agent_is_found_where_it_moved_to(bench: Bench) -> None:
    session = bench.run("clerk").session
    (bench.folder / "agent.py").rename(bench.folder / "moved.py")
    lost = bench("approve", session, "--json")
    assert (lost.status, lost.json["kind"]) == (2, "ConfigError")
    # Who cannot go on has not decided either, so the same command can be given again with what it lacked.
    assert bench("approve", session, "--agent", str(bench.folder / "moved.py") + ":clerk").status == 0


@pytest.mark.parametrize(("found", "shaken", "output"), [
    (("--happened", "--output", '"seen"'), "x", "outcome: seen"),
    (("--not-happened",), "xx", "outcome: steady"),
])  # fmt: skip
def test_a_call_in_doubt_is_settled_by_a_person(bench: Bench, found: tuple[str, ...], shaken: str, output: str) -> None:
    said = bench("run", bench.ref("doubter"), "go", "--json")
    assert said.status == 3
    assert any("--not-happened" in str(command) for command in [said.json["next"]])
    (bench.folder / "steady").touch()
    done = bench("settle", said.session, *found, "--json")
    assert (done.status, done.json["output"]) == (0, output)
    assert (bench.folder / "shaken").read_text() == shaken


def test_a_finding_can_be_written_down_without_going_on(bench: Bench) -> None:
    session = bench.run("doubter").session
    assert bench("settle", session, "--happened", "--output", "{", "--json").json["kind"] == "ConfigError"
    assert bench("settle", session).status == 2
    assert bench("settle", session, "--happened", "--no-resume", "--json").json["resumed"] is False
    assert bench("resume", session).status == 0


def test_a_message_is_left_and_taken_up(bench: Bench) -> None:
    session = bench.run("agent", "one").session
    assert bench("send", session, "two", "--by", "ann", "--key", "k").status == 0
    assert bench("send", session, "two", "--by", "ann", "--key", "k", "--json").json["status"] == "idle"
    assert bench("send", session, " ").status == 2
    assert bench("resume", session, "--quiet").out == "two\n"


def test_a_sleeping_run_is_cancelled_at_once(bench: Bench) -> None:
    session = bench.run("clerk").session
    assert bench("cancel", session, "--reason", "no longer wanted", "--json").json["cancelled"] is True
    assert bench("cancel", session).status == 1
    assert "no longer wanted" in bench("show", session).out


def test_a_raised_limit_makes_room(bench: Bench) -> None:
    said = bench.run("rich")
    assert said.status == 5
    assert bench("raise", said.session, "usd", "1000000", "--json").json["to"] == 1_000_000
    assert bench.run("rich", "again", "--session", said.session).json["output"] == "hi"


@pytest.mark.parametrize(("limit", "to", "status"), [("usd", "nan", 2), ("usd", "-1", 2), ("nonsense", "1", 1)])
def test_a_limit_that_is_none_is_refused(bench: Bench, limit: str, to: str, status: int) -> None:
    assert bench("raise", bench.run("agent").session, limit, "--", to).status == status


def test_a_fork_has_the_past_and_a_life_of_its_own(bench: Bench) -> None:
    session = bench.run("clerk").session
    fork = bench("fork", session)
    assert bench("approve", fork.out.strip()).status == 0
    assert refunds(bench) == ["A1"]
    assert bench("approve", session).status == 0
    assert refunds(bench) == ["A1", "A1"]
    early = bench("fork", session, "--at", "2", "--json")
    assert (early.json["from"], early.json["events"]) == (session, 2)
    assert bench("fork", session, "--at", "999").status == 2


def test_replay_repeats_a_session_without_touching_the_world(bench: Bench) -> None:
    session = bench.run("clerk").session
    assert bench("replay", session).status == 0
    bench("approve", session)
    said = bench("replay", session, "--json")
    assert (said.status, said.json["diverged"]) == (0, False)
    assert refunds(bench) == ["A1"]
    assert "repeated, to the same end" in bench("replay", session).out


def test_people_are_told_how_to_go_on(bench: Bench) -> None:
    session = bench.run("doubter").session
    assert f"remit settle {session} c1_0_0 --happened" in bench("show", session).out
    assert "it did not happen" in bench("settle", session, "--not-happened", "--no-resume").err
    assert f"remit resume {session}" in bench("raise", session, "steps", "9").err
    assert "its run is cancelled" in bench("cancel", session).err
    assert "left for session" in bench("send", session, "hello").err
    assert f"remit resume {session}" in bench("show", session).out
    assert "written down" not in bench("fork", session, "--at", "1").err


def test_a_session_a_program_opened_does_not_know_its_agent(bench: Bench) -> None:
    async def opened() -> str:
        async with Home.open(bench.folder / "store") as home:
            agent = Agent("clerk", model=ScriptedModel([calls(use("refund"))]), tools=[refund], guards=[AskBefore("*")])
            return (await home.run(agent, "go")).session

    session = asyncio.run(opened())
    said = bench("approve", session)
    assert (said.status, "--agent FILE.py:NAME" in said.err) == (0, True)
    assert bench("resume", session).status == 2


def test_a_session_without_a_run_has_nothing_to_replay(bench: Bench) -> None:
    fork = bench("fork", bench.run("agent").session, "--at", "2").out.strip()
    assert bench("replay", fork).out == "no run to replay\n"


def test_replay_is_loud_when_the_strategy_has_changed(bench: Bench) -> None:
    session = bench.run("agent", "hi").session
    path = bench.folder / "agent.py"
    changed = "\ndef other(brief):\n    yield from __import__('remit').ask('something else')\n    return 'x'\n"
    path.write_text(path.read_text() + changed + 'agent = Agent("echo", model=EchoModel(), strategy=other)\n')
    said = bench("replay", session)
    assert said.status == 4
    assert "DIVERGED" in said.out
    assert bench("replay", session, "--json").json["diverged"] is True


SECRETIVE = """
from remit import Agent, Secrets, Settings
from remit.testing import ScriptedModel, says

settings = Settings(secrets=Secrets({"key": "hunter2-hunter2"}))
agent = Agent("quiet", ScriptedModel([says("one"), says("two")]))
"""


def test_no_secret_gets_into_the_journal_by_what_people_write(bench: Bench) -> None:
    (bench.folder / "quiet.py").write_text(SECRETIVE)
    session = str(bench("run", str(bench.folder / "quiet.py"), "hello", "--json").json["session"])
    assert bench("send", session, "the key is hunter2-hunter2").status == 0
    assert bench("cancel", session, "--reason", "hunter2-hunter2").status == 1
    held = b"".join(path.read_bytes() for path in (bench.folder / "store").iterdir() if path.is_file())
    assert b"the key is" in held
    assert b"hunter2" not in held


def test_a_closed_session_stays_to_be_read_and_takes_nothing_more(bench: Bench) -> None:
    session = bench.run("clerk").session
    assert bench("close", session).status == 1
    assert bench("cancel", session).status == 0
    assert bench("close", session, "--reason", "done", "--json").json == {"session": session, "status": "closed"}
    assert bench("send", session, "hello?").status == 1
    assert "closed" in bench("show", session).out
    assert session in bench("sessions", "--status", "closed").out


@pytest.mark.parametrize(("words", "output"), [
    (("account=A-1", "urgent=true"), "outcome: moved to {'account': 'A-1', 'urgent': True}"),
    (("c1_0_0", "account=12"), "outcome: moved to {'account': '12'}"),
    (('{"account": "A=1"}',), "outcome: moved to {'account': 'A=1'}"),
    (("--decline",), "outcome: kept"),
])  # fmt: skip
def test_what_a_call_asks_is_answered_by_a_person(bench: Bench, words: tuple[str, ...], output: str) -> None:
    said = bench("run", bench.ref("mover"), "go", "--json")
    assert said.status == 3
    assert f"remit answer {said.session} c1_0_0 account=... urgent=..." in str(said.json["next"])
    done = bench("answer", said.session, *words, "--by", "ann", "--json")
    assert (done.status, done.json["output"]) == (0, output)


@pytest.mark.parametrize(("words", "problem"), [
    ((), "FIELD=VALUE for each field"),
    (("account=A", "--decline"), "not both"),
    (("account=A", "urgent"), "'urgent' is no FIELD=VALUE"),
    (("{account",), "no JSON object"),
    (("account=A", "urgent=soon"), "'urgent' is true or false"),
    (("colour=red", "account=A"), "no field 'colour'"),
])  # fmt: skip
def test_an_answer_that_cannot_be_is_refused_and_the_call_still_asks(
    bench: Bench, words: tuple[str, ...], problem: str
) -> None:
    session = bench.run("mover").session
    refused = bench("answer", session, *words, "--json")
    assert refused.status in {1, 2}
    assert problem in str(refused.json)
    assert bench("answer", session, "account=A", "--no-resume", "--json").json["given"] == {"account": "A"}
    assert bench("resume", session, "--json").json["status"] == "done"
