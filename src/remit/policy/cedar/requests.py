"""Requests: a call as a question to Cedar. Who asks, for which tool, with which arguments, and how things stand."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from remit.core.messages import Call
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue, Nanos
from remit.policy.cedar.schema import PRINCIPAL, Offer
from remit.policy.cedar.values import UnfitError, decimal, record

_STEP = 100_000
"""Nano-dollars in a ten-thousandth of a dollar, the finest that Cedar can tell apart."""

_encoder = msgspec.json.Encoder()
_canonical = msgspec.json.Encoder(order="sorted")


class Question(msgspec.Struct, frozen=True):
    """A request with the entities it is about."""

    principal: JsonObject
    action: JsonObject
    resource: JsonObject
    context: JsonObject
    entities: list[JsonValue]

    def request(self) -> dict[str, object]:
        """Give the request as the engine takes it."""
        context = _encoder.encode(self.context).decode()
        return {"principal": self.principal, "action": self.action, "resource": self.resource, "context": context}

    def about(self) -> str:
        """Give the entities as the engine takes them."""
        return _encoder.encode(self.entities).decode()


def written(offer: Offer, call: Call, hosts: Iterable[str]) -> JsonObject:
    """Write what is known of a call itself; raise `UnfitError` as `question` does."""
    try:
        text = _canonical.encode(call.args).decode()
    except (UnicodeEncodeError, OverflowError, TypeError) as error:
        raise UnfitError(f"the arguments cannot be written as JSON: {error}") from None
    return {"args": record(offer.args, call.args), "text": text, "hosts": [*hosts]}


def question(offer: Offer, call: Call, hosts: Iterable[str], state: State, at: float) -> Question:
    """Put a call to a tool of these hosts as a question, at a time in seconds since the epoch.

    Raise `UnfitError` for arguments that policies could not judge: they are not what their schema says, or more than
    Cedar holds. The session must be open.
    """
    opened = state.opened
    assert opened is not None
    # A tree is one principal: a rule about a session holds for all that it starts.
    session: JsonObject = {"type": PRINCIPAL, "id": opened.tree.root}
    resource: JsonObject = {"type": offer.type, "id": call.id}
    asked = (*opened.tree.by, *(state.run.by if state.run is not None else ()))
    users: list[JsonValue] = [*dict.fromkeys(asked)]
    entities: list[JsonValue] = [
        {
            "uid": session,
            "attrs": {"tenant": opened.tenant, "agent": opened.agent, "users": users},
            "parents": [{"type": "Agent", "id": opened.agent}, {"type": "Tenant", "id": opened.tenant}],
        },
        {
            "uid": resource,
            "attrs": written(offer, call, hosts),
            "parents": [],
        },
    ]
    action: JsonObject = {"type": "Action", "id": offer.spec.name}
    return Question(session, action, resource, _context(state, opened.tree.depth, at), entities)


def _context(state: State, depth: int, at: float) -> JsonObject:
    run, now = state.run, datetime.fromtimestamp(at, UTC)
    moment = now.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return {
        "at": {"__extn": {"fn": "datetime", "arg": f"{moment}Z"}},
        "depth": depth,
        "hour": now.hour,
        "labels": [*sorted(state.labels)],
        "run_spent_usd": _dollars(run.spent if run is not None else 0),
        "spent_usd": _dollars(state.spent),
        "steps": run.moves if run is not None else 0,
        "weekday": now.isoweekday(),
    }


def _dollars(amount: Nanos) -> JsonObject:
    # Rounded up: what was spent must never look like less.
    return decimal(Decimal(-(-amount // _STEP)) / 10_000)
