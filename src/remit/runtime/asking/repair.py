"""Repair: JSON as models really write it, mended only where there is one way to read it.

The order: strict JSON; one value inside a code fence or prose; a text that lacks nothing but its closing brackets; and
JSON with a foreign accent (single quotes, comments, trailing commas, unquoted keys). A value that was cut off in the
middle is never completed: half a path or half a list of arguments is a different wish. Time is linear in the text.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import jiter
import json_repair
import msgspec

from remit.core.values import Frozen, JsonValue
from remit.runtime.payload import plain

_REPAIR_CAP = 16_000
"""Characters up to which the last resort is tried; it is slower than linear on hostile text."""
_STARTS = 16
"""Places in prose at which a value may begin."""
_FENCE = re.compile(r"```[^\n`]*+\n(.*?)```", re.DOTALL)
_OPEN_FENCE = re.compile(r"\A\s*```[^\n`]*+\n")
_OPENING = re.compile(r"[\[{]")
# A string that never ends is one token too, or else each quote in it would be tried as a beginning.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_CLOSES = {"{": "}", "[": "]"}
_WHOLE = ('"', "}", "]", "true", "false", "null")
"""How a text may end so that its last value is whole; a number may have lost digits."""


class Read(Frozen, frozen=True):
    """What was read: a value, or the problem in one line that a model can act on."""

    value: JsonValue
    problem: str = ""
    repaired: bool = False
    """Whether it took more than a strict parse."""


def read_json(text: str, *, cap: int = 200_000, depth: int = 64) -> Read:
    """Read a JSON value of at most `cap` characters and `depth` nested containers; never raise.

    Of a text that only lacks closing brackets nobody can know whether more arguments were to come: when the model was
    cut off at a length, do not act on a value that is `repaired`.
    """
    if len(text) > cap:
        return Read(None, f"the JSON is {len(text)} characters long; at most {cap} are read")
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        return _too_deep(depth)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        return _mended(text, depth, str(error))
    return _bounded(value, depth, repaired=False)


def _mended(text: str, depth: int, complaint: str) -> Read:
    found = _distinct(_embedded(text))
    if len(found) > 1:
        return Read(None, f"there are {len(found)} JSON values in the text; send exactly one and nothing else")
    body = _body(text)
    if not found and _missing(body) and _is_beginning(body):
        found = _strict(body + _missing(body)) if body.endswith(_WHOLE) else []
        if not found:
            return Read(None, "the JSON is cut off or broken before its end; send it again as a whole, shorter if long")
    found = found or _accented(body)
    if found:
        read = _bounded(found[0], depth, repaired=True)
        return read if _is_utf8(read.value) else Read(plain(read.value), repaired=True)
    return Read(None, f"this is not valid JSON: {complaint}; send one JSON value and nothing else")


def _embedded(text: str) -> list[Any]:
    """Find whole values inside code fences, or else in prose."""
    fenced = [value for body in _FENCE.findall(text) for value in _strict(body)]
    return fenced or list(_scan(text))


def _scan(text: str) -> Iterator[Any]:
    place = 0
    for _ in range(_STARTS):
        opening = _OPENING.search(text, place)
        if opening is None:
            return
        start = opening.start()
        if _is_part(text, start):
            return
        try:
            value, place = _decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            # What is inside of a broken value is a part of it, so the search goes on behind its end.
            place = _end(text, start)
            if place < 0:
                return
            continue
        if text[place : place + 64].lstrip().startswith((",", ":", '"')):
            return
        yield value


def _end(text: str, start: int) -> int:
    """Find where the bracket at `start` is closed; -1 when it is not."""
    level = 0
    for token in _TOKEN.finditer(text, start):
        bracket = token[0]
        if bracket in "[{":
            level += 1
        elif bracket in "]}":
            level -= 1
            if level == 0:
                return token.end()
    return -1


def _body(text: str) -> str:
    """Take away the fence and the prose before the first bracket."""
    fences = _FENCE.findall(text)
    inside = fences[0] if len(fences) == 1 else _OPEN_FENCE.sub("", text)
    opening = _OPENING.search(inside)
    if opening is None or _is_part(inside, opening.start()):
        return ""
    return inside[opening.start() :].rstrip()


def _is_part(text: str, start: int) -> bool:
    """Say whether what begins here belongs to a larger value that we do not have the beginning of."""
    return text[max(start - 64, 0) : start].rstrip().endswith(('":', '",'))


def _missing(body: str) -> str:
    """Give the brackets that would close a text; `?` when it ends inside a string."""
    stack: list[str] = []
    for token in _TOKEN.finditer(body):
        match token[0]:
            case "{" | "[" as opening:
                stack.append(_CLOSES[opening])
            case "}" | "]" as closing:
                if not stack or stack.pop() != closing:
                    return ""
            case string if len(string) < 2 or not string.endswith('"') or _ends_escaped(string):
                return "?"
            case _:
                pass
    return "".join(reversed(stack))


def _ends_escaped(string: str) -> bool:
    stem = string[1:-1]
    return (len(stem) - len(stem.rstrip("\\"))) % 2 == 1


def _is_beginning(body: str) -> bool:
    """Say whether a text may be the beginning of valid JSON; jiter overlooks what follows a value without a comma."""
    try:
        jiter.from_json(body.encode("utf-8", "replace"), partial_mode="trailing-strings", cache_mode="none")
    except ValueError:
        return False
    return True


def _accented(body: str) -> list[Any]:
    """Read what looks like JSON but for its syntax, from the first bracket to the last."""
    end = body.rfind(_CLOSES.get(body[:1], "}")) + 1
    if not end or len(body) > _REPAIR_CAP or _OPENING.search(body, end) or not _looks_whole(body[:end]):
        return []
    try:
        value = json_repair.repair_json(body[:end], return_objects=True, skip_json_loads=True, strict=True)
    except Exception:  # noqa: BLE001 - a lenient parser on hostile text may trip over anything
        return []
    return [value] if value and isinstance(value, dict if body[0] == "{" else list) else []


def _looks_whole(body: str) -> bool:
    """Say whether brackets and quotes come in pairs: the lenient parser would make up what is missing."""
    return not _missing(body) and _TOKEN.sub("", body).count("'") % 2 == 0


def _strict(text: str) -> list[Any]:
    try:
        return [msgspec.json.decode(text)]
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return []


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def _distinct(values: list[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _bounded(value: JsonValue, depth: int, *, repaired: bool) -> Read:
    level = [value]
    for _ in range(depth + 1):
        nested = [item for item in level if isinstance(item, dict | list)]
        if not nested:
            return Read(value, "", repaired)
        level = [inner for item in nested for inner in (item.values() if isinstance(item, dict) else item)]
    return _too_deep(depth)


def _is_utf8(value: JsonValue) -> bool:
    """Say whether no text in it holds half a character, which lenient parsers let through and no journal can hold."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return False
    return True


def _too_deep(depth: int) -> Read:
    return Read(None, f"the JSON is nested more than {depth} deep; make it flatter")
