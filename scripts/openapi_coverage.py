"""Coverage of OpenAPI documents: how many of their operations become valid tools, and why the others do not.

python scripts/openapi_coverage.py DOCUMENT...
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator

from remit.core.errors import ConfigError, RejectedError
from remit.core.values import JsonValue
from remit.tools.http.port import Incoming, Outgoing
from remit.tools.openapi import Credential, OpenAPI, OpenAPITools, Token

SERVER = "https://api.example.com"


class Nobody:
    """A sender that sends nothing."""

    async def send(self, request: Outgoing) -> Incoming:
        """Refuse."""
        raise RejectedError(f"nothing is sent: {request.method}")


async def token(scheme: str, tenant: str) -> Credential:
    """Give a credential for any scheme, so that every operation's schemes are looked at."""
    return Token("not-a-real-token")


def examples(document: OpenAPI, key: str) -> Iterator[JsonValue]:
    """Give the JSON bodies that the document itself shows for an operation."""
    body = document.entry(key).node.get("requestBody")
    content = document.resolve(body).get("content") if body is not None else None
    media = content.get("application/json") if isinstance(content, dict) else None
    if not isinstance(media, dict):
        return
    if "example" in media:
        yield media["example"]
    several = media.get("examples")
    for example in several.values() if isinstance(several, dict) else ():
        found = document.resolve(example)
        if "value" in found:
            yield found["value"]


async def survey(name: str) -> bool:
    """Print what becomes of one document; say whether every operation becomes a tool."""
    began = time.perf_counter()
    document = OpenAPI.read(name)
    why: Counter[str] = Counter()
    names: Counter[str] = Counter()
    outputs = 0
    misfits: list[str] = []
    shown = 0
    for key in document.keys:
        tools = OpenAPITools(document, Nobody(), only=[key], server=SERVER, credentials=token)
        try:
            (tool,) = await tools.open()
            outputs += tools.output(key) is not None
            for example in examples(document, key):
                problems = [line for line in tool.check({"body": example}).splitlines() if line.startswith("body")]
                misfits += [f"{key}: {problem}" for problem in problems[:1]]
                shown += 1
        except ConfigError as error:
            why[str(error).partition("\n")[2].removeprefix(f"{key}: ") or str(error)] += 1
        else:
            names[tool.spec.name] += 1
    same = sum(count for count in names.values() if count > 1)
    seconds = time.perf_counter() - began
    valid = names.total()
    print(
        f"{document.title} (OpenAPI {document.root['openapi']}): {valid} of {len(document.keys)} operations are tools"
    )
    print(f"  {outputs} say what they answer; {same} share a name with another; {seconds:.1f} s")
    print(f"  {shown - len(misfits)} of {shown} bodies that it shows as examples fit")
    for misfit in misfits:
        print(f"    {misfit}")
    for reason, count in why.most_common():
        print(f"  {count} x {reason}")
    return valid == len(document.keys)


async def main(names: list[str]) -> int:
    """Survey all documents."""
    results: list[bool] = []
    for name in names:
        try:
            results.append(await survey(name))
        except ConfigError as error:
            print(f"{name}: {error}")
            results.append(False)
    return 0 if all(results) else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1:])))
