"""Doctor says which servers answer."""

import asyncio

from remit.cli.checks import Finding
from remit.cli.reaching import models, reached


async def found(**environ: str) -> list[Finding]:
    return [finding async for finding in reached(environ)]


async def test_a_server_that_listens_is_reachable_and_its_password_stays_unsaid() -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        (finding,) = await found(SMTP_URL=f"smtp://desk:hunter22@127.0.0.1:{port}")
    assert (finding.level, finding.text) == ("ok", f"SMTP_URL: 127.0.0.1:{port}")


async def test_a_server_that_does_not_listen_is_broken() -> None:
    (finding,) = await found(JIRA_URL="http://127.0.0.1:9/", DESK_WEBHOOK_URL="")
    assert finding.level == "broken"
    assert finding.text.startswith("JIRA_URL: 127.0.0.1:9 does not answer")


async def test_what_is_no_address_is_said_to_be_none() -> None:
    findings = await found(JIRA_URL="example", SMTP_URL="smtp://host:port")
    assert {finding.level for finding in findings} == {"broken"}
    assert "JIRA_URL is no address" in findings[0].text


async def test_nothing_is_tried_that_nobody_named() -> None:
    assert await found(OTHER_URL="http://127.0.0.1:9/") == []


async def test_a_key_that_is_empty_is_not_set() -> None:
    first = await anext(models({"OPENAI_API_KEY": "", "ANTHROPIC_API_KEY": "sk-secret"}))
    assert first.text == "keys for: anthropic; not set: OPENAI_API_KEY"


async def test_the_password_in_the_address_of_a_local_server_stays_unsaid() -> None:
    environ = {"OLLAMA_BASE_URL": "http://me:very-secret@127.0.0.1:9/v1"}
    said = [finding.text async for finding in models(environ)]
    assert any(text.startswith("OLLAMA_BASE_URL=http://127.0.0.1:9/v1 cannot be used") for text in said)
    assert "very-secret" not in str(said)
