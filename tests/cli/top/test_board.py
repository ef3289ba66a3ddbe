"""A board knows from records alone who waits for whom, and what today came to."""

from tests.cli.top.desks import clerk, doubter, mover, triage

from remit import Agent, Home
from remit.cli.top.board import DAY, Board, doing
from remit.cli.top.lines import Line
from remit.core import events as ev
from remit.core.events import Event, Record
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.ports import SessionRow
from remit.core.values import now_ms
from remit.runtime import decide
from remit.telemetry import Row

TODAY = 20_000
NOON = TODAY * DAY + DAY // 2


def opened(tenant: str = "acme", forked: str = "") -> ev.SessionOpened:
    return ev.SessionOpened(
        "desk", "1", "react@1", {}, tenant, ev.Tree("s"), Limits(), {"default": "m"}, forked=forked
    )  # fmt: skip


RUNNING: tuple[Event, ...] = (ev.MessageReceived("hi"), ev.RunOpened(1, "react@1", "w1", NOON), ev.ModelAsked("0"))


def told(*events: Event, at: int = NOON, fresh: bool = True, board: Board | None = None) -> Board:
    board = board or Board(TODAY)
    for seq, event in enumerate(events, 1):
        board.see("s", Record(seq, at + seq, event), fresh=fresh)
    return board


def line(board: Board) -> Line:
    (found,) = board.lines()
    return found


