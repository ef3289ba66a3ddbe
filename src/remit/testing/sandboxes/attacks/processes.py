"""Attacks on processes: other ones, new ones, and ones that go on."""

from remit.testing.sandboxes.attacks.attack import KERNEL, SCRATCH, Attack

_TINY = """
import os, struct
arm = os.uname().machine == 'aarch64'
code = bytes.fromhex('a80b80d2400580d2010000d4' if arm else 'b83c000000bf2a0000000f05')
size = 120 + len(code)
tiny = b'\\x7fELF\\x02\\x01\\x01' + bytes(9)
tiny += struct.pack('=HHIQQQIHHHHHH', 2, 183 if arm else 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
tiny += struct.pack('=IIQQQQQQ', 1, 5, 0, 0x400000, 0x400000, size, size, 0x1000) + code
def runs(what):
    child = os.fork()
    if child == 0:
        try:
            os.execve(what, ['tiny'], {})
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
"""
"""An executable of 132 bytes that only exits with 42."""

_ALIVE = f"""{SCRATCH}
import time
name = scratch + '/alive'
if os.path.exists(name):
    os.unlink(name)
end = time.monotonic() + 0.4
while time.monotonic() < end and not os.path.exists(name):
    time.sleep(0.02)
'finished' if os.path.exists(name) else 'nobody is there'"""
"""The next program: whether somebody still writes."""

_WRITES = """
    for _ in range(60):
        open(scratch + '/alive', 'w').close()
        time.sleep(0.02)
"""

_PARENTS = """
import os, signal
reached, refused = [], None
for one in {1, os.getppid()} - {0}:
    try:
        os.kill(one, NUMBER)
        reached.append(one)
    except OSError as error:
        refused = error
if not reached:
    raise refused
"""
"""Signals whoever started it; the probe then tries a canary, for in a box of its own those are not ours."""

