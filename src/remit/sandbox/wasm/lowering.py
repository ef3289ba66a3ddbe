"""Lowering: functions of the host as components call them, with values as bytes and classes of this module.

The library's own way takes a microsecond for every byte, and finds out which case of a result is meant by a set that
all threads share.
"""
# The library's names for the C interface have no public door, and no types.
# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wasmtime import Config, WasmtimeError, _ffi
from wasmtime.component import LinkerInstance

from remit.sandbox.wasm.wire import EndedError

Function = Callable[..., object]


@dataclass(frozen=True, slots=True)
class U32:
    """A small number; a plain one has 64 bits."""

    value: int


@dataclass(frozen=True, slots=True)
class Case:
    """A case of an enumeration, or with a value of a variant."""

    name: str
    value: object = None
    variant: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """A resource that the component gets."""

    number: int
    kind: int


@dataclass(frozen=True, slots=True)
class Ok:
    """The good result."""

    value: object = None


@dataclass(frozen=True, slots=True)
class Err:
    """The bad result."""

    value: Case


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value, or none."""

    value: object = None


_Value = _ffi.wasmtime_component_val_t
_STRIDE = ctypes.sizeof(_Value)
_AT = _Value.of.offset
_KIND: int = _ffi.WASMTIME_COMPONENT_U8.value
_MOST = 10_000
"""Items of a list other than bytes: nothing interrupts the host while it reads them."""
_none = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()


def sequential(config: Config) -> None:
    """Have components do one thing at a time.

    Where they could do more, version 50 ends every program that gives two resources to one function of the host.
    """
    _ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), False)  # noqa: FBT003
    _ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)  # noqa: FBT003


def add(instance: LinkerInstance, functions: Mapping[str, Function]) -> list[object]:
    """Define functions; what is given back must live as long as they may be called."""
    kept: list[object] = []
    for name, function in functions.items():
        callback = _ffi.wasmtime_component_func_callback_t(_callback(function))
        encoded = name.encode()
        buffer = ctypes.create_string_buffer(encoded)
        error = _ffi.wasmtime_component_linker_instance_add_func(
            instance.ptr(), buffer, len(encoded), callback, None, _none
        )
        if error:
            raise WasmtimeError._from_ptr(error)
        kept.append(callback)
    return kept


def _callback(function: Function) -> Callable[..., int]:
    def called(*call: Any) -> int:
        _data, context, _type, given, count, results, wanted = call
        try:
            result = function(*[_lifted(context, given[place]) for place in range(count)])
            if wanted:
                _lower(context, result, results[0])
        except EndedError:
            return _error("ended")
        except Exception as error:  # noqa: BLE001  (whatever it is, it ends this program and no other)
            return _error(f"the host failed: {error!r}")
        return 0

    return called


def _error(message: str) -> int:
    return ctypes.cast(WasmtimeError(message)._consume(), ctypes.c_void_p).value or 0


def _lifted(context: Any, value: Any) -> object:
    kind, of = value.kind, value.of
    if kind == _ffi.WASMTIME_COMPONENT_STRING.value:
        return _text(of.string)
    if kind == _ffi.WASMTIME_COMPONENT_LIST.value:
        return _list(context, of.list)
    if kind == _ffi.WASMTIME_COMPONENT_RESOURCE.value:
        return _number(context, of.resource)
    if kind == _ffi.WASMTIME_COMPONENT_FLAGS.value:
        return frozenset(_text(of.flags.data[place]) for place in range(of.flags.size))
    if kind == _ffi.WASMTIME_COMPONENT_U64.value:
        return of.u64
    # Of the functions here none reads any other.
    return None


def _text(name: Any) -> str:
    return ctypes.string_at(name.data, name.size).decode() if name.size else ""


def _list(context: Any, items: Any) -> object:
    if items.size and items.data[0].kind != _KIND:
        if items.size > _MOST:
            raise EndedError
        return [_lifted(context, items.data[place]) for place in range(items.size)]
    return ctypes.string_at(items.data, items.size * _STRIDE)[_AT::_STRIDE] if items.size else b""


def _number(context: Any, resource: Any) -> int:
    host = ctypes.POINTER(_ffi.wasmtime_component_resource_host_t)()
    error = _ffi.wasmtime_component_resource_any_to_host(context, resource, ctypes.byref(host))
    if error:
        raise WasmtimeError._from_ptr(error)
    try:
        return _ffi.wasmtime_component_resource_host_rep(host)
    finally:
        _ffi.wasmtime_component_resource_host_delete(host)


def _lower(context: Any, value: object, out: Any) -> None:  # noqa: C901  (one branch a kind)
    match value:
        case bool():
            out.kind, out.of.boolean = _ffi.WASMTIME_COMPONENT_BOOL, value
        case int():
            out.kind, out.of.u64 = _ffi.WASMTIME_COMPONENT_U64, value
        case U32(number):
            out.kind, out.of.u32 = _ffi.WASMTIME_COMPONENT_U32, number
        case str():
            out.kind, out.of.string = _ffi.WASMTIME_COMPONENT_STRING, _ffi.str_to_capi(value)
        case bytes():
            _lower_bytes(value, out)
        case Own(number, kind):
            _lower_own(context, number, kind, out)
        case Case():
            _lower_case(context, value, out)
        case Ok() | Err():
            inner = _boxed(context, value.value)
            out.kind, out.of.result.is_ok = _ffi.WASMTIME_COMPONENT_RESULT, isinstance(value, Ok)
            out.of.result.val = inner
        case Maybe(inside):
            inner = _boxed(context, inside)
            out.kind, out.of.option = _ffi.WASMTIME_COMPONENT_OPTION, inner
        case frozenset():
            _lower_flags(value, out)
        case _:
            _lower_many(context, value, out)


def _boxed(context: Any, value: object) -> Any:
    if value is None:
        return None
    raw = _Value()
    _lower(context, value, raw)
    return _ffi.wasmtime_component_val_new(ctypes.byref(raw))


def _lower_bytes(data: bytes, out: Any) -> None:
    raw = _ffi.wasmtime_component_vallist_t()
    _ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(raw), len(data))
    spread = bytearray(_STRIDE * len(data))
    spread[0::_STRIDE] = bytes([_KIND]) * len(data)
    spread[_AT::_STRIDE] = data
    if data:
        ctypes.memmove(raw.data, bytes(spread), len(spread))
    out.kind, out.of.list = _ffi.WASMTIME_COMPONENT_LIST, raw


def _lower_own(context: Any, number: int, kind: int, out: Any) -> None:
    host = _ffi.wasmtime_component_resource_host_new(True, number, kind)  # noqa: FBT003
    resource = ctypes.POINTER(_ffi.wasmtime_component_resource_any_t)()
    error = _ffi.wasmtime_component_resource_host_to_any(context, host, ctypes.byref(resource))
    _ffi.wasmtime_component_resource_host_delete(host)
    if error:
        raise WasmtimeError._from_ptr(error)
    out.kind, out.of.resource = _ffi.WASMTIME_COMPONENT_RESOURCE, resource


def _lower_case(context: Any, case: Case, out: Any) -> None:
    if not case.variant:
        out.kind, out.of.enumeration = _ffi.WASMTIME_COMPONENT_ENUM, _ffi.str_to_capi(case.name)
        return
    inner = _boxed(context, case.value)
    out.kind, out.of.variant.discriminant = _ffi.WASMTIME_COMPONENT_VARIANT, _ffi.str_to_capi(case.name)
    out.of.variant.val = inner


def _lower_flags(names: frozenset[str], out: Any) -> None:
    raw = _ffi.wasmtime_component_valflags_t()
    _ffi.wasmtime_component_valflags_new_uninit(ctypes.byref(raw), len(names))
    for place, name in enumerate(sorted(names)):
        raw.data[place] = _ffi.str_to_capi(name)
    out.kind, out.of.flags = _ffi.WASMTIME_COMPONENT_FLAGS, raw


def _lower_many(context: Any, value: object, out: Any) -> None:
    match value:
        case list():
            raw = _ffi.wasmtime_component_vallist_t()
            _ffi.wasmtime_component_vallist_new_uninit(ctypes.byref(raw), len(value))
            for place, item in enumerate(value):
                _lower(context, item, raw.data[place])
            out.kind, out.of.list = _ffi.WASMTIME_COMPONENT_LIST, raw
        case tuple():
            raw = _ffi.wasmtime_component_valtuple_t()
            _ffi.wasmtime_component_valtuple_new_uninit(ctypes.byref(raw), len(value))
            for place, item in enumerate(value):
                _lower(context, item, raw.data[place])
            out.kind, out.of.tuple = _ffi.WASMTIME_COMPONENT_TUPLE, raw
        case dict():
            raw = _ffi.wasmtime_component_valrecord_t()
            _ffi.wasmtime_component_valrecord_new_uninit(ctypes.byref(raw), len(value))
            for place, (name, item) in enumerate(value.items()):
                raw.data[place].name = _ffi.str_to_capi(name)
                _lower(context, item, raw.data[place].val)
            out.kind, out.of.record = _ffi.WASMTIME_COMPONENT_RECORD, raw
        case _:
            raise TypeError(f"no component takes a {type(value).__name__}")
