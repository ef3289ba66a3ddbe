"""The screen: keys, filters, a session as it grows, and decisions that are those of `remit approve`."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.cli.top.desks import SETTINGS, clerk, doubter, settle_in, triage, two_eyes
from textual.pilot import Pilot
from textual.widgets import Input

from remit import Home
from remit.cli.places import stored
from remit.cli.top.acting import Acting
from remit.cli.top.app import Top, opened
from remit.cli.top.cells import ask_cells
from remit.cli.top.dialogs import Dialog
from remit.cli.top.lines import Wanted
from remit.cli.top.session import SessionScreen
from remit.cli.top.watching import Watching
from remit.core.errors import ApprovalError
from remit.core.events import ApprovalGiven, CancelAsked, MessageReceived
from remit.core.ports import Store
from remit.runtime import decide
from remit.testing import calls, says, use

NEVER = 3600.0
"""Between two looks: tests look by themselves."""


class Seat:
    """Somebody in front of the screen."""

    def __init__(self, top: Top, pilot: Pilot[None], store: Store) -> None:
        """Take what is shown, and what is behind it."""
        self.top, self.pilot, self.store = top, pilot, store

    async def press(self, *keys: str) -> None:
        """Press keys, and wait for what they bring about."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(20):
            while not true():
                await self.pilot.pause()

    @property
    def agents(self) -> list[str]:
        """Give the agents of the sessions that are listed."""
        return [line.agent for line in self.top.overview.sessions.items]

    async def events(self, session: str, kind: type) -> list[object]:
        """Give the events of a kind."""
        return [record.event for record in await self.store.read(session) if isinstance(record.event, kind)]


@asynccontextmanager
async def seat(place: Path, size: tuple[int, int] = (80, 24), theme: str = "dark") -> AsyncGenerator[Seat]:
    async with stored(str(place)) as store:
        watching = Watching(store, str(place), tenants=SETTINGS.tenants)
        top = opened(watching, Acting(store, str(place), "tess"), Wanted(), NEVER, theme)
        async with top.run_test(size=size) as pilot:
            await top.overview.look()
            await pilot.pause()
            yield Seat(top, pilot, store)


async def test_the_list_shows_who_needs_a_person_first_and_fits_eighty_columns(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage(), clerk())
    async with seat(tmp_path) as sitting:
        text = sitting.top.overview.sessions.text
    assert text[0].split() == ["SESSION", "AGENT", "STATUS", "FOR", "SPENT", "STEPS", "TOKENS", "NOW"]
    assert "clerk" in text[1]
    assert "approval" in text[1]
    assert text[2].split()[1:3] == ["triage", "idle"]
    assert "$0.013" in text[2]
    assert max(map(len, text)) <= 80


async def test_a_wide_terminal_shows_more(tmp_path: Path) -> None:
    await settle_in(tmp_path, clerk())
    async with seat(tmp_path, (140, 40), "light") as sitting:
        text = sitting.top.overview.sessions.text
        await sitting.press("t")
        assert sitting.top.theme == "remit-dark"
    assert {"TENANT", "WHY", "AGE", "FLAGS"} <= set(text[0].split())
    assert 'refund(order="A1", usd=30)' in text[1]


async def test_a_filter_works_while_it_is_typed_and_escape_lets_go_of_it(tmp_path: Path) -> None:
    await settle_in(tmp_path, clerk(), triage(), doubter())
    async with seat(tmp_path) as sitting:
        await sitting.press("slash", *"why:app")
        assert sitting.agents == ["clerk"]
        await sitting.press("enter")
        assert not sitting.top.overview.query_one("#filter", Input).has_class("open")
        assert sitting.agents == ["clerk"]
        await sitting.press("escape")
        assert len(sitting.agents) == 3


async def test_what_is_shown_and_its_order_turn_by_keys(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage(), clerk())
    async with seat(tmp_path) as sitting:
        await sitting.press("f")
        assert sitting.agents == ["clerk"]
        await sitting.press("f", "f", "s")
        assert (sitting.agents, sitting.top.overview.wanted.sort) == (["triage", "clerk"], "spent")
        await sitting.press("r")
        assert sitting.agents == ["clerk", "triage"]