PROCESSES: tuple[Attack, ...] = (
    Attack(name="read the environment", shows="token", program="import os\nstr(dict(os.environ))"),
    Attack(name="read one variable of the environment", shows="token", program="import os\nos.getenv('REMIT_CANARY')"),
    Attack(
        name="read the environment by native code",
        shows="token",
        program="""
import ctypes
get = ctypes.CDLL(None).getenv
get.restype = ctypes.c_char_p
str(get(b'REMIT_CANARY'))""",
    ),
    Attack(
        name="read its own environment in /proc",
        shows="token",
        needs="Linux",
        program="str(open('/proc/self/environ', 'rb').read())",
    ),
    Attack(
        name="search its own memory",
        shows="token",
        needs="Linux",
        program="""
found = b''
with open('/proc/self/maps') as maps, open('/proc/self/mem', 'rb') as memory:
    for line in maps:
        if line.rstrip().endswith(('[stack]', '[heap]')):
            start, end = (int(part, 16) for part in line.split()[0].split('-'))
            memory.seek(start)
            part = memory.read(end - start)
            at = part.find(b'REMIT_' + b'CANARY=')
            found = part[at:at + 60] if at >= 0 else found
str(found)""",
    ),
    Attack(
        name="read another process's environment",
        shows="token",
        needs="Linux",
        program="str(open(f'/proc/{pid}/environ', 'rb').read())",
    ),
    Attack(
        name="read another process's descriptor",
        shows="token",
        needs="Linux",
        program="open(f'/proc/{pid}/fd/0').read()",
    ),
    Attack(
        name="reach a file through another process's root",
        shows="token",
        needs="Linux",
        program="open(f'/proc/{pid}/root{secret}').read()",
    ),
    Attack(
        name="look through all of /proc",
        shows="token",
        needs="Linux",
        program="""
import os
found = []
for entry in os.listdir('/proc'):
    try:
        with open(f'/proc/{entry}/environ', 'rb') as file:
            found += [part for part in file.read().split(b'\\0') if part.startswith(b'REMIT_CANARY')]
    except OSError:
        continue
str(found)""",
    ),
    Attack(
        name="read another process's memory",
        shows="token",
        needs="Linux, and to be root or the parent",
        program=f"""{KERNEL}
text = ctypes.create_string_buffer(size)
ours = (ctypes.c_void_p * 2)(ctypes.addressof(text), size)
theirs = (ctypes.c_void_p * 2)(address, size)
if call(310, 270, pid, ours, 1, theirs, 1, 0) < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
str(text.raw)""",
    ),
    Attack(
        name="take a descriptor of another process",
        shows="token",
        needs="Linux 5.6, and to be root or the parent",
        program=f"""{KERNEL}
handle = call(434, 434, pid, 0)
number = call(438, 438, handle, 0, 0)
if handle < 0 or number < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
str(os.pread(number, 100, 0))""",
    ),
    Attack(name="signal a process outside", shows="touched", program="import os\nos.kill(pid, 15)"),
    Attack(
        name="signal a process by a handle",
        shows="touched",
        needs="Linux 5.3",
        program="import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(pid), 15)",
    ),
    Attack(
        name="kill its process group",
        shows="touched",
        probe="import os, signal\nos.kill(0, signal.SIGURG)",
        program="import os\nos.kill(0, 9)",
    ),
    Attack(
        name="kill every process",
        shows="touched",
        probe="import os, signal\nos.kill(-1, signal.SIGURG)",
        program="import os\nos.kill(-1, 9)",
    ),
    Attack(
        name="kill its parent",
        shows="touched",
        probe=f"{_PARENTS.replace('NUMBER', '0')}os.kill(pid, signal.SIGURG)",
        program=_PARENTS.replace("NUMBER", "9"),
    ),
    Attack(
        name="trace another process",
        shows="finished",
        needs="Linux, and to be root or the parent",
        program=f"""{KERNEL}
if libc.ptrace(0x4206, pid, 0, 0):
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
'finished'""",
    ),
    Attack(
        name="start a program",
        shows="finished",
        program="import subprocess\nsubprocess.run(['/bin/true'], check=True)\n'finished'",
    ),
    Attack(
        name="start a program that it wrote",
        shows="finished",
        needs="Linux",
        program=f"""{SCRATCH}{_TINY}
name = scratch + '/tiny'
with open(name, 'wb') as file:
    file.write(tiny)
os.chmod(name, 0o755)
'finished' if runs(name) else 'held'""",
    ),
    Attack(
        name="start a program from memory",
        shows="finished",
        needs="Linux",
        program=f"{_TINY}number = os.memfd_create('tiny', 0)\nos.write(number, tiny)\n"
        "'finished' if runs(number) else 'held'",
    ),
    Attack(
        name="start more processes than allowed",
        shows="finished",
        program="""
import os, time
made = []
try:
    for _ in range(40):
        child = os.fork()
        if child == 0:
            time.sleep(0.3)
            os._exit(0)
        made.append(child)
except OSError:
    pass
for child in made:
    os.waitpid(child, 0)
'finished' if len(made) == 40 else 'held'""",
    ),
    Attack(
        name="start more threads than allowed",
        shows="finished",
        program="""
import threading, time
made = []
try:
    for _ in range(40):
        one = threading.Thread(target=time.sleep, args=(0.3,))
        one.start()
        made.append(one)
except RuntimeError:
    pass
for one in made:
    one.join()
'finished' if len(made) == 40 else 'held'""",
    ),
    Attack(
        name="leave a process that reaches out later",
        shows="touched",
        later=0.6,
        program="""
import os, socket, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.2)
        try:
            open(outside + '/written', 'w').write('x')
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp))
        finally:
            os._exit(0)
    os._exit(0)
os.wait()
None""",
    ),
    Attack(
        name="leave a process for the next program",
        shows="finished",
        program=f"""{SCRATCH}
import time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
{_WRITES}
    os._exit(0)
os.wait()
None""",
        then=_ALIVE,
    ),
    Attack(
        name="leave a thread for the next program",
        shows="finished",
        program=f"""{SCRATCH}
import threading, time
def write():
{_WRITES}
threading.Thread(target=write).start()""",
        then=_ALIVE,
    ),
)
"""All of them."""