async def board_of(*agents: Agent) -> tuple[Board, list[str]]:
    board, sessions = Board(now_ms() // DAY), list[str]()
    async with Home.open("memory") as home:
        for agent in agents:
            session = (await home.run(agent, "hi")).session
            for record in await home.store.read(session):
                board.see(session, record)
            sessions.append(session)
    return board, sessions


async def test_each_that_waits_says_for_what_and_shows_the_call() -> None:
    board, sessions = await board_of(clerk(), doubter(), mover())
    found = {line.agent: (line.status, line.why, line.now) for line in board.lines()}
    assert found == {
        "clerk": ("waiting", "approval", 'refund(order="A1", usd=30)'),
        "doubter": ("waiting", "in doubt", "shaky()"),
        "mover": ("waiting", "input", "transfer()"),
    }
    assert (board.inputs(), board.doubts(), board.waiting()) == (1, 1, sessions)
    (ask,) = board.asks()
    assert (ask.session, ask.text, ask.missing) == (sessions[0], 'refund(order="A1", usd=30)', 1)
    assert ask.expires > ask.at


async def test_what_was_decided_and_not_gone_on_with_is_ready() -> None:
    board = Board(now_ms() // DAY)
    async with Home.open("memory") as home:
        session = (await home.run(clerk(), "hi")).session
        await decide(home.store, session, "", granted=True, by="ann")
        for record in await home.store.read(session):
            board.see(session, record)
    assert (line(board).status, board.asks()) == ("ready", [])


async def test_money_and_tokens_are_those_of_the_session_and_of_today() -> None:
    board, _ = await board_of(triage())
    found, today = line(board), board.today["default"]
    assert (found.spent, found.steps, found.tokens) == (13_500_000, 1, 4100)
    assert (today.cost, today.steps, today.input, today.output) == (13_500_000, 1, 4000, 100)
    assert found.now == "done: nothing urgent"


def test_a_running_session_says_what_is_under_way_and_a_dead_worker_that_it_crashed() -> None:
    board = told(opened(), *RUNNING)
    assert (line(board).status, line(board).now, board.workers()) == ("running", "asks m", {"s": "w1"})
    board.fell(frozenset({"s"}))
    assert (line(board).status, line(board).why) == ("crashed", "worker died")
    board.fell(frozenset())
    assert line(board).status == "running"


def test_a_tool_under_way_is_shown_as_its_call() -> None:
    answered = ev.ModelAnswered("0", "", (Call("look", {"at": 1}, "c1_0_0"),), Usage(1, 1))
    board = told(opened(), *RUNNING, answered, ev.EffectStarted("c1_0_0"))
    assert line(board).now == "look(at=1)"
    assert doing(Row(1, 0, 0, "closed")) == "closed"


def test_a_message_nobody_took_up_is_queued_since_it_came() -> None:
    board = told(opened(), ev.MessageReceived("one"), ev.MessageReceived("two"))
    assert (line(board).status, line(board).since) == ("queued", NOON + 2)
    told(opened(), *RUNNING[:2], board=board)
    assert line(board).status == "running"


def test_pauses_alarms_and_ends_are_told_apart() -> None:
    assert line(told(opened(), *RUNNING[:2], ev.RunSuspended("paused", NOON))).status == "paused"
    alarmed = line(told(opened(), *RUNNING[:2], ev.RunSuspended("alarm", NOON, "too fast")))
    assert (alarmed.status, alarmed.why) == ("waiting", "alarm")
    ended = told(opened(), *RUNNING[:2], ev.RunEnded(1, "failed", None, "no"))
    assert (line(ended).status, line(ended).why) == ("idle", "failed")
    closed = told(opened(), ev.SessionClosed("ann"))
    assert line(closed).status == "closed"


def test_flags_and_loop_stops_are_counted() -> None:
    board = told(opened(), *RUNNING[:2], ev.Flagged("loop", "stop", "again"), ev.Flagged("honeypot", "notice", "x"))
    assert (board.today["acme"].flags, board.today["acme"].stops, line(board).flags) == (2, 1, 2)


def test_a_new_day_begins_at_nothing_and_what_is_not_fresh_or_was_copied_does_not_count() -> None:
    failed = (*RUNNING, ev.ModelFailed("0", "down", 5))
    board = told(opened(), *failed)
    assert board.today["acme"].failures == 1
    board.turn(TODAY)
    assert board.today
    board.turn(TODAY + 1)
    assert board.today == {}
    assert told(opened(), *failed, fresh=False).today == {}
    assert told(opened(), *failed, at=NOON - DAY).today == {}
    assert "acme" not in told(opened(forked="a@9"), *failed).today


def row(name: str, status: str = "idle", why: str = "done", *, changed: int = 5, tenant: str = "acme") -> SessionRow:
    return SessionRow(name, "desk", tenant, status, 1, changed, "", why)  # pyright: ignore[reportArgumentType]


def test_sessions_that_were_not_read_are_told_by_their_lines() -> None:
    board = Board(TODAY)
    board.survey(
        [row("a"), row("b", why="message"), row("c", "waiting", "in_doubt, message"), row("d", "waiting", "paused")]
    )
    found = {line.id: (line.status, line.why, line.read) for line in board.lines()}
    assert found == {
        "a": ("idle", "done", False), "b": ("queued", "message", False), "c": ("waiting", "in doubt", False),
        "d": ("paused", "", False),
    }  # fmt: skip
    board.survey([row("a", "closed", changed=6)])
    assert [(line.id, line.status) for line in board.lines()] == [("a", "closed")]


def test_only_the_newest_at_rest_are_listed_and_the_others_counted() -> None:
    board = Board(TODAY)
    board.survey([row(f"r{number}", changed=number) for number in range(2100)])
    assert (len(board.lines()), board.hidden) == (2000, 100)
    assert min(line.changed for line in board.lines()) == 100


def test_a_session_that_was_let_go_keeps_its_line() -> None:
    board = told(opened(), *RUNNING, ev.ModelAnswered("0", "", (), Usage(3, 4)), ev.RunEnded(1, "done", "yes"))
    before = line(board)
    board.survey([row("s", changed=before.changed)])
    board.forget("s")
    assert line(board) == before
    assert before.tokens == 7


def test_a_tenant_sees_its_own_alone() -> None:
    board = Board(TODAY, "acme")
    asked = ev.ApprovalAsked("c1", "d", "why", NOON + 9, Call("pay", {}, "c1"))
    told(opened("other"), *RUNNING, asked, ev.InputAsked("c2", "?", {}), board=board)
    board.survey([row("x", tenant="other"), row("s", "running", "", tenant="other")])
    assert (board.lines(), board.asks(), board.inputs(), board.today) == ([], [], 0, {})


def test_an_approval_is_over_when_its_call_has_ended() -> None:
    asked = ev.ApprovalAsked("c1", "d", "why", NOON + 9, Call("pay", {}, "c1"))
    board = told(opened(), *RUNNING, asked)
    assert [ask.text for ask in board.asks()] == ["pay()"]
    board.see("s", Record(9, NOON, ev.EffectEnded(Outcome("c1", "denied", "lapsed"))))
    assert board.asks() == []
