"""The public face: `__all__` is sorted, short, and exactly what the package shows."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

LIMIT = 25


def shown(module: ModuleType) -> set[str]:
    """Names that a reader sees in the package's namespace, its modules and `typing.TYPE_CHECKING` left out."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "TYPE_CHECKING"
    }


def check(module: ModuleType) -> Iterator[str]:
    """Compare `__all__` with reality."""
    names: list[str] | None = getattr(module, "__all__", None)
    if names is None:
        yield "has no __all__"
        return
    if len(names) > LIMIT:
        yield f"__all__ has {len(names)} names, limit {LIMIT}"
    if list(names) != sorted(set(names)):
        yield f"__all__ is not sorted and without repeats; it should be {sorted(set(names))}"
    for name in names:
        if not hasattr(module, name):
            yield f"__all__ has {name!r}, which does not exist"
    for name in sorted(shown(module) - set(names)):
        yield f"{name!r} is public but not in __all__"


def main() -> int:
    """Check the package named on the command line, else `remit`."""
    name = sys.argv[1] if len(sys.argv) > 1 else "remit"
    findings = [f"{name}: {line}" for line in check(importlib.import_module(name))]
    print("\n".join(findings) or f"public: {name}.__all__ is what is public")
    return bool(findings)


if __name__ == "__main__":
    sys.exit(main())
