"""Children: what a session was given, and by whom it was asked, goes with the token to the sessions it starts."""

from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit import Agent, Home, ToolContext, tool
from remit.core.token import Remit, verify
from remit.home import MEMORY
from remit.testing import ScriptedModel, calls, says, use

KEY = bytes(32)


async def test_the_token_of_a_call_carries_the_labels_so_far_and_who_asked(rig: Rig) -> None:
    seen: list[Remit] = []

    async def looks(context: ToolContext) -> str:
        seen.append(verify(context.token, KEY))
        return "ok"

    look, secret = Acting(looks, name="look"), Acting(gives("x"), name="secret", options={"labels": ("b", "a")})
    declared = agent(scripted(calls(use("look")), calls(use("secret")), calls(use("look")), says("x")), look, secret)
    session = await rig.open(declared)
    await session.hear("go", by="ann")
    await session.run()
    assert [(remit.session, remit.tree.labels, remit.tree.by) for remit in seen] == [
        ("s", (), ("ann",)),
        ("s", ("a", "b"), ("ann",)),
    ]


async def test_a_child_begins_with_the_labels_of_its_parent_and_gives_them_on() -> None:
    @tool(effect="read", labels=("confidential",))
    async def salaries() -> str:
        """Read them."""
        return "many"

    opened: list[str] = []

    @tool(effect="read")
    async def note(context: ToolContext) -> str:
        """Note whose child this is."""
        opened.append(context.session)
        return "noted"

    child = Agent("child", ScriptedModel([calls(use("note")), says("done")]), tools=[note], detectors=())
    async with Home.open(MEMORY) as home:

        @tool(effect="read")
        async def delegate(context: ToolContext) -> str:
            """Have the child do it."""
            run = await home.run(child, "do it", token=context.token)
            opened.append(run.session)
            return "delegated"

        script = [calls(use("salaries")), calls(use("delegate")), says("ok")]
        parent = Agent("parent", ScriptedModel(script), tools=[salaries, delegate], detectors=())
        await home.run(parent, "go")
        state = await home.session(opened[-1])
    assert state.labels == {"confidential"}
    assert state.opened is not None
    assert (state.opened.tree.labels, state.opened.tree.by, state.opened.tree.depth) == (
        ("confidential",),
        ("user",),
        1,
    )
