"""`remit gateway`: a proxy on this machine that lets other programs reach only what a host policy allows."""

import argparse
import asyncio
import hmac
import os
import signal
from ipaddress import ip_address
from pathlib import Path

import msgspec

from remit.cli import exits
from remit.cli.options import add_store
from remit.cli.screen import Screen
from remit.core.errors import ConfigError, TokenError
from remit.core.token import VARIABLE, verify
from remit.policy.hosts import HostPolicy
from remit.tools.http.proxy import Access, Admit, ForwardProxy, Terms

TOKEN = "REMIT_GATEWAY_TOKEN"
"""Names the variable with the token that programs must show."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TERMS = Terms()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--policy", metavar="FILE", required=True, help="lines `allow: PLACE` and `block: PLACE`")
    parser.add_argument("--why", metavar="URL", default="", help="only say whether the policy allows this URL, and why")
    parser.add_argument("--port", metavar="N", type=int, default=8877, help="0 for a free one (default: %(default)s)")
    parser.add_argument("--host", metavar="NAME", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--sessions", action="store_true", help=f"let in who shows the {VARIABLE} of a session here")
    parser.add_argument("--connections", metavar="N", type=int, default=_TERMS.connections, help="at the same time")
    parser.add_argument("--bytes", metavar="N", type=int, default=_TERMS.bytes, help="of one connection at most")
    parser.add_argument("--idle", metavar="S", type=float, default=_TERMS.idle, help="seconds without a byte")
    parser.add_argument("--grace", metavar="S", type=float, default=5.0, help="seconds to finish in when stopped")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Serve until we are interrupted, with a line of JSON for each access; or judge one URL."""
    policy = _policy(Path(args.policy))
    screen = Screen(out=args.out, json=args.json)
    if args.why:
        return _judge(policy, args.why, screen)
    terms = _terms(args)
    token, key = os.environ.get(TOKEN, ""), _key(Path(args.store)) if args.sessions else b""
    if not (token or key or _loopback(args.host)):
        raise ConfigError(f"who listens on {args.host} lets in more than this machine: set {TOKEN} or give --sessions")
    stop, lost = asyncio.Event(), list[OSError]()

    def log(access: Access) -> None:
        try:
            screen.result(msgspec.to_builtins(access))
        except OSError as error:
            # What nobody can read about must not go on.
            lost.append(error)
            stop.set()

    proxy = ForwardProxy(policy, log=log, admit=_admit(token, key), terms=terms)
    url = await proxy.open(args.host, args.port)
    try:
        screen.result({"listening": url})
        screen.hint(f"listening; set HTTP_PROXY and HTTPS_PROXY to {_shown(url, token, key)}")
        await _stopped(stop)
        screen.hint(f"stopping; open connections have {args.grace:g} s, Ctrl-C cuts them")
    finally:
        await proxy.close(args.grace)
    if lost:
        raise lost[0]
    return exits.DONE


def _terms(args: argparse.Namespace) -> Terms:
    for name in ("connections", "bytes", "idle"):
        if getattr(args, name) <= 0:
            raise ConfigError(f"--{name} is above 0, not {getattr(args, name)}")
    return Terms(connections=args.connections, bytes=args.bytes, idle=args.idle)


def _policy(path: Path) -> HostPolicy:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--policy: {path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return HostPolicy.read(text, str(path))


def _judge(policy: HostPolicy, url: str, screen: Screen) -> int:
    verdict = policy.why(url)
    if screen.json:
        screen.result(msgspec.to_builtins(verdict))
    else:
        screen.say(verdict.reason)
    return exits.DONE if verdict.granted else exits.REFUSED


def _key(store: Path) -> bytes:
    try:
        return (store / "key").read_bytes()
    except OSError:
        raise ConfigError(f"--sessions: there is no key in {store}; the first run of an agent makes it") from None


def _admit(token: str, key: bytes) -> Admit:
    def admit(shown: str) -> str | None:
        if token and hmac.compare_digest(shown.encode(), token.encode()):
            return "token"
        if not key:
            return None if token else ""
        try:
            return verify(shown, key).session
        except TokenError:
            return None

    return admit


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(url: str, token: str, key: bytes) -> str:
    """Write the URL as programs are given it, with what stands for their token."""
    name = TOKEN if token else VARIABLE if key else ""
    return url.replace("://", f"://remit:${name}@") if name else url


async def _stopped(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