async def test_news_come_and_the_cursor_stays_with_its_session(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage(), triage())
    async with seat(tmp_path) as sitting:
        grid = sitting.top.overview.sessions
        await sitting.press("down")
        chosen = grid.chosen
        await settle_in(tmp_path, clerk())
        await sitting.press("space")
        await sitting.top.overview.look()
        assert len(sitting.agents) == 2, "the picture is held"
        await sitting.press("space")
        await sitting.top.overview.look()
        assert sitting.agents[0] == "clerk"
        assert (grid.chosen and grid.chosen.id) == (chosen and chosen.id)


async def test_an_approval_shows_the_exact_arguments_and_is_signed(tmp_path: Path) -> None:
    (session,) = await settle_in(tmp_path, clerk())
    async with seat(tmp_path) as sitting:
        await sitting.press("p", "a")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        shown = " ".join(str(part.render()) for part in sitting.top.screen.query("Static"))
        assert '"order": "A1"' in shown
        assert "Approve this call as tess?" in shown
        assert await sitting.events(session, ApprovalGiven) == []
        await sitting.press(*"fine", "enter")
        await sitting.until(lambda: not sitting.top.overview.asks.items)
        (given,) = await sitting.events(session, ApprovalGiven)
        assert isinstance(given, ApprovalGiven)
        assert (given.granted, given.by, given.reason) == (True, "tess", "fine")
        assert [line.status for line in sitting.top.overview.sessions.items] == ["ready"]
    async with Home.open(tmp_path, SETTINGS) as home:
        resumed = await home.resume(clerk(says("done")), session)
    assert resumed.output == "done"


async def test_a_denial_is_one_and_escape_decides_nothing(tmp_path: Path) -> None:
    (session,) = await settle_in(tmp_path, clerk())
    async with seat(tmp_path) as sitting:
        await sitting.press("d")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        await sitting.press("escape")
        await sitting.until(lambda: sitting.top.screen is sitting.top.overview)
        assert await sitting.events(session, ApprovalGiven) == []
        await sitting.press("d")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        await sitting.press("enter")
        await sitting.until(lambda: not sitting.top.overview.asks.items)
        (given,) = await sitting.events(session, ApprovalGiven)
        assert isinstance(given, ApprovalGiven)
        assert not given.granted


async def test_who_approved_first_cannot_again_and_another_person_is_asked_for(tmp_path: Path) -> None:
    (session,) = await settle_in(tmp_path, two_eyes())
    async with seat(tmp_path) as sitting:
        assert "needs 2 people" in str(ask_cells(sitting.top.overview.asks.items[0], 0))
        acting = Acting(sitting.store, str(tmp_path), "tess")
        shown = await acting.question(session)
        assert "1 more of other people" in await acting.decide(session, shown, granted=True, reason="fine")
        with pytest.raises(ApprovalError):
            await acting.decide(session, shown, granted=True)
        await sitting.top.overview.look()
        (ask,) = sitting.top.overview.asks.items
        assert ask.missing == 1
        await sitting.press("p", "a")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        shown_text = " ".join(str(part.render()) for part in sitting.top.screen.query("Static"))
        assert "1 of 2 people are still to approve it; approved by tess" in shown_text


async def test_long_arguments_can_be_read_to_their_end_before_deciding(tmp_path: Path) -> None:
    await settle_in(tmp_path, clerk(calls(use("refund", order="\n".join(map(str, range(200))), usd=1))))
    async with seat(tmp_path) as sitting:
        await sitting.press("a")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        body = sitting.top.screen.query_one("#dialog-body")
        assert body.max_scroll_y > 0
        await sitting.press(*["pagedown"] * 60)
        await sitting.until(lambda: body.scroll_y == body.max_scroll_y)


