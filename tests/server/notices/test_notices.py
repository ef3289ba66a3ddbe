"""Notices: whoever must act is told once something waits, signed, again until it is taken, and never with contents."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.server.agents import acting, asking
from tests.server.notices.receivers import SECRET, Receiver, receiving
from tests.server.rig import TENANTS, principal

from remit.core import events as ev
from remit.core.errors import ConfigError
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome
from remit.home import Home, Settings
from remit.policy import AskBefore, Secrets
from remit.policy.hosts import HostPolicy
from remit.runtime import decide
from remit.server.exporting import Pace, watching
from remit.server.notices import Notices, NoticeSettings, Webhook, noticing, signature, verified
from remit.server.notices.sending import Patience
from remit.server.service import Service, Wish
from remit.testing import EffectCounter
from remit.tools.http import Egress

QUICK = Pace(every=0.02, least=0.01, survey=0.05)
OPENED = ev.SessionOpened("clerk", "1", "react@1", {"pay": "d"}, "acme", ev.Tree("s"), Limits(), {"default": "m"})
PAY = Call("pay", {"usd": 5, "to": "bob"}, "c1_0_0")
ASKED = ev.ApprovalAsked("c1_0_0", "d", "usd is 5", 9_000, PAY, persons=2)


@contextlib.asynccontextmanager
async def hooked(receiver: Receiver, patience: Patience | None = None) -> AsyncGenerator[Webhook]:
    async def secret() -> str:
        return SECRET

    quick = patience or Patience(timeout=5, first=0.01, longest=0.05, reading=0.1)
    async with Egress(HostPolicy(allow=["127.0.0.1:*"])) as egress:
        yield Webhook(receiver.url, secret, egress, patience=quick)


@contextlib.asynccontextmanager
async def running(notices: Notices) -> AsyncGenerator[None]:
    task = asyncio.create_task(notices.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def came(receiver: Receiver) -> dict[str, Any]:
    return await asyncio.to_thread(receiver.came.get, timeout=20)


def settings(**said: Any) -> NoticeSettings:
    return NoticeSettings(url="http://127.0.0.1/", secret="HOOK", **said)


def shown(notices: Notices, *events: ev.Event, session: str = "s", first: int = 1) -> None:
    for seq, event in enumerate(events, first):
        notices.see(session, ev.Record(seq, 1000 + seq, event))


async def test_people_are_told_what_waits_and_what_escalates_and_nothing_of_what_it_says() -> None:
    with receiving() as first, receiving() as second:
        async with Home.open("memory", Settings(tenants=TENANTS)) as home, hooked(first) as one, hooked(second) as two:
            guard = AskBefore("effect", persons=2, escalate=0.1)
            service = Service(home, [acting(EffectCounter(), guard=guard), asking()])
            notices = Notices(settings(console="https://agents.example.com/"), one, two)
            async with watching(home, [], [notices], pace=QUICK):
                session = (await service.begin(principal(), Wish("clerk", "go"))).view.id
                told = await came(first)
                late = await came(second)
                question = (await service.begin(principal(), Wish("asking", "go"))).view.id
                asked = await came(first)
                await service.drain(5)
    assert told["key"] == told["id"]
    assert told == {
        "key": told["id"], "id": told["id"], "kind": "approval", "session": session, "call": "c1_0_0", "tool": "effect",
        "agent": "clerk", "tenant": "acme", "at": told["at"], "expires": told["expires"], "persons": 2,
        "link": "https://agents.example.com/approvals", "question": None, "args": None, "answered": 204,
    }  # fmt: skip
    assert (late["kind"], late["session"], late["call"]) == ("escalation", session, "c1_0_0")
    assert late["id"] != told["id"]
    assert (asked["kind"], asked["session"], asked["tool"], asked["question"]) == ("question", question, "ask", None)
    assert first.forged == second.forged == 0


async def test_a_receiver_that_fails_is_told_again_with_the_same_key_until_it_takes_it() -> None:
    with receiving() as receiver:
        receiver.answers = [500, 0, 404, 301]
        async with hooked(receiver) as hook:
            notices = Notices(settings(), hook)
            shown(notices, OPENED, ASKED)
            async with running(notices):
                tries = [await came(receiver) for _ in range(5)]
                await notices.close()
            ends = {sample.labels[0]: sample.value for sample in notices.measured(0)[0].samples}
    assert len({one["key"] for one in tries}) == 1
    assert [one["answered"] for one in tries] == [500, 0, 404, 301, 204]
    assert ends == {"sent": 1, "failed": 4, "lost": 0}


async def test_one_that_is_never_taken_keeps_no_other_from_arriving() -> None:
    with receiving() as receiver:
        receiver.answers = [400]
        async with hooked(receiver, Patience(first=0.01, longest=0.05)) as hook:
            notices = Notices(settings(), hook)
            shown(notices, OPENED, ASKED)
            async with running(notices):
                bad = await came(receiver)
                shown(notices, OPENED, ASKED, session="t")
                arrived = {(await came(receiver))["session"] for _ in range(2)}
    assert bad["session"] == "s"
    assert arrived == {"s", "t"}


async def test_what_was_decided_before_it_was_told_is_not_told() -> None:
    with receiving() as receiver:
        async with hooked(receiver) as hook:
            notices = Notices(settings(), hook)
            ann = ev.ApprovalGiven("c1_0_0", granted=True, by="ann", digest="d")
            shown(notices, OPENED, ASKED, ann)
            assert hook.waiting() == 1
            shown(notices, ann, first=4)
            assert hook.waiting() == 1, "the same person twice is not two"
            shown(notices, ev.ApprovalGiven("c1_0_0", granted=True, by="Ann ", digest="d"), first=4)
            assert hook.waiting() == 1, "nor by another way to write their name"
            shown(notices, ev.ApprovalGiven("c1_0_0", granted=True, by="bob", digest="d"), first=5)
            assert hook.waiting() == 0
            shown(notices, OPENED, ASKED, ev.ApprovalGiven("c1_0_0", granted=False, by="x", digest="d"), session="t")
            shown(notices, OPENED, ASKED, ev.RunEnded(1, "cancelled"), session="u")
            doubt = ev.EffectInDoubt("c1_0_0", "did it?")
            shown(notices, OPENED, ev.EffectStarted("c1_0_0", made=PAY), doubt, session="v")
            assert hook.waiting() == 1
            shown(notices, ev.EffectReconciled("c1_0_0", happened=True, by="ann"), session="v", first=4)
            asks = ev.InputAsked("c1_0_0", "which?", {})
            shown(notices, OPENED, ev.EffectStarted("c1_0_0", made=PAY), asks, session="w")
            shown(notices, ev.EffectEnded(Outcome("c1_0_0")), session="w", first=4)
            assert hook.waiting() == 0
    assert receiver.came.empty()


async def test_what_is_shown_again_from_its_beginning_is_not_told_again_and_nothing_of_what_nobody_opened() -> None:
    with receiving() as receiver:
        async with hooked(receiver) as hook:
            notices = Notices(settings(), hook)
            shown(notices, ASKED, ev.ApprovalEscalated("c9", 5), session="unknown")
            shown(notices, OPENED, ASKED)
            notices.survey([])
            notices.forget("s")
            shown(notices, OPENED, ASKED, ev.ApprovalEscalated("c1_0_0", 5))
            assert hook.waiting() == 2
            await notices.close()
            edit = ev.ApprovalGiven("c1_0_0", granted=True, by="ann", digest="d", args={})
            for _ in range(2):
                # What is on its way is so also after all was shown again, with what came before it.
                shown(notices, OPENED, ASKED, ev.ApprovalEscalated("c1_0_0", 5), edit, ASKED)
                assert hook.waiting() == 1
            await notices.close()
            assert [(await came(receiver))["id"] for _ in range(3)] == ["s-2", "s-3", "s-5"]
            assert receiver.came.empty()


async def test_what_waited_before_the_process_began_is_told_with_the_same_key(tmp_path: Path) -> None:
    async with Home.open(tmp_path, Settings(tenants=TENANTS)) as home:
        who = acting(EffectCounter(), asks=True)
        session = await home.begin(who, "act", tenant="acme")
        await home.resume(who, session)
        decided = await home.begin(who, "act", tenant="acme")
        await home.resume(who, decided)
        await decide(home.store, decided, "", granted=True, by="bob")
    keys: list[str] = []
    with receiving() as receiver:
        for _ in range(2):
            async with (
                Home.open(tmp_path, Settings(tenants=TENANTS)) as home,
                hooked(receiver) as hook,
                watching(home, [], [Notices(settings(), hook)], pace=QUICK),
            ):
                told = await came(receiver)
                keys.append(told["key"])
                assert told["session"] == session
        assert receiver.came.empty()
    assert len(set(keys)) == 1


async def test_contents_are_told_where_somebody_wants_them_and_are_not_too_large() -> None:
    with receiving() as receiver:
        async with hooked(receiver) as hook:
            notices = Notices(settings(content=True), hook)
            large = Call("pay", {"note": "x" * 9000}, "c1_1_0")
            shown(notices, OPENED, ASKED, ev.ApprovalAsked("c1_1_0", "d", "why", 9_000, large))
            async with running(notices):
                small, big = await came(receiver), await came(receiver)
    assert (small["question"], small["args"]) == ("usd is 5", {"usd": 5, "to": "bob"})
    assert (big["question"], big["args"]) == ("why", None)


async def test_a_tool_of_a_models_invention_is_not_named() -> None:
    with receiving() as receiver:
        async with hooked(receiver) as hook:
            notices = Notices(settings(), hook)
            shown(notices, OPENED, ev.ApprovalAsked("c1_0_0", "d", "", 9_000, Call("my pin is 1234", {}, "c1_0_0")))
            async with running(notices):
                assert (await came(receiver))["tool"] == ""


async def test_only_so_many_wait_and_none_for_ever() -> None:
    with receiving() as receiver:
        receiver.answers = [503] * 9
        async with hooked(receiver, Patience(first=0.01, longest=0.01, total=0.0, room=2)) as hook:
            notices = Notices(settings(), hook)
            for number in range(3):
                shown(notices, OPENED, ASKED, session=f"s{number}")
            assert (hook.waiting(), hook.lost) == (2, 1)
            async with running(notices):
                assert {(await came(receiver))["session"] for _ in range(2)} == {"s1", "s2"}
                await notices.close()
            assert (hook.waiting(), hook.lost) == (0, 3)


async def test_at_the_end_what_waits_is_tried_once_more() -> None:
    with receiving() as receiver:
        async with hooked(receiver) as hook:
            notices = Notices(settings(), hook)
            shown(notices, OPENED, ASKED)
            await notices.close()
            assert receiver.came.qsize() == 1
            receiver.answers = [500]
            shown(notices, OPENED, ASKED, session="t")
            shown(notices, OPENED, ASKED, session="u")
            await notices.close()
            assert (receiver.came.qsize(), hook.waiting()) == (2, 2)


async def test_a_secret_that_cannot_be_had_is_tried_again_and_nothing_is_sent_unsigned() -> None:
    tries: list[int] = []

    async def secret() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConfigError("no secret")
        if len(tries) == 2:
            raise ValueError("broken")
        return SECRET

    with receiving() as receiver:
        async with Egress(HostPolicy(allow=["127.0.0.1:*"])) as egress:
            hook = Webhook(receiver.url, secret, egress, patience=Patience(first=0.01, longest=0.01))
            notices = Notices(settings(), hook)
            shown(notices, OPENED, ASKED)
            async with running(notices):
                await came(receiver)
    assert (len(tries), receiver.forged) == (3, 0)


def test_a_signature_is_of_one_body_at_one_time_with_one_secret() -> None:
    signed = signature("s", 1000, b"{}")
    assert verified("s", signed, b"{}", 1200)
    assert not verified("s", signed, b"{}", 1301)
    assert not verified("s", signed, b"{}", 600)
    assert not verified("other", signed, b"{}", 1000)
    assert not verified("s", signed, b"[]", 1000)
    assert not verified("s", signed.replace("t=1000", "t=1001"), b"{}", 1000)
    assert not verified("s", "nonsense", b"{}", 1000)


async def test_a_projects_file_says_who_is_told(tmp_path: Path) -> None:
    file = tmp_path / "remit.toml"
    secrets = Secrets()
    async with noticing(file, secrets) as none:
        assert none is None
    with receiving() as receiver, receiving() as other:
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "HOOK").write_text(SECRET)
        (tmp_path / "secrets" / "HOOK").chmod(0o600)
        text = f'[secrets]\nsources = ["files:secrets"]\n[notices]\nurl = "{receiver.url}"\nsecret = "HOOK"\n'
        file.write_text(f'{text}escalation_url = "{other.url}"\n')
        async with noticing(file, secrets) as notices:
            assert notices is not None
            shown(notices, OPENED, ASKED, ev.ApprovalEscalated("c1_0_0", 5))
            await notices.close()
            assert ((await came(receiver))["kind"], (await came(other))["kind"]) == ("approval", "escalation")
        assert secrets.redact(SECRET) != SECRET
        file.write_text(text)
        async with noticing(file, secrets) as notices:
            assert notices is not None
            assert len(notices.measured(0)) == 2


@pytest.mark.parametrize(("text", "why"), [
    ('url = "http://a.example/"', "needs 'secret'"),
    ('url = "nowhere"\nsecret = "A"', "notices. url"),
    ('url = "ftp://a.example/"\nsecret = "A"', "notices. url"),
    ('url = "http://a.example/"\nescalation_url = "x"\nsecret = "A"', "escalation_url"),
    ('url = "http://a.example/"\nsecret = "not a name"', "cannot be named"),
    ('url = "http://a.example/"\nsecret = "A"\nevery = 5', "has no key 'every'"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "remit.toml"
    file.write_text(f"[notices]\n{text}\n")
    with pytest.raises(ConfigError, match=why):
        NoticeSettings.read(file)


def test_a_file_without_notices_or_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "remit.toml"
    file.write_text("[registry]\n")
    assert NoticeSettings.read(file) is None
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        NoticeSettings.read(file)
    with pytest.raises(ConfigError, match="cannot read"):
        NoticeSettings.read(tmp_path)


async def test_what_was_decided_before_the_process_began_is_not_told_however_long_its_journal_is() -> None:
    with receiving() as receiver:
        async with hooked(receiver) as hook:
            notices = Notices(settings(), hook)
            async with running(notices):
                for seq, event in enumerate((OPENED, ASKED), 1):
                    notices.see("s", ev.Record(seq, seq, event), fresh=False)
                # Other work has its turn in the middle of a long journal.
                for _ in range(100):
                    await asyncio.sleep(0)
                assert (hook.waiting(), hook.sent, receiver.came.empty()) == (1, 0, True)
                shown(notices, ev.ApprovalGiven("c1_0_0", granted=False, by="ann", digest="d"), first=3)
                shown(notices, OPENED, ASKED, session="t")
                assert (await came(receiver))["session"] == "t"
    assert receiver.came.empty()
