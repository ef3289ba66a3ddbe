"""`remit sandbox run`: one program in the weakest tier that will do, and its result."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.programs import Box, Mount, Result, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.choosing import standard


async def main(args: argparse.Namespace) -> int:
    """Run it and show what it printed, its value, and what it left behind."""
    screen = Screen(out=args.out, json=args.json)
    code = await asyncio.to_thread(_read, str(args.file))
    policy = SandboxPolicy(
        least=args.least or "interpreter",
        mounts=tuple(_mount(text) for text in args.mount),
        packages=tuple(args.package),
        language=args.language,
    )
    sandbox = standard(packages=policy.packages)
    try:
        box = await sandbox.open(policy)
        try:
            result = await box.run(code, inputs={}, tools={}, bridge=_no_tools)
            files = await _left(box)
        finally:
            await box.close()
    finally:
        await sandbox.close()
    if screen.json:
        body = msgspec.to_builtins(msgspec.structs.replace(result, kept=b""))
        screen.result({**body, "tier": box.tier, "files": dict(files)})
    else:
        _say(screen, result, files)
        screen.hint(f"in the tier {box.tier!r}, {result.seconds:.3f} s", "dim")
    return exits.DONE if result.status == "ok" else exits.FAILED


async def _left(box: Box) -> Mapping[str, int]:
    try:
        return await box.files()
    except ConfigError:
        # A box that was ended with its program has none any more.
        return {}


def _say(screen: Screen, result: Result, files: Mapping[str, int]) -> None:
    if result.printed:
        screen.say(result.printed.removesuffix("\n"))
    if result.value is not None:
        screen.say(result.value if isinstance(result.value, str) else msgspec.json.encode(result.value).decode())
    if result.status == "error":
        screen.hint(result.error, "red")
    elif result.status != "ok":
        screen.hint(f"{result.status}: {result.why}", "red")
    for path, size in files.items():
        screen.hint(f"left behind: {path}, {size:,} bytes")


def _read(file: str) -> str:
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the program {file!r} cannot be read: {error}") from error


def _mount(text: str) -> Mount:
    source, _, target = text.rpartition(":")
    if not source or not target.startswith("/data/"):
        raise ConfigError(f"a mount is written SRC:/data/NAME, and this is {text!r}")
    if not Path(source).exists():
        raise ConfigError(f"there is no {source!r} to mount")
    return Mount(source=str(Path(source).resolve()), target=target)


async def _no_tools(name: str, args: JsonObject) -> JsonValue:
    raise ConfigError(f"a program from the command line has no tools, and this one calls {name!r}")
