"""ToolIndex: what is found, in which order, and what no query can break."""

import asyncio
import math
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tools.search.tools import SPECS, spec

from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject
from remit.policy import Embed
from remit.tools.search import ToolIndex
from remit.tools.search.index import fused

AXES = {"money": 0, "refund": 0, "parcel": 1, "shipment": 1, "issue": 2, "commits": 3}


class Embedder:
    """Knows a few words, and counts what it was given."""

    def __init__(self, *, failures: int = 0) -> None:
        self.batches: list[int] = []
        self.failures = failures

    async def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("https://user:secret@embedder.example")
        self.batches.append(len(texts))
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * 4
        for word, axis in AXES.items():
            vector[axis] += word in text.lower()
        return vector


@pytest.fixture(name="index")
def _index() -> Iterator[ToolIndex]:
    index = ToolIndex(SPECS)
    yield index
    index.close()


async def names(index: ToolIndex, query: str, limit: int = 5) -> list[str]:
    return [one.name for one in (await index.find(query, limit)).tools]


async def once(specs: Sequence[ToolSpec], query: str, embed: Embed | None = None, limit: int = 5) -> list[str]:
    index = ToolIndex(specs, embed)
    try:
        return await names(index, query, limit)
    finally:
        index.close()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("jira_create_issue", "jira_create_issue"),
        ("create issue in GitHub", "github_create_issue"),
        ("please open a new ISSUE on jira", "jira_create_issue"),
        ("remove an issue", "jira_delete_issue"),
        ("removing issues", "jira_delete_issue"),
        ("merging pull requests", "githubMergePullRequest"),
        ("shipments", "track_shipment"),
        ("payer", "refund_payment"),
        ("carrier", "track_shipment"),
    ],
)
async def test_the_right_tool_comes_first(index: ToolIndex, query: str, first: str) -> None:
    assert (await names(index, query))[0] == first


async def test_the_names_and_texts_of_nested_arguments_are_found() -> None:
    line: JsonObject = {"type": "object", "properties": {"colour": {"type": "string", "description": "Pantone shade"}}}
    nested = ToolSpec(
        name="order",
        description="",
        schema={"type": "object", "properties": {"lines": {"type": "array", "items": line}, "odd": True}},
    )
    odd = ToolSpec(name="odd", description="", schema={"type": "object", "properties": []})
    for query in ("colour", "pantone", "lines"):
        assert await once([*SPECS, odd, nested], query) == ["order"]


async def test_no_more_than_the_limit_is_found(index: ToolIndex) -> None:
    assert len(await names(index, "issue", 2)) == 2
    assert len(await names(index, "issue jira github shipment payment commits", 50)) == len(SPECS)


@pytest.mark.parametrize("query", ["", "   ", "?!", '"', "zzzz", "\x00", "\ud800", "🙂", "*", "^", "ि"])
async def test_what_fits_nothing_finds_nothing(index: ToolIndex, query: str) -> None:
    assert await names(index, query) == []


@pytest.mark.parametrize(
    "query",
    ['"issue', "issue AND", "NOT issue", "issue NEAR/2 (", "name : issue", "{issue}", "-issue", "issue*", "issue;--"],
)
async def test_operators_are_only_words(index: ToolIndex, query: str) -> None:
    assert set(await names(index, query)) >= {"jira_create_issue", "jira_delete_issue", "github_create_issue"}


async def test_a_very_long_query_is_a_query(index: ToolIndex) -> None:
    assert (await names(index, "shipment " + "word " * 100_000 + "x" * 100_000))[0] == "track_shipment"


_TEXT = st.text() | st.text(alphabet=st.characters(categories=["Cs", "Mn", "Lo", "Cc"])) | st.text('"*^:(){}-+ANDOT')


@given(_TEXT, st.integers(1, 60))
def test_no_query_is_an_error(query: str, limit: int) -> None:
    found = asyncio.run(once(SPECS, query, limit=limit))
    assert len(found) == len(set(found)) <= limit


