"""Outputs: what a function's return annotation promises, as a JSON Schema of what `jsonable` writes."""

import contextlib
import types
import typing
import warnings
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Annotated, Any

import msgspec
from pydantic import ConfigDict, PydanticUserError, TypeAdapter
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, PydanticJsonSchemaWarning
from pydantic_core import core_schema

from remit.core.values import JsonObject, JsonValue
from remit.tools.schema import tidy

_LOOSE = ConfigDict(arbitrary_types_allowed=True)
"""So that pydantic leaves structs to us; what else it does not know is refused below."""
_MUTE: tuple[JsonObject, ...] = (
    {},
    {"type": "object"},
    {"type": "object", "additionalProperties": True},
    {"type": "array"},
    {"type": "array", "items": {}},
)
_VALUES = frozenset({"const", "default", "enum", "examples"})
_MAPS = frozenset({"$defs", "patternProperties", "properties"})


def promised(annotation: object) -> JsonObject | None:
    """Give the JSON Schema of what is written of a value of a type; `None` when its type says nothing, or too much.

    Whole numbers beyond 64 bits, NaN and infinities, which are written as text, break the promise.
    """
    kind = _spelled(_awaited(annotation))
    if kind is Any or kind is typing.NoReturn or kind is typing.Never:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        try:
            schema = _adapter(kind).json_schema(schema_generator=_Written, mode="serialization")
        except (PydanticUserError, PydanticUndefinedAnnotation, NameError, TypeError, RecursionError):
            return None
    told = _loosened(tidy(schema))
    return None if told in _MUTE else told


def _awaited(annotation: Any) -> Any:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {Awaitable, Coroutine} and args:
        return args[-1]
    return annotation


def _adapter(kind: Any) -> TypeAdapter[Any]:
    with contextlib.suppress(PydanticUserError):
        return TypeAdapter(kind, config=_LOOSE)
    # A model has a configuration of its own.
    return TypeAdapter(kind)


def _spelled(kind: Any) -> Any:
    """Put our own stand-ins for `TypedDict`s, which pydantic does not take from `typing` before Python 3.12."""
    if typing.is_typeddict(kind):
        return type(kind.__name__, (_Row,), {"row": kind})
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    spelled = tuple(_spelled(arg) for arg in args)
    if origin is None or all(new is old for new, old in zip(spelled, args, strict=True)):
        return kind
    if origin is Annotated:
        return Annotated[(spelled[0], *args[1:])]
    if origin in {typing.Union, types.UnionType}:
        return typing.Union[spelled]  # noqa: UP007 - its members are only known now
    return origin[spelled]


class _Row:
    """Stands for a `TypedDict`."""

    row: Any


class _Written(GenerateJsonSchema):
    """Pydantic's schemas, as corrected by how values are written. A subclass is the way in that pydantic offers."""

    _open: tuple[type, ...] = ()
    _modelled = False
    """Whether a model writes this part, and so keeps to its own serializers and aliases."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return self._within(super().model_schema, schema, modelled=True)

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        modelled = self._modelled or hasattr(schema["cls"], "__pydantic_serializer__")
        return self._within(super().dataclass_schema, schema, modelled=modelled)

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        return self._within(super().typed_dict_schema, schema, modelled=self._modelled)

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return {"type": "string"}

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        cls = schema["cls"]
        if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
            return self._object(cls, cls.__struct_fields__, frozenset(cls.__struct_fields__))
        if isinstance(cls, type) and issubclass(cls, _Row):
            row = cls.row
            return self._object(row, tuple(row.__annotations__), row.__required_keys__)
        return super().is_instance_schema(schema)

    def field_is_present(self, field: Any) -> bool:
        return not field.get("init_only") and super().field_is_present(field)

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,  # noqa: FBT001 - pydantic's signature
    ) -> bool:
        # What has a default is written all the same.
        written = field["type"] != "typed-dict-field" and field.get("serialization_exclude_if") is None
        return written or super().field_is_required(field, total)

    def ser_schema(
        self, schema: "core_schema.SerSchema | core_schema.IncExSeqSerSchema | core_schema.IncExDictSerSchema"
    ) -> JsonSchemaValue | None:
        if schema.get("type") not in {"function-plain", "function-wrap"} or _pydantics(schema.get("function")):
            return super().ser_schema(schema)
        if not self._modelled:
            return None
        # A serializer that does not say what it returns may return anything.
        return {} if schema.get("return_schema") is None else super().ser_schema(schema)

    def _within(
        self, generate: Callable[[Any], JsonSchemaValue], schema: core_schema.CoreSchema, *, modelled: bool
    ) -> JsonSchemaValue:
        before = self._modelled, self.by_alias
        self._modelled = self.by_alias = modelled
        try:
            return generate(schema)
        finally:
            self._modelled, self.by_alias = before

    def _object(self, kind: type, names: Sequence[str], required: Collection[str]) -> JsonSchemaValue:
        """Give the schema of what is written field by field; of one inside itself nothing is said."""
        if kind in self._open:
            return {}
        hints = typing.get_type_hints(kind, include_extras=True)
        before, self._open = self._open, (*self._open, kind)
        try:
            fields = {name: self._field(hints[name]) for name in names}
        finally:
            self._open = before
        wanted = [name for name in names if name in required]
        return {"type": "object", "properties": fields, **({"required": wanted} if wanted else {})}

    def _field(self, hint: Any) -> JsonSchemaValue:
        while typing.get_origin(hint) in {typing.Required, typing.NotRequired}:
            (hint,) = typing.get_args(hint)
        return self.generate_inner(_adapter(_spelled(hint)).core_schema)


def _pydantics(function: object) -> bool:
    """Say whether a serializer is pydantic's own, which writes what the schema of its type says."""
    return getattr(function, "__module__", "").startswith("pydantic")


def _loosened(schema: JsonObject) -> JsonObject:
    """Take out what a value of the type need not keep to once it is written."""
    result: JsonObject = {}
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, dict):
            result[key] = {name: _any(item) for name, item in value.items()}
        elif key in _VALUES:
            result[key] = value
        elif key == "oneOf":
            result["anyOf"] = _any(value)
        elif not _overdone(key, value):
            result[key] = _any(value)
    return result


def _overdone(key: str, value: JsonValue) -> bool:
    # Different members of a set may be written alike, keys are written as text, a subclass has further fields,
    # and RFC 3339 knows neither times without a zone nor spans below zero.
    return (
        key in {"propertyNames", "uniqueItems"}
        or (key == "additionalProperties" and value is False)
        or (key == "format" and value in {"date-time", "duration", "time"})
    )


def _any(node: JsonValue) -> JsonValue:
    if isinstance(node, dict):
        return _loosened(node)
    return [_any(item) for item in node] if isinstance(node, list) else node
