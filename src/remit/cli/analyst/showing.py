"""Showing: what came of a question of an earlier session, such as one that `remit resume` has finished."""

from pathlib import Path

from remit.apps.analyst import finding, left, write
from remit.cli import exits
from remit.cli.analyst.telling import files_json, tell, tell_files
from remit.cli.places import find, stored
from remit.cli.screen import Screen
from remit.core.state import State


async def show(place: str, wanted: str, screen: Screen, folder: str = "") -> int:
    """Tell the answer of a session's last run and write its files; give the exit status of that run.

    Raise `UnknownSessionError` when there is no such session, `ConfigError` when the folder cannot be written to.
    """
    async with stored(place) as store:
        session = await find(store, wanted)
        records = await store.read(session)
        state = State.fold(record.event for record in records)
        last = state.last if state.run is None else None
        parts = left(records) if last else ()
        written = await write(parts, Path(folder or f"analyst-{session}"), store)
    if screen.json:
        status, output, reason = (last.status, last.output, last.reason) if last else ("unfinished", None, "")
        told = {"session": session, "status": status, "output": output, "reason": reason}
        screen.result({**told, "files": files_json(written)})
    elif last is None:
        screen.hint(f"session {session} is not finished; `remit show {session}` says what it waits for")
    elif found := finding(last.output):
        tell(screen, found)
        tell_files(screen, written)
    else:
        screen.hint(f"session {session}: {last.status}" + (f": {last.reason}" if last.reason else ""))
        tell_files(screen, written)
    return exits.BY_STATUS[last.status] if last else exits.WAITING