async def test_where_nothing_waits_there_is_nothing_to_decide(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage())
    async with seat(tmp_path) as sitting:
        await sitting.press("a")
        assert sitting.top.screen is sitting.top.overview
        await sitting.press("p", "a", "escape")
        assert not sitting.top.overview.asks.has_class("open")


async def test_a_run_is_cancelled_once_somebody_means_it(tmp_path: Path) -> None:
    (session,) = await settle_in(tmp_path, clerk())
    async with seat(tmp_path) as sitting:
        await sitting.press("c")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        await sitting.press("enter")
        await sitting.until(lambda: [line.status for line in sitting.top.overview.sessions.items] == ["idle"])
        assert len(await sitting.events(session, CancelAsked)) == 1
        await sitting.press("c")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        await sitting.press("enter")
        await sitting.until(lambda: sitting.top.screen is sitting.top.overview)
        assert len(await sitting.events(session, CancelAsked)) == 1, "there was no run any more"


async def test_a_session_opens_follows_and_is_decided_in_place(tmp_path: Path) -> None:
    (session,) = await settle_in(tmp_path, clerk())
    async with seat(tmp_path) as sitting:
        await sitting.press("enter")
        await sitting.until(lambda: isinstance(sitting.top.screen, SessionScreen))
        screen = sitting.top.screen
        assert isinstance(screen, SessionScreen)
        await sitting.until(lambda: any("approval?" in line for line in screen.timeline.text))
        tail = len(await sitting.store.read(session))
        await sitting.store.append(session, [MessageReceived("and hurry")], after=tail)
        await sitting.until(lambda: any("and hurry" in line for line in screen.timeline.text))
        await sitting.press("a")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        await sitting.press("enter")
        await sitting.until(lambda: any("approved" in line for line in screen.timeline.text))
        await sitting.press("g", "enter")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        shown = " ".join(str(part.render()) for part in sitting.top.screen.query("Static"))
        assert "SessionOpened" in shown or '"agent": "clerk"' in shown
        await sitting.press("escape", "escape")
        await sitting.until(lambda: sitting.top.screen is sitting.top.overview)


async def test_the_cursor_goes_everywhere_and_a_click_moves_it(tmp_path: Path) -> None:
    await settle_in(tmp_path, *(triage() for _ in range(30)))
    async with seat(tmp_path) as sitting:
        grid = sitting.top.overview.sessions
        await sitting.press("end")
        assert grid.chosen is grid.items[-1]
        assert grid.items[-1].id in grid.text[-1]
        await sitting.press("pageup", "k")
        assert grid.chosen is grid.items[29 - (grid.size.height - 2) - 1]
        await sitting.press("home")
        await sitting.pilot.click(grid, offset=(5, 3))
        assert grid.chosen is grid.items[2]
        await sitting.pilot.resize_terminal(120, 30)
        assert "WHY" in grid.text[0]
        await sitting.pilot.double_click(grid, offset=(5, 2))
        await sitting.until(lambda: isinstance(sitting.top.screen, SessionScreen))


async def test_help_says_the_keys_and_q_leaves(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage())
    async with seat(tmp_path) as sitting:
        await sitting.press("question_mark")
        await sitting.until(lambda: isinstance(sitting.top.screen, Dialog))
        await sitting.press("escape", "q")
    assert sitting.top.return_code == 0


async def test_a_call_that_changed_since_it_was_shown_is_not_decided(tmp_path: Path) -> None:
    one, other = await settle_in(tmp_path, clerk(), clerk())
    async with stored(str(tmp_path)) as store:
        acting = Acting(store, str(tmp_path), "tess")
        shown = await acting.question(one)
        await decide(store, one, "", granted=False, by="ann")
        with pytest.raises(ApprovalError, match="waits for a decision"):
            await acting.decide(one, shown, granted=True)
        assert shown.asked is not None
        shown.asked = type(shown.asked)("c1_0_0", "of others", "", 0)
        with pytest.raises(ApprovalError, match="other arguments"):
            await acting.decide(other, shown, granted=True)
