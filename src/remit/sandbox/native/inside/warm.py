"""What a zygote loads once, so that no program has to: the packages that were asked for, and no others."""

import contextlib
import gc
import importlib
import io
import os
import sys

_ALWAYS = ("json", "math", "re", "datetime", "decimal", "statistics", "itertools", "collections", "random", "csv")
_WITH = {
    "pandas": ("tzdata",),
    "pyarrow": ("pyarrow.compute", "pyarrow.csv", "pyarrow.dataset", "pyarrow.parquet"),
    "matplotlib": ("matplotlib.pyplot",),
}
"""Modules that a package loads late and most programs need; missing ones do not matter."""
_OPTIONAL = ("pyarrow", "matplotlib", "duckdb")
"""Packages that others load where they find them, which costs every box: they are hidden unless asked for."""
_ENVIRONMENT = {
    # Threads of a library would not survive the fork, and each box has few.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Others reserve gigabytes of address space in advance.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MPLBACKEND": "Agg",
}


def load(packages: list[str], sites: list[str], cache: str) -> dict[str, str]:
    """Import packages from these folders; say by name why some cannot be; `cache` is a folder for this time only."""
    sys.path.extend(sites)
    os.environ.update(_ENVIRONMENT)
    for name in _ALWAYS:
        importlib.import_module(name)
    for name in _OPTIONAL:
        if name not in packages:
            sys.modules[name] = None  # pyright: ignore[reportArgumentType]  (Python's own way to hide a module)
    failed: dict[str, str] = {}
    os.environ["MPLCONFIGDIR"] = cache
    for name in packages:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  (a library that is broken here may raise anything)
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        for other in _WITH.get(name, ()):
            with contextlib.suppress(ImportError):
                importlib.import_module(other)
    if "matplotlib" in packages and "matplotlib" not in failed:
        _draw()
    del os.environ["MPLCONFIGDIR"]
    # What is loaded finds its own parts; what is not is no module to any program.
    sys.path[:] = [path for path in sys.path if path not in sites]
    gc.collect()
    gc.freeze()
    return failed


def _draw() -> None:
    # Fonts and writers of pictures are looked for at the first chart, which takes longer than all else.
    pyplot = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    axes.set_title("a")
    figure.savefig(io.BytesIO(), format="png")
    pyplot.close("all")
    gc.collect()


def origins(sites: list[str]) -> list[str]:
    """List what the modules that are loaded came from, below folders of packages."""
    found: set[str] = set()
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        for site in sites:
            if path.startswith(site + "/"):
                found.add(site + "/" + path[len(site) + 1 :].split("/", 1)[0])
    if found:
        # Shared libraries beside packages, under names that are not always theirs.
        found |= {entry.path for site in sites for entry in os.scandir(site) if entry.name.endswith(".libs")}
    return sorted(path for path in found if os.path.exists(path))  # noqa: PTH110
