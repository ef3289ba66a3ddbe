"""Signatures: a function's parameters as a JSON Schema for the model and a validator for its arguments."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic.json_schema import PydanticJsonSchemaWarning

from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.tools.injection import Need, Parameters, hints_of, parameters
from remit.tools.outputs import promised
from remit.tools.problems import explain
from remit.tools.schema import tidy

_STRICT = ConfigDict(extra="forbid", protected_namespaces=())


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes: the schema a model sees, and how JSON becomes Python arguments."""

    name: str
    """What the tool is called in messages."""
    description: str
    schema: JsonObject
    names: tuple[str, ...]
    context: str
    """The parameter that receives the `ToolContext`; empty when there is none."""
    needs: tuple[Need, ...]
    """The parameters that a toolset fills in."""
    returns: object
    """The return annotation; `inspect.Signature.empty` without one."""
    read: Callable[[JsonObject], BaseModel]

    @property
    def output(self) -> JsonObject | None:
        """What the return annotation promises; `None` when it says nothing."""
        return None if self.returns is inspect.Signature.empty else promised(self.returns)

    def values(self, args: JsonObject) -> dict[str, Any]:
        """Validate arguments and turn them into keyword arguments; raise pydantic's `ValidationError`."""
        # Fields have made-up names so that a parameter may be called anything, even `copy` or `model_fields`.
        return dict(zip(self.names, self.read(args).__dict__.values(), strict=True))

    def explain(self, error: ValidationError, args: JsonObject) -> str:
        """Say what is wrong with arguments so that a model can mend them."""
        return explain(error, args, self.schema)

    def misfit(self, some: JsonObject) -> str:
        """Say what is wrong with some of the arguments, whatever the others will be; empty when nothing is."""
        try:
            self.read(some)
        except ValidationError as error:
            return explain(error, some, self.schema, partly=True)
        return ""


def signature(function: Callable[..., Any], name: str) -> Signature:
    """Read the signature and docstring of a function; raise `ConfigError` for what a model could not fill in."""
    found, returns = _parameters(function, name)
    hints = found.given
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
    return Signature(
        name=name,
        description=description,
        schema=tidy(schema),
        names=tuple(hints),
        context=found.context,
        needs=found.needs,
        returns=returns,
        read=model.__pydantic_validator__.validate_python,
    )


def _parameters(function: Callable[..., Any], name: str) -> tuple[Parameters, object]:
    """Give each parameter's type and default, who else fills some in, and what is returned."""
    try:
        hints = hints_of(function)
    except (NameError, TypeError) as error:
        raise ConfigError(f"tool {name!r}: an annotation cannot be read: {error}; define or import it first") from error
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise ConfigError(f"tool {name!r}: {parameter} cannot be named by a model; give each argument a name")
        if parameter.name not in hints:
            raise ConfigError(f"tool {name!r}: parameter {parameter.name!r} has no annotation; say what type it is")
    found = parameters(function, hints, f"tool {name!r}")
    return found, hints.get("return", inspect.Signature.empty)


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
