"""The search for tools, measured: how often the right tool is found, what the offer weighs, and how long it takes.

python scripts/tool_search.py [--every N] [MODULE:EMBEDDER]

With `--every` only each N-th wish is asked and nothing is timed. An embedder takes a list of texts and gives their
vectors, as `remit.policy.Embed` says. Without one a stand-in shows what the fusion does: texts become counts of their
three- and four-letter pieces, hashed to a vector. It knows how words look and nothing of what they mean.
"""

import argparse
import asyncio
import importlib
import math
import sys
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import cast

import msgspec

from remit.core.ports import ToolContext
from remit.core.toolspec import ToolSpec
from remit.policy import Embed
from remit.tools.search import FindTools, ToolIndex
from tool_catalogue import KINDS, Kind, Wish, catalogue, of_kind, tables, wishes

PLACES = (1, 3, 5, 10)
SIZE = 512
"""Length of the stand-in's vectors."""
CHARACTERS = 4
"""Bytes of a token, about."""
TIMED = 200
"""Queries that are timed."""

Searches = dict[str, Embed | None]
"""What is compared: keywords alone, and with an embedder."""


async def pieces(texts: Sequence[str]) -> list[list[float]]:
    """Embed texts by their pieces: the stand-in."""
    return [piece_vector(text.casefold()) for text in texts]


def embedder(name: str) -> Embed:
    """Load an embedder by its name, also from the current folder."""
    sys.path.insert(0, "")
    module, _, attribute = name.partition(":")
    return cast("Embed", getattr(importlib.import_module(module), attribute))


def piece_vector(text: str) -> list[float]:
    """Count the pieces of a text in a vector, the logarithm of each count."""
    counts: Counter[int] = Counter()
    for word in text.split():
        padded = f"<{word}>"
        for length in (3, 4):
            for start in range(len(padded) - length + 1):
                counts[zlib.crc32(padded[start : start + length].encode()) % SIZE] += 1
    return [math.log1p(counts[place]) for place in range(SIZE)]


async def hits(index: ToolIndex, asked: Sequence[Wish]) -> Counter[int]:
    """Count for how many wishes a right tool is among the first so many."""
    found: Counter[int] = Counter()
    for wish in asked:
        names = [spec.name for spec in (await index.find(wish.said, max(PLACES))).tools]
        for most in PLACES:
            found[most] += bool(wish.right & set(names[:most]))
    return found


async def rates(specs: Sequence[ToolSpec], asked: Sequence[Wish], searches: Searches) -> None:
    """Print how often the right tool is found."""
    print(f"| wishes | how they are said | search | {' | '.join(f'top {most}' for most in PLACES)} |")
    print(f"|---:|---|---|{'---:|' * len(PLACES)}")
    for title, embed in searches.items():
        index = ToolIndex(specs, embed)
        for kind in KINDS:
            await rate(index, kind, title, of_kind(asked, kind))
        index.close()


async def rate(index: ToolIndex, kind: Kind, title: str, asked: Sequence[Wish]) -> None:
    """Print one row."""
    found = await hits(index, asked)
    shares = " | ".join(f"{found[most] / len(asked):.1%}" for most in PLACES)
    print(f"| {len(asked)} | {kind} | {title} | {shares} |")


def weight(specs: Sequence[ToolSpec]) -> int:
    """Count the bytes of an offer as the runtime holds budget for them."""
    return sum(len(msgspec.json.encode((spec.name, spec.description, spec.schema))) for spec in specs)


async def weights(specs: Sequence[ToolSpec], asked: Sequence[Wish]) -> None:
    """Print what a question carries of tools: all of them, or the search and what it found."""
    index = ToolIndex(specs)
    find = FindTools(index)
    by_name = {spec.name: spec for spec in specs}
    answers: list[int] = []
    revealed: list[int] = []
    for wish in of_kind(asked, "own words"):
        answer = msgspec.json.encode(await find.call({"query": wish.said}, ToolContext()))
        names = [one["name"] for one in msgspec.json.decode(answer)["tools"]]
        answers.append(len(answer))
        revealed.append(weight([by_name[name] for name in names]))
    index.close()
    first = weight([find.spec])
    after = first + round(sum(revealed) / len(revealed))
    every = weight(specs)
    rows = {
        f"all {len(specs)} tools": every,
        "only `find_tools`, before it has found anything": first,
        "`find_tools` and five found tools, on average": after,
        "the answer of one search, once in the conversation, on average": round(sum(answers) / len(answers)),
    }
    print("| of a question to a model | bytes | tokens, about | of all |\n|---|---:|---:|---:|")
    for title, count in rows.items():
        print(f"| {title} | {count:,} | {count // CHARACTERS:,} | {count / every:.1%} |")


async def times(asked: Sequence[Wish], searches: Searches) -> None:
    """Print how long it takes to make an index and to ask it."""
    print("| tools | search | making the index, ms | a query, ms |\n|---:|---|---:|---:|")
    queries = [wish.said for wish in asked][:: max(1, len(asked) // TIMED)]
    for copies in (1, 10):
        specs = catalogue(tables(), copies)
        for title, embed in searches.items():
            made, asking = await timed(specs, embed, queries)
            print(f"| {len(specs):,} | {title} | {made * 1000:,.0f} | {asking * 1000:.2f} |")


async def timed(specs: Sequence[ToolSpec], embed: Embed | None, queries: Sequence[str]) -> tuple[float, float]:
    """Give the seconds for an index with its first query, and those for another query."""
    began = time.perf_counter()
    index = ToolIndex(specs, embed)
    await index.find("warm up")
    ready = time.perf_counter()
    for query in queries:
        await index.find(query)
    ended = time.perf_counter()
    index.close()
    return ready - began, (ended - ready) / len(queries)


async def main() -> None:
    """Print all tables."""
    options = argparse.ArgumentParser(prog="tool_search.py")
    options.add_argument("--every", type=int, default=0)
    options.add_argument("embedder", nargs="?", default="")
    given = options.parse_args()
    named: str = given.embedder
    source = tables()
    searches: Searches = {
        "keywords": None,
        f"keywords and {named or 'stand-in'}": embedder(named) if named else pieces,
    }
    specs, asked = catalogue(source), wishes(source)[:: given.every or 1]
    await rates(specs, asked, searches)
    print()
    await weights(specs, asked)
    if not given.every:
        print()
        await times(asked, searches)


if __name__ == "__main__":
    asyncio.run(main())
