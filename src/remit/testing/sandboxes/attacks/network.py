"""Attacks on the network: sockets of every family, to whoever listens on this machine and never beyond it."""

from remit.testing.sandboxes.attacks.attack import Attack

NETWORK: tuple[Attack, ...] = (
    Attack(
        name="connect over TCP",
        shows="touched",
        program="import socket\nsocket.create_connection(('127.0.0.1', tcp), 0.5).close()",
    ),
    Attack(
        name="send over UDP",
        shows="touched",
        program="import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', udp))",
    ),
    Attack(
        name="connect by native code",
        shows="touched",
        program="""
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
end = libc.socket(2, 1, 0)
to = struct.pack('=H', 2) + struct.pack('>H', tcp) + bytes([127, 0, 0, 1]) + bytes(8)
if end < 0 or libc.connect(end, to, 16):
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
libc.close(end)""",
    ),
    Attack(
        name="ask a name server",
        shows="touched",
        program="""
import socket
question = b'\\x00\\x01\\x01\\x00\\x00\\x01' + bytes(6) + b'\\x05remit\\x07example\\x00\\x00\\x01\\x00\\x01'
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
    end.connect(('127.0.0.1', udp))
    end.send(question)""",
    ),
    Attack(
        name="resolve a name",
        shows="finished",
        program="import socket\nsocket.getaddrinfo('localhost', 80)\n'finished'",
    ),
    Attack(
        name="open a raw socket",
        shows="finished",
        needs="root",
        program="import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()\n'finished'",
    ),
    Attack(
        name="open a packet socket",
        shows="finished",
        needs="root",
        program="import socket\nsocket.socket(17, socket.SOCK_RAW, 0).close()\n'finished'",
    ),
    Attack(
        name="open a netlink socket",
        shows="finished",
        needs="a kernel with netlink",
        program="import socket\nsocket.socket(16, socket.SOCK_RAW, 0).close()\n'finished'",
    ),
    Attack(
        name="open a VSOCK socket",
        shows="finished",
        needs="a kernel with VSOCK",
        program="import socket\nsocket.socket(40, socket.SOCK_STREAM).close()\n'finished'",
    ),
    Attack(
        name="connect to the host over VSOCK",
        shows="finished",
        needs="a kernel with VSOCK",
        # Nobody listens there: to be refused by the other side, or to wait for it, is to have reached it.
        program="""
import errno, socket
with socket.socket(40, socket.SOCK_STREAM) as end:
    end.settimeout(0.3)
    try:
        end.connect((2, 1))
    except TimeoutError:
        pass
    except OSError as error:
        if error.errno not in (errno.ECONNRESET, errno.ECONNREFUSED, errno.ENODEV, errno.ETIMEDOUT):
            raise
'finished'""",
    ),
    Attack(
        name="connect to a UNIX socket of the host",
        shows="touched",
        program="import socket\nsocket.socket(socket.AF_UNIX).connect(unix)",
    ),
    Attack(
        name="connect to an abstract UNIX socket",
        shows="touched",
        needs="Linux",
        program="import socket\nsocket.socket(socket.AF_UNIX).connect('\\0' + abstract)",
    ),
)
"""All of them."""