@given(_TEXT, _TEXT, _TEXT)
def test_no_contract_is_an_error(description: str, argument: str, source: str) -> None:
    odd = ToolSpec(
        name="odd", description=description, source=source, schema={"properties": {argument: {"description": source}}}
    )
    assert asyncio.run(once([odd], "odd", Embedder())) == ["odd"]


async def test_withheld_tools_are_never_found() -> None:
    bad = spec("jira_create_issue_fast", "Create an issue.", withheld="nobody reviewed it")
    query = "jira_create_issue_fast: create an issue, fast"
    for embed in (None, Embedder()):
        assert await once([bad, *SPECS], query, embed, 50) == await once(SPECS, query, embed, 50)


async def test_deprecated_tools_come_after_current_ones() -> None:
    old = spec("jira_create_issue_v1", "Create a new issue.", source="openapi:jira", deprecated="use jira_create_issue")
    found = await once([old, *SPECS], "create a new issue in jira", limit=3)
    assert old.name not in found
    assert (await once([old, *SPECS], "jira create issue v1 shipment"))[-1] == old.name
    assert await once([old], "create issue") == [old.name]


async def test_a_deprecated_tool_that_is_named_in_full_is_found() -> None:
    old = spec("jira_create_issue_v1", "Create a new issue.", deprecated="use jira_create_issue")
    assert await once([old, *SPECS], "I want `jira_create_issue_v1`", limit=2) == ["jira_create_issue", old.name]


async def test_a_tool_whose_name_is_an_everyday_word_is_not_meant_by_everybody() -> None:
    assert (await once([spec("list"), *SPECS], "list the shipment of a carrier: goods on their way"))[
        0
    ] == "track_shipment"


async def test_an_embedder_finds_what_no_word_tells() -> None:
    assert await once(SPECS, "my parcel") == []
    assert (await once(SPECS, "my parcel", Embedder()))[0] == "track_shipment"


async def test_tools_are_embedded_once_in_batches_and_only_when_somebody_searches() -> None:
    many = [spec(f"tool_{number}", "money") for number in range(200)]
    embedder = Embedder()
    index = ToolIndex(many, embedder)
    assert embedder.batches == []
    await asyncio.gather(*(index.find("money") for _ in range(3)))
    assert sorted(embedder.batches, reverse=True) == [96, 96, 8, 1, 1, 1]
    index.close()


async def test_nothing_is_embedded_for_a_query_that_says_nothing() -> None:
    embedder = Embedder()
    assert await once(SPECS, "  ", embedder) == []
    assert embedder.batches == []


async def test_a_failing_embedder_is_done_without_and_tried_again() -> None:
    index = ToolIndex(SPECS, Embedder(failures=1))
    found = await index.find("issue parcel")
    assert {one.name for one in found.tools} == {"jira_create_issue", "jira_delete_issue", "github_create_issue"}
    assert found.trouble == "ConnectionError"
    found = await index.find("issue parcel")
    assert "track_shipment" in [one.name for one in found.tools]
    assert found.trouble == ""
    index.close()


async def too_few(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0]] * (len(texts) - 1)


async def uneven(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0] * (number + 1) for number in range(len(texts))]


async def otherwise(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0] * len(texts) for _ in texts]


async def infinite(texts: Sequence[str]) -> list[list[float]]:
    return [[math.nan] for _ in texts]


@pytest.mark.parametrize("embed", [too_few, uneven, otherwise, infinite])
async def test_vectors_that_cannot_be_compared_are_a_failure(embed: Embed) -> None:
    index = ToolIndex(SPECS, embed)
    found = await index.find("shipment")
    assert ([one.name for one in found.tools], found.trouble) == (["track_shipment"], "ValueError")
    index.close()


def test_rankings_are_fused_by_reciprocal_ranks() -> None:
    assert fused([[1, 2, 3], [3, 2, 4]]) == [3, 2, 1, 4]
    assert fused([[1, 2], [2, 1]]) == [1, 2]
    assert fused([]) == []


@given(st.lists(st.integers(0, 20), unique=True))
def test_one_ranking_is_fused_to_itself(ranking: list[int]) -> None:
    assert fused([ranking]) == ranking
