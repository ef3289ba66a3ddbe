"""Signatures: a function's parameters as a JSON Schema for the model and a validator for its arguments."""

import inspect
import typing
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.json_schema import PydanticJsonSchemaWarning

from remit.core.errors import ConfigError
from remit.core.ports import ToolContext
from remit.core.values import JsonObject
from remit.tools.problems import explain
from remit.tools.schema import tidy

_STRICT = ConfigDict(extra="forbid", protected_namespaces=())


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes: the schema a model sees, and how JSON becomes Python arguments."""

    description: str
    schema: JsonObject
    names: tuple[str, ...]
    context: str
    """The parameter that receives the `ToolContext`; empty when there is none."""
    read: Callable[[JsonObject], BaseModel]

    def values(self, args: JsonObject) -> dict[str, Any]:
        """Validate arguments and turn them into keyword arguments; raise pydantic's `ValidationError`."""
        # Fields have made-up names so that a parameter may be called anything, even `copy` or `model_fields`.
        return dict(zip(self.names, self.read(args).__dict__.values(), strict=True))

    def explain(self, error: ValidationError, args: JsonObject) -> str:
        """Say what is wrong with arguments so that a model can mend them."""
        return explain(error, args, self.schema)


def signature(function: Callable[..., Any], name: str) -> Signature:
    """Read the signature and docstring of a function; raise `ConfigError` for what a model could not fill in."""
    hints, context = _parameters(function, name)
    fields: dict[str, Any] = {
        f"a{place}": (
            Annotated[hint, Field(alias=parameter, validation_alias=parameter, serialization_alias=parameter)],
            ... if default is inspect.Parameter.empty else default,
        )
        for place, (parameter, (hint, default)) in enumerate(hints.items())
    }
    try:
        model = create_model("Arguments", __config__=_STRICT, **fields)
        schema = _schema(model)
    except (PydanticUserError, PydanticUndefinedAnnotation) as error:
        raise ConfigError(f"tool {name!r}: {_blame(hints)}{error.message}") from error
    description, documented = _documentation(function)
    properties = schema.setdefault("properties", {})
    assert isinstance(properties, dict)
    for parameter, text in documented.items():
        place = properties.get(parameter)
        if isinstance(place, dict):
            place.setdefault("description", text)
    return Signature(description, tidy(schema), tuple(hints), context, model.__pydantic_validator__.validate_python)


def _parameters(function: Callable[..., Any], name: str) -> tuple[dict[str, tuple[Any, Any]], str]:
    """Give each parameter's type and default, and the name of the one that takes the context."""
    try:
        hints = typing.get_type_hints(_annotated(function), include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"tool {name!r}: an annotation cannot be read: {error}; define or import it first") from error
    found: dict[str, tuple[Any, Any]] = {}
    context = ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise ConfigError(f"tool {name!r}: {parameter} cannot be named by a model; give each argument a name")
        hint = hints.get(parameter.name, parameter.empty)
        if hint is parameter.empty:
            raise ConfigError(f"tool {name!r}: parameter {parameter.name!r} has no annotation; say what type it is")
        if hint is ToolContext or ToolContext in typing.get_args(hint):
            context = parameter.name
        else:
            found[parameter.name] = (hint, parameter.default)
    return found, context


def _annotated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the function that carries the annotations: a callable object's is its `__call__`."""
    return function if inspect.isroutine(function) else type(function).__call__


def _schema(model: type[BaseModel]) -> JsonObject:
    with warnings.catch_warnings():
        # A default that JSON cannot say is left out of the schema; the function still has it.
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        return model.model_json_schema()


def _blame(hints: Mapping[str, tuple[Any, Any]]) -> str:
    """Name the parameter whose type pydantic cannot use."""
    for name, (hint, _) in hints.items():
        try:
            TypeAdapter(hint).json_schema()
        except (PydanticUserError, PydanticUndefinedAnnotation):
            return f"parameter {name!r} has a type that cannot be told to a model: "
    return ""


def _documentation(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Give the description and the parameters' own, whatever the docstring's style."""
    text = inspect.getdoc(function) if inspect.isroutine(function) else inspect.getdoc(type(function))
    if not text:
        return "", {}
    parsed = docstring_parser.parse(text)
    params = {item.arg_name: item.description for item in parsed.params if item.description}
    return (parsed.description or "").strip(), params
