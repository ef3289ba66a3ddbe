"""Attacks on the bridge: a program that says by itself what only its interpreter should say.

A result that claims `ok` is the program's own word, forged or not. What must hold is the books: no call is made that
the bridge did not count, or beyond the honest ones; none is unsettled when the result is given, and none comes after.
"""

from remit.testing.sandboxes.attacks.attack import Attack

SEND = """
import gc, json, os, stat, struct, sys
def caller():
    return next((one for one in gc.get_objects() if type(one).__name__ == 'Caller'), None)
def raw(data):
    one = caller()
    if one is not None:
        type(one).call.__globals__['write'](one._descriptor, data)
        return
    for number in range(256):
        try:
            if number not in (1, 2) and stat.S_IFMT(os.fstat(number).st_mode) in (stat.S_IFSOCK, stat.S_IFIFO):
                os.write(number, data)
        except OSError:
            continue
def send(frame):
    body = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    raw(struct.pack('>I', len(body)) + body)
def paid(number, amount=1, tool='pay'):
    return {'kind': 'call', 'id': number, 'tool': tool, 'arguments': {'amount': amount}}
"""
"""Writes frames of its own to the bridge, as its caller does, or to all that may be one."""

_LONG = "import time\ntime.sleep(0.3)\n"
"""Stays until all of it was heard."""

BRIDGE: tuple[Attack, ...] = (
    Attack(
        name="replay a call",
        shows="books",
        calls=1,
        program=f"{SEND}send(paid(1))\nsend(paid(1))\n{_LONG}",
    ),
    Attack(
        name="replay a call that was answered",
        shows="books",
        calls=1,
        program=f"{SEND}pay(1)\nsend(paid(1))\nNone",
    ),
    Attack(name="number a call wrongly", shows="books", calls=0, program=f"{SEND}send(paid(7))\nNone"),
    Attack(
        name="call a tool that it was not given",
        shows="books",
        calls=0,
        program=f"{SEND}send(paid(1, tool='refund'))\nNone",
    ),
    Attack(
        name="call with arguments that the tool has not",
        shows="books",
        calls=0,
        program=f"{SEND}send(paid(1) | {{'arguments': {{'amount': 1, 'to': 'me'}}}})\nNone",
    ),
    Attack(
        name="call more often than allowed",
        shows="books",
        calls=10,
        program="for number in range(30):\n    pay(number)",
    ),
    Attack(
        name="call more often than allowed, by itself",
        shows="books",
        calls=10,
        program=f"{SEND}for number in range(1, 31):\n    send(paid(number))\n{_LONG}{_LONG}",
    ),
    Attack(
        name="set back the count of its calls",
        shows="books",
        calls=1,
        program=f"{SEND}pay(1)\ncaller()._made = 0\npay(1)",
    ),
    Attack(
        name="answer a call that was never made",
        shows="books",
        calls=0,
        program=f"{SEND}send({{'kind': 'answer', 'id': 1, 'value': 'paid'}})\nNone",
    ),
    Attack(
        name="answer for another call",
        shows="books",
        calls=1,
        program=f"{SEND}send(paid(1))\nsend({{'kind': 'answer', 'id': 1, 'value': 'paid'}})\n"
        f"send({{'kind': 'answer', 'id': 2, 'value': 'paid'}})\n{_LONG}",
    ),
    Attack(
        name="report a result while a call is under way",
        shows="books",
        calls=1,
        program=f"{SEND}send(paid(1))\nsend({{'kind': 'done', 'value': 'paid'}})\n{_LONG}",
    ),
    Attack(
        name="end while a call is under way",
        shows="books",
        calls=1,
        program=f"{SEND}send(paid(1))\nsend({{'kind': 'done', 'value': 'paid'}})\nos._exit(0)",
    ),
    Attack(
        name="call after its result",
        shows="books",
        calls=0,
        later=0.3,
        program=f"{SEND}send({{'kind': 'done', 'value': 1}})\nsend(paid(1))\n{_LONG}",
    ),
    Attack(
        name="call from a thread that goes on",
        shows="books",
        calls=0,
        later=0.5,
        program="""
import threading, time
def later():
    time.sleep(0.15)
    pay(1)
threading.Thread(target=later).start()""",
    ),
    Attack(
        name="report a result twice",
        shows="finished",
        calls=0,
        program=f"{SEND}send({{'kind': 'done', 'value': 'finished'}})\nsend({{'kind': 'done', 'value': 'finished'}})",
    ),
    Attack(
        name="send a frame nested too deep",
        shows="finished",
        calls=0,
        program=f"{SEND}deep = b'[' * 20000 + b']' * 20000\n"
        """send(b'{"kind": "done", "value": ["finished", ' + deep + b']}')""",
    ),
    Attack(
        name="give a value nested too deep",
        shows="finished",
        program="x = ['finished']\nfor _ in range(500):\n    x = [x]\nx",
    ),
    Attack(
        name="announce a frame of four gigabytes",
        shows="finished",
        calls=0,
        program=f"{SEND}raw(b'\\xff\\xff\\xff\\xff')\nos._exit(0)",
    ),
    Attack(
        name="send a result that runs where it is read",
        shows="touched",
        calls=0,
        program=f"""{SEND}
import pickle
class Result:
    def __reduce__(self):
        return os.mkdir, (outside + '/written',)
send(pickle.dumps(Result()))""",
    ),
    Attack(
        name="replace what writes its result",
        shows="touched",
        calls=0,
        program="""
import os, pickle, struct, sys
class Result:
    def __reduce__(self):
        return os.mkdir, (outside + '/written',)
body = pickle.dumps(Result())
packed = struct.pack('>I', len(body)) + body
places = [module for name, module in list(sys.modules.items()) if name.startswith('remit')]
for place in places:
    if hasattr(place, 'pack'):
        place.pack = lambda frame: packed
assert places
None""",
    ),
)
"""All of them."""
