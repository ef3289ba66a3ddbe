"""Options: what can be declared of a function tool beyond its function, and what cannot be kept of it."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, TypedDict, cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.limits import Flow
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue, nanos
from remit.tools.signature import Signature

Reconcile = Callable[..., Any]
"""Asks the world by idempotency key, and if it wants by arguments too, whether a call happened.

Returns the result, or `None` when it did not happen; raises when it cannot be told. Async or sync. It may be injected
into, and be given the `ToolContext`, like the function.
"""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_HOST = re.compile(r"([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d{1,5})?")
_LABEL = re.compile(r"[\w.:/-]+")
_EFFECTS = frozenset({"read", "idempotent", "once"})
_FLAGS = ("dangerous", "deferred")
_TEXTS = ("name", "description", "fallback", "version", "owner", "deprecated")
_LISTS = ("hosts", "labels")


class ToolOptions(TypedDict, total=False):
    """What can be declared of a tool beyond its function."""

    name: str
    description: str
    effect: Literal["read", "idempotent", "once"]
    """What may be done after a crash: repeat, repeat with the same key, or ask. `once` unless told otherwise."""
    price: float
    """Dollars that one call costs at most."""
    timeout: float
    """Seconds for one attempt."""
    retries: int
    fallback: str
    """Name of the tool that takes the same arguments when this one failed."""
    degraded: JsonValue
    """What the model is given, marked as such, when the tool and its fallback failed."""
    reconcile: Reconcile
    doubt: Literal["wait", "tell"]
    """When nobody can say whether a call happened: wait for a person, or tell the model and go on."""
    dangerous: bool
    flow: Flow
    """How fast and how many at once it may be called."""
    hosts: Collection[str]
    """The hosts it calls, such as `api.example.com`: tools of one host share its breaker and its flow."""
    labels: Collection[str]
    """What its answers are, such as `confidential`; a session that was given one carries them from then on."""
    dry_run: JsonObject
    """Arguments with which a call changes nothing, for contract tests; they are laid over the others."""
    deferred: bool
    """Not offered before a search has found it."""
    deprecated: str
    """Why it should no longer be used, and what instead."""
    output: bool | JsonObject
    """`False` to promise nothing of the answer, `True` to insist on what the return annotation says, or a JSON Schema
    of your own. Left out, the annotation is used where it says something."""
    version: str
    owner: str
    """Who answers for it: a team or a person."""


def contract(name: str, signature: Signature, needs: tuple[str, ...], options: ToolOptions) -> ToolSpec:
    """Make the contract of a function; raise `ConfigError` for what cannot be kept."""
    for problem in odd(options, ToolOptions.__annotations__):
        raise ConfigError(f"tool {name!r}: {problem}")
    spec = ToolSpec(
        name=name,
        description=options.get("description") or signature.description,
        schema=signature.schema,
        output=_output(signature, options),
        effect=options.get("effect", "once"),
        price=nanos(options.get("price", 0.0)),
        timeout=options.get("timeout", 30.0),
        retries=options.get("retries", 2),
        fallback=options.get("fallback", ""),
        degraded=options.get("degraded"),
        doubt=options.get("doubt", "wait"),
        dangerous=options.get("dangerous", False),
        reconciles="reconcile" in options,
        flow=options.get("flow"),
        hosts=tuple(host.lower() for host in options.get("hosts", ())),
        labels=tuple(options.get("labels", ())),
        dry_run=options.get("dry_run"),
        deferred=options.get("deferred", False),
        deprecated=options.get("deprecated", ""),
        needs=needs,
        version=options.get("version", "1"),
        owner=options.get("owner", ""),
    )
    for problem in problems(spec):
        raise ConfigError(f"tool {name!r}: {problem}")
    if spec.dry_run is not None:
        _check_dry_run(spec, signature)
    return spec


def problems(spec: ToolSpec) -> list[str]:
    """Say what of a contract cannot be kept."""
    rules = {
        "a name has 1 to 64 letters, digits, _ or -; give `name=`": _NAME.fullmatch(spec.name) is not None,
        f"effect is one of {', '.join(sorted(_EFFECTS))}, not {spec.effect!r}": spec.effect in _EFFECTS,
        f"doubt is wait or tell, not {spec.doubt!r}": spec.doubt in {"wait", "tell"},
        "price is in dollars and not below 0": spec.price >= 0,
        "timeout is in seconds and above 0": spec.timeout > 0,
        "retries is not below 0": spec.retries >= 0,
        "it cannot be its own fallback": spec.fallback != spec.name,
        "degraded, dry_run and output must be plain JSON": _plain([spec.degraded, spec.dry_run, spec.output]),
    }
    found = [problem for problem, holds in rules.items() if not holds]
    found += [
        f"{host!r} is no host; give its name, such as api.example.com, without a scheme or a path"
        for host in spec.hosts
        if not _HOST.fullmatch(host)
    ]
    found += [f"{label!r} is no label; give a word, such as confidential" for label in spec.labels if not _word(label)]
    return found


def odd(given: Mapping[str, object], known: Collection[str]) -> list[str]:
    """Say which options there are not, or are of another type than they should be: neither would be noticed."""
    found = [f"there is no option {name!r}; there are: {', '.join(known)}" for name in given if name not in known]
    found += [f"{name} is True or False, not {given[name]!r}" for name in _FLAGS if not _is(given, name, bool)]
    found += [f"{name} is a text, not {given[name]!r}" for name in _TEXTS if not _is(given, name, str)]
    found += [f"{name} is a list of texts, not {given[name]!r}" for name in _LISTS if not _texts(given.get(name, ()))]
    if given.get("flow") is not None and not isinstance(given["flow"], Flow):
        found.append(f"flow is a `Flow`, not {given['flow']!r}")
    if not isinstance(given.get("output", False), (bool, dict)):
        found.append(f"output is True, False or a JSON Schema, not {given['output']!r}")
    if given.get("dry_run") is not None and not isinstance(given["dry_run"], dict):
        found.append(f"dry_run is an object of arguments, not {given['dry_run']!r}")
    return found


def _is(given: Mapping[str, object], name: str, kind: type) -> bool:
    return name not in given or isinstance(given[name], kind)


def _texts(value: object) -> bool:
    if isinstance(value, str) or not isinstance(value, Collection):
        return False
    return all(isinstance(item, str) for item in cast("Collection[object]", value))


def _word(label: str) -> bool:
    return _LABEL.fullmatch(label) is not None


def _plain(value: JsonValue) -> bool:
    try:
        return msgspec.json.decode(msgspec.json.encode(value)) == value
    except (TypeError, ValueError, RecursionError):
        return False


def _output(signature: Signature, options: ToolOptions) -> JsonObject | None:
    wanted = options.get("output")
    if isinstance(wanted, dict):
        return wanted
    if wanted is False:
        return None
    derived = signature.output
    if wanted and derived is None:
        raise ConfigError(
            f"tool {signature.name!r}: its return annotation says nothing of the output; "
            "annotate a model, a dataclass, a TypedDict or the like, or give `output=` a JSON Schema"
        )
    return derived


def _check_dry_run(spec: ToolSpec, signature: Signature) -> None:
    assert spec.dry_run is not None
    problem = signature.misfit(spec.dry_run)
    if problem:
        raise ConfigError(f"tool {spec.name!r}: dry_run does not fit its arguments: {problem}")
