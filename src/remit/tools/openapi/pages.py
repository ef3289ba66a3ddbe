"""Pages: a read that follows its next pages, as a wrapper around the tool of one page.

Source: RFC 8288 for the `Link` header.
"""

import re
from typing import Protocol, assert_never
from urllib.parse import urljoin, urlsplit

import msgspec
from msgspec.structs import replace

from remit.core.errors import ConfigError, RejectedError
from remit.core.ports import Probe, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.openapi.tool import Answer

ARGUMENT = "max_pages"
"""What a model asks for more pages with."""

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w!#$%&'*+.^`|~-]+\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


class LinkPages(msgspec.Struct, frozen=True, kw_only=True):
    """The next page is named by the header `Link: <url>; rel="next"`."""

    items: str = ""
    """Where the items are in an answer, such as `data.list`; the answer itself when empty."""
    most: int = 10
    """Pages that one call follows at most."""


class CursorPages(msgspec.Struct, frozen=True, kw_only=True):
    """An answer holds a cursor, which is an argument of the next call."""

    argument: str
    next: str
    """Where the cursor is in an answer, such as `meta.next_cursor`; the last page has none there."""
    items: str = ""
    most: int = 10


class NumberedPages(msgspec.Struct, frozen=True, kw_only=True):
    """Pages have numbers, until one is empty."""

    argument: str = "page"
    first: int = 1
    items: str = ""
    most: int = 10


Pages = LinkPages | CursorPages | NumberedPages


class PageTool(Protocol):
    """A tool that gives one page with what leads to the next."""

    @property
    def spec(self) -> ToolSpec:
        """The contract."""
        ...

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments; empty when nothing is."""
        ...

    async def answer(self, args: JsonObject, context: ToolContext, following: str = "") -> Answer:
        """Give one page; `following` is the URL of a next one on the same server."""
        ...


class _Next(msgspec.Struct, frozen=True):
    """What leads to the next page: another argument, or a URL."""

    args: JsonObject
    url: str = ""
    shown: JsonValue = None
    """The argument's value, from which a model may go on."""


class Paged:
    """Reads up to `max_pages` pages in one call and gives `items`, `pages` read and whether there is `more`."""

    def __init__(self, tool: PageTool, pages: Pages) -> None:
        """Take the tool of one page; raise `ConfigError` for one that is no read or lacks the argument."""
        self._tool, self._pages = tool, pages
        self._spec = _spec(tool.spec, pages)

    @property
    def spec(self) -> ToolSpec:
        """The contract: that of one page, and `max_pages`."""
        return self._spec

    def check(self, args: JsonObject) -> str:
        """Say what is wrong with these arguments; empty when nothing is."""
        wanted = args.get(ARGUMENT, 1)
        problems = self._tool.check({name: value for name, value in args.items() if name != ARGUMENT})
        if not isinstance(wanted, int) or isinstance(wanted, bool) or not 1 <= wanted <= self._pages.most:
            problem = f"{ARGUMENT}: should be a whole number from 1 to {self._pages.most}"
            return f"{problem}\n{problems}" if problems else problem
        return problems

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Read the pages one after the other; raise `RejectedError` or `ToolError` when one cannot be had."""
        problems = self.check(args)
        if problems:
            raise RejectedError(problems)
        wanted = args.get(ARGUMENT, 1)
        assert isinstance(wanted, int)
        first = {name: value for name, value in args.items() if name != ARGUMENT}
        following: _Next | None = _Next(first)
        items: list[JsonValue] = []
        read = 0
        while following is not None and read < wanted:
            answer = await self._tool.answer(following.args, context, following.url)
            page = _items(answer, self._pages.items)
            items += page
            read += 1
            following = self._next(following, answer, page)
        result: JsonObject = {"items": items, "pages": read, "more": following is not None}
        if following is not None and following.shown is not None:
            result["next"] = following.shown
        return result

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Say that it cannot be told; a read needs no probe."""
        return None

    def _next(self, now: _Next, answer: Answer, page: list[JsonValue]) -> _Next | None:
        match self._pages:
            case LinkPages():
                url = next_link(answer)
                return _Next(now.args, url) if url and url != now.url else None
            case CursorPages(argument=argument, next=place):
                cursor = _at(answer.output, place)
                if cursor in (None, "", False) or cursor == now.args.get(argument):
                    return None
                return _Next({**now.args, argument: cursor}, shown=cursor)
            case NumberedPages(argument=argument, first=first):
                number = now.args.get(argument, first)
                if not page or not isinstance(number, int):
                    return None
                return _Next({**now.args, argument: number + 1}, shown=number + 1)
            case _:
                assert_never(self._pages)


def next_link(answer: Answer) -> str:
    """Give the URL of the next page, empty when this is the last; raise `RejectedError` when it is elsewhere."""
    for found in _LINK.finditer(answer.headers.get("link", "")):
        rel = _REL.search(found[2])
        if rel is not None and "next" in (rel[1] or rel[2] or "").lower().split():
            url = urljoin(answer.url, found[1])
            if _origin(url) != _origin(answer.url):
                # The credentials are for this server only.
                raise RejectedError("the next page is on another server, which is not followed; ask for fewer pages")
            return url
    return ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _items(answer: Answer, place: str) -> list[JsonValue]:
    found = _at(answer.output, place) if place else answer.output
    match found:
        case list():
            return found
        case None:
            return []
        case _:
            what = repr(place) if place else "the answer"
            raise RejectedError(f"{what} is no list, so its pages cannot be joined; leave {ARGUMENT} out")


def _at(value: JsonValue, place: str) -> JsonValue:
    for name in place.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _spec(spec: ToolSpec, pages: Pages) -> ToolSpec:
    properties = spec.schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    if spec.effect != "read":
        raise ConfigError(f"tool {spec.name!r} is {spec.effect!r}; only a read has pages to follow")
    if ARGUMENT in known:
        raise ConfigError(f"tool {spec.name!r} has an argument {ARGUMENT!r} of its own; leave out `pages`")
    if not isinstance(pages, LinkPages) and pages.argument not in known:
        raise ConfigError(f"tool {spec.name!r} has no argument {pages.argument!r}; known: {', '.join(known)}")
    if pages.most < 1:
        raise ConfigError(f"tool {spec.name!r}: `most` pages is 1 or more, not {pages.most}")
    argument: JsonObject = {
        "type": "integer",
        "minimum": 1,
        "maximum": pages.most,
        "default": 1,
        "description": "How many pages to read and join at most.",
    }
    return replace(spec, schema={**spec.schema, "properties": {**known, ARGUMENT: argument}})
