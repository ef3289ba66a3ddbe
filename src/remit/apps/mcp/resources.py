"""Resources: the sessions of the served agents, as timelines that a person or a model can read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import mcp_types as types
from mcp.shared.exceptions import MCPError

from remit.apps.mcp.port import Line, Sessions
from remit.core.events import Record, SessionOpened
from remit.telemetry import Timeline, line

PLACE = "remit://sessions/"
_PAGE = 50
_REACH = 1000
"""Sessions of one agent that can be listed, the newest."""
_ROWS = 2000
"""Rows of a timeline that are told, the last."""


@dataclass(frozen=True, slots=True)
class SessionResources:
    """The sessions of some agents."""

    agents: Sequence[str]

    async def listed(self, sessions: Sessions, cursor: str | None) -> types.ListResourcesResult:
        """List sessions, newest first; raise `MCPError` for a cursor that we did not give."""
        rows: list[Line] = []
        for agent in dict.fromkeys(self.agents):
            rows += await sessions.lines(agent, _REACH)
        rows.sort(key=_place, reverse=True)
        after = _read(cursor)
        left = [row for row in rows if after is None or _place(row) < after]
        page = left[:_PAGE]
        more = f"{page[-1].opened}.{page[-1].id}" if len(left) > _PAGE else None
        return types.ListResourcesResult(resources=[_told(row) for row in page], next_cursor=more)

    async def read(self, sessions: Sessions, uri: str) -> types.ReadResourceResult:
        """Tell what happened in a session; raise `MCPError` when there is none, or none of ours."""
        name = uri.removeprefix(PLACE)
        records = await sessions.records(name) if uri.startswith(PLACE) and name else ()
        if not self._ours(records):
            # The same for what is not there and what is not theirs to see.
            raise MCPError(types.INVALID_PARAMS, "no such resource", {"uri": uri})
        timeline = Timeline()
        rows = [row for record in records if (row := timeline.see(record)) is not None]
        lines = (
            [f"... {len(rows) - _ROWS} rows before", *map(line, rows[-_ROWS:])]
            if len(rows) > _ROWS
            else map(line, rows)
        )
        text = types.TextResourceContents(uri=uri, mime_type="text/plain", text="\n".join(lines))
        return types.ReadResourceResult(contents=[text])

    def templates(self) -> types.ListResourceTemplatesResult:
        """Say how a session is named."""
        said = "What happened in a session of an agent that is served here."
        one = types.ResourceTemplate(
            uri_template=f"{PLACE}{{session}}", name="session", description=said, mime_type="text/plain"
        )
        return types.ListResourceTemplatesResult(resource_templates=[one])

    def _ours(self, records: Sequence[Record]) -> bool:
        first = records[0].event if records else None
        return isinstance(first, SessionOpened) and first.agent in self.agents


def _place(row: Line) -> tuple[int, str]:
    return row.opened, row.id


def _read(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    opened, dot, name = cursor.partition(".")
    if not (dot and opened.isdecimal() and len(opened) < 16):
        raise MCPError(types.INVALID_PARAMS, "no such cursor; begin again without one")
    return int(opened), name


def _told(row: Line) -> types.Resource:
    at = datetime.fromtimestamp(row.opened / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    said = f"{row.status}{f': {row.why}' if row.why else ''}; opened {at} UTC"
    return types.Resource(
        uri=f"{PLACE}{row.id}", name=f"{row.agent} {row.id}", description=said[:500], mime_type="text/plain"
    )
