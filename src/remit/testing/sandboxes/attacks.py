"""Attacks: programs that try to get out, as data. They are harmless where they succeed: each only proves the point."""

from typing import Literal

import msgspec

Shows = Literal["token", "touched", "finished"]
"""How a breach shows: the secret came out, something outside was reached, or a bound did not end the program."""


class Attack(msgspec.Struct, frozen=True):
    """A program and how its breach shows; its inputs are canaries: `secret`, `outside`, `tcp`, `udp`, `pid`, `fd`."""

    name: str
    shows: Shows
    program: str


_KERNEL = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
"""

ATTACKS: tuple[Attack, ...] = (
    Attack("read a file of the host", "token", "open(secret).read()"),
    Attack("read a file with pathlib", "token", "from pathlib import Path\nPath(secret).read_text()"),
    Attack(
        "read a file through a symbolic link",
        "token",
        "import os, tempfile\nname = tempfile.mktemp()\nos.symlink(secret, name)\ntext = open(name).read()\n"
        "os.unlink(name)\ntext",
    ),
    Attack(
        "read a file through a hard link",
        "token",
        "import os\nname = outside + '/hard'\nos.link(secret, name)\nopen(name).read()",
    ),
    Attack("read /etc/shadow or /etc/passwd", "finished", "'root:' in open('/etc/passwd').read() and 'finished'"),
    Attack("read the environment", "token", "import os\nstr(dict(os.environ))"),
    Attack("read one variable of the environment", "token", "import os\nos.getenv('REMIT_CANARY')"),
    Attack("read another process's environment", "token", "open(f'/proc/{pid}/environ').read()"),
    Attack("connect over TCP", "touched", "import socket\nsocket.create_connection(('127.0.0.1', tcp), 2).close()"),
    Attack(
        "send over UDP",
        "touched",
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp))",
    ),
    Attack(
        "open a netlink socket",
        "finished",
        "import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close()\n'finished'",
    ),
    Attack(
        "open a VSOCK socket",
        "finished",
        "import socket\nsocket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()\n'finished'",
    ),
    Attack("write a file of the host", "touched", "open(outside + '/written', 'w').write('x')"),
    Attack("signal a process outside", "touched", "import os\nos.kill(pid, 15)"),
    Attack("use a descriptor of the parent", "token", "import os\nos.read(fd, 100).decode()"),
    Attack("start a program", "finished", "import subprocess\nsubprocess.run(['/bin/true'], check=True)\n'finished'"),
    Attack(
        "start more processes than allowed",
        "finished",
        "import os, time\nmade = []\n"
        "try:\n    for _ in range(40):\n        child = os.fork()\n        if child == 0:\n"
        "            time.sleep(0.3)\n            os._exit(0)\n        made.append(child)\n"
        "except OSError:\n    pass\n"
        "for child in made:\n    os.waitpid(child, 0)\n'finished' if len(made) == 40 else 'held'",
    ),
    Attack(
        "start more threads than allowed",
        "finished",
        "import threading, time\nmade = []\n"
        "try:\n    for _ in range(40):\n        one = threading.Thread(target=time.sleep, args=(0.3,))\n"
        "        one.start()\n        made.append(one)\nexcept RuntimeError:\n    pass\n"
        "for one in made:\n    one.join()\n'finished' if len(made) == 40 else 'held'",
    ),
    Attack("take a gigabyte of memory", "finished", "block = bytearray(2 ** 30)\n'finished'"),
    Attack("take memory step by step", "finished", "x = 'a' * 1000\nwhile len(x) < 10 ** 8:\n    x += x\n'finished'"),
    Attack(
        "loop past the limit",
        "finished",
        "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end:\n    pass\n'finished'",
    ),
    Attack("sleep past the limit", "finished", "import time\ntime.sleep(3)\n'finished'"),
    Attack(
        "catch the end of its time",
        "finished",
        "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end:\n"
        "    try:\n        while time.monotonic() < end:\n            pass\n"
        "    except BaseException:\n        pass\n'finished'",
    ),
    Attack("print past the limit", "finished", "for _ in range(300):\n    print('x' * 1000)\n'finished'"),
    Attack("give a value past the limit", "finished", "'finished' * 50000"),
    Attack(
        "give a value nested too deep",
        "finished",
        "x = ['finished']\nfor _ in range(5000):\n    x = [x]\n'finished', x",
    ),
    Attack(
        "write more than the disk allows",
        "finished",
        "import os, tempfile\nname = tempfile.mktemp()\n"
        "try:\n    with open(name, 'wb') as file:\n        for _ in range(16):\n"
        "            file.write(bytes(2 ** 20))\n"
        "finally:\n    os.path.exists(name) and os.unlink(name)\n'finished'",
    ),
    Attack(
        "trace another process",
        "finished",
        f"{_KERNEL}done = libc.ptrace(16, pid, 0, 0)\ndone == 0 and libc.ptrace(17, pid, 0, 0)\n"
        "'finished' if done == 0 else 'held'",
    ),
    Attack(
        "make a user namespace",
        "finished",
        f"{_KERNEL}import os\nchild = os.fork()\nif child == 0:\n    os._exit(libc.unshare(0x10000000) != 0)\n"
        "'finished' if os.waitpid(child, 0)[1] == 0 else 'held'",
    ),
    Attack("walk the classes of the interpreter", "token", "[c for c in ().__class__.__base__.__subclasses__() "
           "if c.__name__ == '_wrap_close'][0].__init__.__globals__['environ']['REMIT_CANARY']"),
)  # fmt: skip
"""All of them."""
