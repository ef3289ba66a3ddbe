"""What the kernel starts: packages without their `__init__`, which nothing here needs, then the first process."""

import sys
import types

for _name, _path in (
    ("remit", "/remit"),
    ("remit.sandbox", "/remit/sandbox"),
    ("remit.sandbox.microvm", "/remit/sandbox/microvm"),
):
    _module = types.ModuleType(_name)
    _module.__path__ = [_path]
    sys.modules[_name] = _module
sys.dont_write_bytecode = True

from remit.sandbox.microvm.inside.first import main  # noqa: E402  (the packages above come first)

main()
