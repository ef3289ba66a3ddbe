"""Program text: what a model is told while it writes programs, filled into the words of `prompts/code.toml`."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from remit.core.moves import Function, Made, Ran, ToolCard
from remit.core.programs import SandboxPolicy, Status
from remit.core.values import JsonObject, JsonValue
from remit.strategies.programs.languages import Language
from remit.strategies.programs.parsing import Problem
from remit.strategies.programs.stubs import Stubs
from remit.strategies.prompts import Prompts, load
from remit.strategies.template import as_text, items

PROMPTS = load("code")

_SUBSET = (
    "The language is a subset of Python: no generators (`yield`), no classes that inherit or have decorated methods, "
    "no `del`, no `async`."
)
_FULL = "The language is all of Python, without `async`, threads and other processes."
_HEAD = 300
"""Characters of a value that stands for more."""
_ERROR, _PRINTED = 4000, 2000
"""Characters of what a program said."""
_CALLS = 60
"""Calls that are listed."""
_ARGUMENTS, _OUTPUT = 1000, 300
"""Characters of what a call was given, and of what it gave."""


def opening(
    prompts: Prompts,
    policy: SandboxPolicy,
    language: Language,
    stubs: Stubs,
    *,
    inputs: JsonObject,
    schema: JsonObject | None,
) -> str:
    """Ask for the first program."""
    bounds = policy.bounds
    shape = "" if schema is None else f" It must fit this JSON Schema: {as_text(schema)}"
    return prompts.text(
        "opening",
        shape=shape,
        language=_SUBSET if language.subset else _FULL,
        modules=", ".join(sorted(language.modules)),
        files=_files(policy, language),
        calls=bounds.calls,
        seconds=f"{bounds.wall:g}",
        memory=bounds.memory // 1_000_000,
        inputs="\n".join(f"{name} = {_cut(as_text(value), _HEAD)}" for name, value in inputs.items()) or "(none)",
        functions=stubs.text or "(none)",
    )


def problems(prompts: Prompts, found: Iterable[Problem], made: str) -> str:
    """Report why a program did not run."""
    return prompts.text("problems", problems=items(map(str, found)), made=made)


def failed(prompts: Prompts, ran: Ran, policy: SandboxPolicy, made: str) -> str:
    """Report how a program ended."""
    error = _cut(ran.error, _ERROR) or "(none)"
    printed = _cut(ran.printed, _PRINTED) or "(nothing)"
    return prompts.text("failed", how=ending(ran, policy), error=error, printed=printed, made=made)


def misfit(prompts: Prompts, problem: str, ran: Ran, made: str) -> str:
    """Report an answer that is not as it must be."""
    return prompts.text("misfit", problem=problem, answer=_cut(as_text(ran.value), _PRINTED), made=made)


def calls_made(
    prompts: Prompts, made: Sequence[Made], functions: Mapping[str, Function], tools: Mapping[str, ToolCard]
) -> str:
    """Tell of the calls that were made; of many, those that only read are left out first, and nothing of none."""
    if not made:
        return ""
    reads = [call.status == "ok" and tools[call.tool].effect == "read" for call in made]
    listed = sorted(sorted(range(len(made)), key=reads.__getitem__)[:_CALLS])
    told = in_its_words([made[place] for place in listed], functions)
    lines = [
        f"{call['tool']} {_cut(as_text(call['args']), _ARGUMENTS)}, {call['status']}: "
        f"{_cut(as_text(call['output']), _OUTPUT)}"
        for call in told
    ]
    more = [f"and {len(made) - len(listed)} more"] if len(listed) < len(made) else []
    return f"\n\n{prompts.text('made', calls=items([*lines, *more]))}"


def in_its_words(made: Iterable[Made], functions: Mapping[str, Function]) -> list[JsonObject]:
    """Write calls as a program would: by the names of functions and their parameters."""
    by_tool = {function.tool: function for function in functions.values()}
    found: list[JsonObject] = []
    for call in made:
        function = by_tool[call.tool]
        names = {argument: name for name, argument in function.parameters}
        args: JsonObject = {names.get(argument, argument): value for argument, value in call.args.items()}
        found.append({"tool": function.name, "args": args, "status": call.status, "output": call.output})
    return found


def ending(ran: Ran, policy: SandboxPolicy) -> str:
    """Say how a program ended that gave no answer."""
    bounds = policy.bounds
    why = f" ({ran.why})" if ran.why else ""
    endings: Mapping[Status, str] = {
        "ok": "it came to its end",
        "error": f"it failed in line {ran.line}" if ran.line else "it failed",
        "timeout": f"it took too long{why}: at most {bounds.wall:g} seconds of its own",
        "oom": f"it needed too much memory{why}: at most {bounds.memory // 1_000_000} MB",
        "output_limit": f"it printed or gave too much{why}: at most {bounds.output:,} bytes",
        "killed": f"it was ended{why or ' from outside'}; it may make at most {bounds.calls} calls of tools",
        "paused": f"it was kept and did not go on{why}",
        "busy": f"it did not run{why}",
    }
    return endings[ran.status]


def _files(policy: SandboxPolicy, language: Language) -> str:
    if not language.files:
        return "There are no files."
    mounted = ", ".join(_target(mount.target) for mount in policy.mounts)
    read = f"Files to read: {mounted}." if mounted else "There are no files to read."
    return f"{read} Charts and tables that shall be kept are written below /scratch."


def _target(path: str) -> str:
    return msgspec.json.encode(path).decode()


def _cut(text: str, most: int) -> str:
    """Cut the middle out of a long text."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} [... {len(text) - most:,} characters left out ...] {text[-(most // 2) :]}"


def as_output(value: JsonValue, printed: str) -> JsonValue:
    """Give the answer of a program: what it printed when it gives nothing else, for that is then what it says."""
    return printed.strip() if value is None and printed.strip() else value
