"""Attacks on bounds: time, memory, output and disk past what is allowed."""

from remit.testing.sandboxes.attacks.attack import SCRATCH, Attack

BOUNDS: tuple[Attack, ...] = (
    Attack(
        name="take a gigabyte of memory",
        shows="finished",
        program="try:\n    block = bytearray(2 ** 30)\nexcept NameError:\n    block = [0] * 2 ** 27\n'finished'",
    ),
    Attack(
        name="take memory step by step",
        shows="finished",
        program="x = 'a' * 1000\nwhile len(x) < 10 ** 8:\n    x += x\n'finished'",
    ),
    Attack(
        name="take memory and give up writing to it",
        shows="finished",
        program="""
import ctypes
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
flags = 0x22 if __import__('sys').platform == 'linux' else 0x1002
part = 16 * 2 ** 20
for _ in range(25):
    place = libc.mmap(None, ctypes.c_size_t(part), 3, flags, -1, ctypes.c_long(0))
    if place in (None, 2 ** 64 - 1):
        raise MemoryError
    ctypes.memset(ctypes.c_void_p(place), 1, part)
    libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(part), 1)
'finished'""",
    ),
    Attack(
        name="loop past the limit",
        shows="finished",
        program="import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end:\n    pass\n'finished'",
    ),
    Attack(name="sleep past the limit", shows="finished", program="import time\ntime.sleep(3)\n'finished'"),
    Attack(
        name="catch the end of its time",
        shows="finished",
        program="""
import time
end = time.monotonic() + 3
while time.monotonic() < end:
    try:
        while time.monotonic() < end:
            pass
    except BaseException:
        pass
'finished'""",
    ),
    Attack(
        name="ignore the signals that end it",
        shows="finished",
        program="""
import signal, time
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
end = time.monotonic() + 3
while time.monotonic() < end:
    pass
'finished'""",
    ),
    Attack(
        name="print past the limit",
        shows="finished",
        program="for _ in range(300):\n    print('x' * 1000)\n'finished'",
    ),
    Attack(
        name="write to its output past the limit",
        shows="finished",
        program="import os\nfor _ in range(300):\n    os.write(1, b'x' * 1000)\n'finished'",
    ),
    Attack(name="give a value past the limit", shows="finished", program="'finished' * 50000"),
    Attack(
        name="write more than the disk allows",
        shows="finished",
        program=f"{SCRATCH}with open(scratch + '/large', 'wb') as file:\n    for _ in range(16):\n"
        "        file.write(bytes(2 ** 20))\n'finished'",
    ),
    Attack(
        name="write more than the disk allows, in parts",
        shows="finished",
        program=f"{SCRATCH}for number in range(16):\n    with open(f'{{scratch}}/{{number}}', 'wb') as file:\n"
        "        file.write(bytes(2 ** 20))\n'finished'",
    ),
    Attack(
        name="make more files than allowed",
        shows="finished",
        program=f"{SCRATCH}for number in range(400):\n    open(f'{{scratch}}/{{number}}', 'w').close()\n'finished'",
    ),
    Attack(
        name="make more folders than allowed",
        shows="finished",
        program=f"{SCRATCH}for number in range(400):\n    os.mkdir(f'{{scratch}}/{{number}}')\n'finished'",
    ),
    Attack(
        name="write beside its scratch space",
        shows="finished",
        program="""
import os
refused = None
for place in ('/tmp', '/var/tmp', '/dev/shm', '/run', os.path.expanduser('~')):
    name = f'{place}/remit-attack-{os.getpid()}'
    try:
        with open(name, 'wb') as file:
            for _ in range(16):
                file.write(bytes(2 ** 20))
        done = True
    except OSError as error:
        refused, done = error, False
    finally:
        if os.path.exists(name):
            os.unlink(name)
    if done:
        break
else:
    raise refused
'finished'""",
    ),
)
"""All of them."""
