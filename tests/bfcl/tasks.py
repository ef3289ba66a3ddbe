"""The tasks of BFCL's `multi_turn_base`: what is said turn by turn, which calls answer it, and what came of them."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from tests.bfcl import backend

from remit.core.messages import Call
from remit.core.values import JsonObject, JsonValue

SET = "BFCL_v4_multi_turn_base.json"

_TYPES = {
    "dict": "object",
    "float": "number",
    "string": "string",
    "integer": "integer",
    "array": "array",
    "boolean": "boolean",
}
"""How BFCL's functions name types, and how JSON Schema does; any other name must be looked at first."""

WIDENED = {("close_ticket", "ticket_id"): ["integer", "string"]}
"""Where a ground truth does not keep to BFCL's own document: the ticket of task 173 is named `ticket_001`."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is known of one of BFCL's functions."""

    name: str
    description: str
    schema: JsonObject
    owner: str
    """The class that has it."""


@dataclass(frozen=True, slots=True)
class Task:
    """A conversation whose every call is known."""

    id: str
    said: tuple[str, ...]
    """What the user says, by turn."""
    turns: tuple[tuple[Call, ...], ...]
    """The calls that answer it, by turn."""
    config: JsonObject
    classes: tuple[str, ...]
    truth: tuple[tuple[str, ...], ...]
    """The calls as BFCL writes them."""

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls, in order."""
        return tuple(call for turn in self.turns for call in turn)

    def documents(self) -> list[Document]:
        """Give the functions that are on offer."""
        return [document for name in self.classes for document in functions(name).values()]


@dataclass(frozen=True, slots=True)
class Truth:
    """What came of a task when BFCL carried it out itself."""

    responses: tuple[str, ...]
    instances: backend.Instances


@cache
def functions(owner: str) -> Mapping[str, Document]:
    """Give the functions of a class by name, in BFCL's order."""
    found: dict[str, Document] = {}
    for row in backend.documents(owner):
        name = str(row["name"])
        schema = {**_schema(cast("JsonObject", row["parameters"])), "additionalProperties": False}
        properties = cast("dict[str, JsonObject]", schema["properties"])
        for argument, part in properties.items():
            part["type"] = cast("JsonValue", WIDENED.get((name, argument), part["type"]))
        found[name] = Document(name, str(row["description"]), schema, owner)
    return found


@cache
def tasks() -> tuple[Task, ...]:
    """Read all tasks with their ground truth."""
    answers = {row["id"]: row["ground_truth"] for row in backend.rows("possible_answer", SET)}
    return tuple(_task(row, cast("list[list[str]]", answers[row["id"]])) for row in backend.rows(SET))


@cache
def truth(task: str) -> Truth:
    """Have BFCL carry out the ground truth of a task."""
    (found,) = (one for one in tasks() if one.id == task)
    responses, instances = backend.carried_out(found.truth, found.config, found.classes, found.id)
    return Truth(tuple(responses), instances)


def _task(row: JsonObject, answer: Sequence[Sequence[str]]) -> Task:
    classes = tuple(cast("list[str]", row["involved_classes"]))
    questions = cast("list[list[dict[str, str]]]", row["question"])
    known = {name: document for owner in classes for name, document in functions(owner).items()}
    return Task(
        id=str(row["id"]),
        said=tuple("\n".join(message["content"] for message in turn) for turn in questions),
        turns=tuple(tuple(parsed(text, known) for text in turn) for turn in answer),
        config=cast("JsonObject", row["initial_config"]),
        classes=classes,
        truth=tuple(tuple(turn) for turn in answer),
    )


def parsed(text: str, known: Mapping[str, Document]) -> Call:
    """Read a call such as `cd('document')`; arguments without a name get theirs from the document, by their place."""
    found = ast.parse(text, mode="eval").body
    assert isinstance(found, ast.Call), text
    assert isinstance(found.func, ast.Name), text
    names = list(cast("JsonObject", known[found.func.id].schema["properties"]))
    args: JsonObject = {names[place]: ast.literal_eval(value) for place, value in enumerate(found.args)}
    for keyword in found.keywords:
        assert keyword.arg is not None, text
        assert keyword.arg not in args, text
        args[keyword.arg] = ast.literal_eval(keyword.value)
    return Call(found.func.id, args)


def _schema(said: JsonObject) -> JsonObject:
    """Turn the description of a value into JSON Schema 2020-12."""
    kind = _TYPES[str(said["type"])]
    schema: JsonObject = {**said, "type": kind}
    if said.get("default") == "None":
        # Written so for Python's `None`, which is then what the method itself falls back to.
        schema |= {"type": [kind, "null"], "default": None}
    if isinstance(said.get("properties"), dict):
        parts = cast("dict[str, JsonObject]", said["properties"])
        properties: dict[str, JsonValue] = {name: _schema(part) for name, part in parts.items()}
        schema["properties"] = properties
    if isinstance(said.get("items"), dict):
        schema["items"] = _schema(cast("JsonObject", said["items"]))
    return schema
