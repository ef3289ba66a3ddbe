from pathlib import Path

import pytest

from remit import Agent, Home, tool
from remit.core.ports import Reply
from remit.sandbox.monty import MontySandbox
from remit.strategies.programs import code
from remit.testing import ScriptedModel, says

REPEATING = "ann = find('Ann')\nmail(ann['address'], 'hello')\nann['age']"
LOOKING = "done = [call for call in earlier if call['tool'] == 'mail']\n[len(done), earlier[0]['output']['address']]"


def _program(text: str) -> Reply:
    return says(f"```python\n{text}\n```")


async def test_a_program_that_failed_after_a_mail_is_put_right_without_a_second_mail(tmp_path: Path) -> None:
    known = MontySandbox().capabilities()
    if not known.available:
        pytest.skip("; ".join(known.missing))
    sent: list[str] = []

    @tool(effect="read")
    async def find(name: str) -> dict[str, str]:
        """Find a customer."""
        return {"name": name, "address": "ann@example.org"}

    @tool(effect="once")
    async def mail(to: str, text: str) -> str:
        """Send a mail."""
        sent.append(to)
        return "sent"

    model = ScriptedModel([_program(REPEATING), _program(REPEATING), _program(LOOKING)])
    async with Home.open(tmp_path / "store") as home:
        run = await home.run(Agent("a", model=model, tools=[find, mail], strategy=code()), "greet Ann")
    assert run.output == [1, "ann@example.org"]
    assert sent == ["ann@example.org"]
