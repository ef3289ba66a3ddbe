"""The typed door to BFCL: its classes, how it carries out a ground truth itself, and how it compares states."""

import copy
import importlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Protocol, cast

from remit.core.values import JsonObject, JsonValue

Instances = Mapping[str, object]
"""The instances of a task by the name of their class."""


class _Table(Protocol):
    CLASS_FILE_PATH_MAPPING: dict[str, str]
    MULTI_TURN_FUNC_DOC_FILE_MAPPING: dict[str, str]
    STATELESS_CLASSES: list[str]


class _Executor(Protocol):
    def execute_multi_turn_func_call(
        self,
        func_call_list: list[str],
        initial_config: JsonObject,
        involved_classes: list[str],
        model_name: str,
        test_entry_id: str,
    ) -> tuple[list[str], dict[str, object]]: ...


class _Checker(Protocol):
    def state_checker(self, model_instances: Instances, ground_truth_instances: Instances) -> JsonObject: ...


class _Scenario(Protocol):
    def _load_scenario(self, scenario: JsonValue, *, long_context: bool) -> None: ...


_TABLE = cast("_Table", importlib.import_module("bfcl_eval.constants.executable_backend_config"))
_EXECUTOR = cast("_Executor", importlib.import_module("bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils"))
_CHECKER = cast("_Checker", importlib.import_module("bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker"))


@cache
def _folder() -> Path:
    found = importlib.util.find_spec("bfcl_eval")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0], "data")


def rows(*path: str) -> list[JsonObject]:
    """Read one of BFCL's files of data: a JSON object a line."""
    text = _folder().joinpath(*path).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def documents(name: str) -> list[JsonObject]:
    """Give what BFCL tells a model of the functions of a class."""
    return rows("multi_turn_func_doc", _TABLE.MULTI_TURN_FUNC_DOC_FILE_MAPPING[name])


def fresh(config: JsonObject, classes: Sequence[str]) -> Instances:
    """Make the instances of a task as `execute_multi_turn_func_call` makes them."""
    return {name: _instance(name, config) for name in classes}


def _instance(name: str, config: JsonObject) -> object:
    made = getattr(importlib.import_module(_TABLE.CLASS_FILE_PATH_MAPPING[name]), name)()
    if name not in _TABLE.STATELESS_CLASSES:
        scenario = cast("_Scenario", made)
        scenario._load_scenario(copy.deepcopy(config.get(name, {})), long_context=False)  # pyright: ignore[reportPrivateUsage] - BFCL has no other way in
    return made


def carried_out(
    truth: Sequence[Sequence[str]], config: JsonObject, classes: Sequence[str], task: str
) -> tuple[list[str], Instances]:
    """Have BFCL carry out a ground truth turn by turn: each response as it writes it, and its instances."""
    responses: list[str] = []
    instances: Instances = {}
    for turn in truth:
        # BFCL keeps instances by these two names for as long as the process lives, so a task is carried out once.
        given, instances = _EXECUTOR.execute_multi_turn_func_call(list(turn), config, list(classes), "truth", task)
        responses += given
    return responses, instances


def written(output: JsonValue) -> str:
    """Write what a method gave as `execute_multi_turn_func_call` does."""
    if isinstance(output, str):
        return output
    return json.dumps(output) if isinstance(output, dict) else str(output)


def as_json(output: JsonValue) -> JsonValue:
    """Give what a method gave as a tool may: what JSON cannot say, such as numbers of mpmath, as BFCL writes it."""
    try:
        json.dumps(output)
    except TypeError:
        return str(output)
    return output


def mismatch(instances: Instances, truth: Instances) -> str:
    """Say what BFCL's own state checker finds wrong; empty when it finds nothing."""
    found = _CHECKER.state_checker(instances, truth)
    return "" if found["valid"] else f"{found['error_message']} {found['details']}"


def picture(value: object) -> object:
    """Lay out all that an instance holds, also what BFCL's checker passes over, such as the current directory.

    Only the moments at which files were written are left out: they differ from run to run.
    """
    return _pictured(value, {})


def _pictured(value: object, met: dict[int, int]) -> object:
    match value:
        case dict():
            items = cast("dict[object, object]", value).items()
            return {key: _pictured(item, met) for key, item in items}
        case list() | tuple():
            return [_pictured(item, met) for item in cast("Sequence[object]", value)]
        case Random():
            return value.getstate()
        case _ if not hasattr(value, "__dict__"):
            return value
        case _ if id(value) in met:
            return ("the same as", met[id(value)])
        case _:
            met[id(value)] = len(met)
            kept = {name: held for name, held in vars(value).items() if name != "_last_modified"}
            return type(value).__name__, _pictured(kept, met)
