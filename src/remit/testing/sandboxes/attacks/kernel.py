"""Attacks on the kernel: calls that no program needs and that have been ways out before."""

from remit.testing.sandboxes.attacks.attack import KERNEL, Attack

_REFUSED = "raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))"

KERNEL_CALLS: tuple[Attack, ...] = (
    Attack(
        name="make a user namespace",
        shows="finished",
        needs="a kernel that allows them",
        program=f"""{KERNEL}
child = os.fork()
if child == 0:
    os._exit(libc.unshare(0x10000000) != 0)
'finished' if os.waitpid(child, 0)[1] == 0 else 'held'""",
    ),
    Attack(
        name="make a user namespace in its own process",
        shows="finished",
        needs="a kernel that allows them",
        program=f"{KERNEL}\nif libc.unshare(0x10000000):\n    {_REFUSED}\n'finished'",
    ),
    Attack(
        name="enter a namespace",
        shows="finished",
        needs="root",
        program=f"""{KERNEL}
try:
    number, kind = os.open('/proc/self/ns/uts', os.O_RDONLY), 0
except OSError:
    number, kind = call(434, 434, os.getpid(), 0), 0x04000000
if number < 0 or call(308, 268, number, kind):
    {_REFUSED}
'finished'""",
    ),
    Attack(
        name="set up io_uring",
        shows="finished",
        needs="a kernel with io_uring",
        program=f"{KERNEL}\nif call(425, 425, 4, ctypes.create_string_buffer(120)) < 0:\n    {_REFUSED}\n'finished'",
    ),
    Attack(
        name="make a map of bpf",
        shows="finished",
        needs="root",
        program=f"""{KERNEL}
import struct
wanted = ctypes.create_string_buffer(struct.pack('=IIII', 2, 4, 4, 1), 72)
if call(321, 280, 0, wanted, 72) < 0:
    {_REFUSED}
'finished'""",
    ),
    Attack(
        name="keep a key in the kernel",
        shows="finished",
        needs="a kernel with keyrings",
        program=f"{KERNEL}\nif call(248, 217, b'user', b'remit', b'x', 1, -2) < 0:\n    {_REFUSED}\n'finished'",
    ),
    Attack(
        name="reach a keyring of the session",
        shows="finished",
        needs="a kernel with keyrings",
        program=f"{KERNEL}\nif call(250, 219, 0, -3, 0, 0, 0) < 0:\n    {_REFUSED}\n'finished'",
    ),
    Attack(
        name="count events with perf",
        shows="finished",
        needs="a kernel that allows it",
        program=f"""{KERNEL}
import struct
wanted = ctypes.create_string_buffer(struct.pack('=IIQ', 1, 112, 0), 112)
wanted[40] = 0x61
if call(298, 241, wanted, 0, -1, -1, 0) < 0:
    {_REFUSED}
'finished'""",
    ),
    Attack(
        name="handle page faults",
        shows="finished",
        needs="a kernel that allows it",
        program=f"{KERNEL}\nif call(323, 282, 1) < 0:\n    {_REFUSED}\n'finished'",
    ),
    Attack(
        name="open a file by its handle",
        shows="finished",
        needs="root",
        program=f"""{KERNEL}
handle = ctypes.create_string_buffer(136)
handle[0] = 128
mount = ctypes.c_int()
# The handle of a folder that it may read, opened without a path.
if call(303, 264, -100, b'/', handle, ctypes.byref(mount), 0) < 0:
    {_REFUSED}
folder = os.open('/', os.O_RDONLY)
if call(304, 265, folder, handle, 0) < 0:
    {_REFUSED}
'finished'""",
    ),
    Attack(
        name="walk the classes of the interpreter",
        shows="token",
        program="[c for c in ().__class__.__base__.__subclasses__() "
        "if c.__name__ == '_wrap_close'][0].__init__.__globals__['environ']['REMIT_CANARY']",
    ),
)
"""All of them."""
