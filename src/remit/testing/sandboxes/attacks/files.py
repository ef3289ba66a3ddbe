"""Attacks on files: those of the host, and what a host does with those of a box."""

from remit.testing.sandboxes.attacks.attack import SCRATCH, Attack

FILES: tuple[Attack, ...] = (
    Attack(name="read a file of the host", shows="token", program="open(secret).read()"),
    Attack(
        name="read a file with pathlib",
        shows="token",
        program="from pathlib import Path\nPath(secret).read_text()",
    ),
    Attack(
        name="read a file through a symbolic link",
        shows="token",
        program=f"{SCRATCH}os.symlink(secret, scratch + '/link')\nopen(scratch + '/link').read()",
    ),
    Attack(
        name="read a file through a hard link",
        shows="token",
        program=f"""{SCRATCH}
for name in (outside + '/hard', scratch + '/hard'):
    try:
        os.link(secret, name)
        break
    except OSError as error:
        refused = error
else:
    raise refused
open(name).read()""",
    ),
    Attack(
        name="read /etc/shadow or /etc/passwd",
        shows="finished",
        program="""
import hashlib
found = []
for name in ('/etc/shadow', '/etc/passwd'):
    try:
        with open(name, 'rb') as file:
            found.append(hashlib.sha256(file.read()).hexdigest())
    except OSError as error:
        refused = error
if not found:
    raise refused
'finished' if set(found) & set(accounts) else 'none of the host'""",
    ),
    Attack(name="write a file of the host", shows="touched", program="open(outside + '/written', 'w').write('x')"),
    Attack(
        name="write outside through a symbolic link",
        shows="touched",
        program=f"{SCRATCH}os.symlink(outside, scratch + '/way')\nopen(scratch + '/way/written', 'w').write('x')",
    ),
    Attack(
        name="write outside through dots",
        shows="touched",
        program=f"{SCRATCH}open(scratch + '/..' * 20 + outside + '/written', 'w').write('x')",
    ),
    Attack(
        name="rename a file to outside",
        shows="touched",
        program=f"{SCRATCH}import shutil\nopen(scratch + '/mine', 'w').write('x')\n"
        "shutil.move(scratch + '/mine', outside + '/written')",
    ),
    Attack(
        name="have the host read through a symbolic link",
        shows="token",
        program=f"{SCRATCH}os.symlink(secret, scratch + '/report')",
        get="report",
    ),
    Attack(
        name="have the host read through a linked folder",
        shows="token",
        program=f"{SCRATCH}os.symlink(outside, scratch + '/way')",
        get="way/secret",
    ),
    Attack(
        name="have the host write through a linked folder",
        shows="touched",
        program=f"{SCRATCH}os.symlink(outside, scratch + '/way')",
        put="way/written",
    ),
    Attack(
        name="use a descriptor of the parent",
        shows="token",
        program="import os\nos.pread(fd, 100, 0).decode()",
    ),
    Attack(
        name="use any descriptor that was left open",
        shows="token",
        program="""
import os, stat
found = []
for number in range(3, 256):
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISREG(mode):
            found.append(os.pread(number, 200, 0))
        elif stat.S_ISDIR(mode):
            found.append(os.pread(os.open('secret', os.O_RDONLY, dir_fd=number), 200, 0))
    except OSError:
        continue
str(found)""",
    ),
    Attack(
        name="read a file by native code",
        shows="token",
        program="""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
text = ctypes.create_string_buffer(100)
number = libc.open(secret.encode(), 0)
if number < 0 or libc.read(number, text, 99) < 0:
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
text.value.decode()""",
    ),
    Attack(
        name="mount a file system",
        shows="finished",
        needs="root",
        program=f"""{SCRATCH}
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
os.mkdir(scratch + '/place')
if libc.mount(b'none', (scratch + '/place').encode(), b'tmpfs', 0, None):
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
libc.umount2((scratch + '/place').encode(), 2)
'finished'""",
    ),
)
"""All of them."""
