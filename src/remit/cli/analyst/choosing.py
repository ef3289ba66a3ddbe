"""Choosing: whether programs read the files themselves or ask DuckDB, by what this machine can hold."""

from remit.apps.analyst import BOUNDS, PACKAGES, Way
from remit.core.errors import ConfigError
from remit.core.programs import Mount, Sandbox, SandboxPolicy

_POLICY = SandboxPolicy(
    least="native",
    bounds=BOUNDS,
    # Whether files can be mounted is only found out by mounting one.
    mounts=(Mount(source=__file__, target="/data/tried"),),
    packages=PACKAGES,
    language="full",
)


async def chosen(wish: Way | None, sandbox: Sandbox) -> tuple[Way, str]:
    """Give the way that was wished, or the stronger one that can be had, and say it in a line.

    Raise `ConfigError` when what was wished cannot be had.
    """
    if wish == "sql":
        return "sql", "with SQL: DuckDB over copies of the files, programs in the interpreter"
    try:
        box = await sandbox.open(_POLICY)
    except ConfigError as error:
        if wish == "pandas":
            raise ConfigError(f"no box for programs with {', '.join(PACKAGES)}: {error}; try --with sql") from error
        why = next((line.strip() for line in str(error).splitlines() if "native:" in line), str(error))
        return "sql", f"with SQL, since no box has pandas here ({why})"
    tier = box.tier
    await box.close()
    return "pandas", f"with pandas: programs read the files in a box of the tier {tier!r}, without a network"
