"""A real IMAP server on loopback: Dovecot, as its package has it, over a folder of the test's own."""

import contextlib
import grp
import imaplib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.ports import free_port

USER, PASSWORD = "support@lumenorchard.example", 'a long "password" \\ of some length'

_CONFIG = """
protocols = imap
listen = 127.0.0.1, 127.0.0.2
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
default_internal_user = {owner}
default_internal_group = {group}
default_login_user = {login}
mail_location = maildir:{folder}/mail
first_valid_uid = 0
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {tls}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = scheme=plain-md5 {folder}/users
}}
userdb {{
  driver = static
  args = uid={mail_uid} gid={mail_gid} home={folder}/home
}}
"""


@dataclass
class ImapServer:
    """A server under way, and who has mail there."""

    folder: Path
    cert: Path
    plain: int
    tls: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it is reached in the open."""
        return f"imap://127.0.0.1:{self.plain}"

    @property
    def secure(self) -> str:
        """Where it is reached with TLS."""
        return f"imaps://localhost:{self.tls}"

    def start(self) -> None:
        """Begin to serve."""
        self.process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "conf")],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError, imaplib.IMAP4.error), self.client():
                return
            time.sleep(0.05)
        log = self.folder / "log"
        raise AssertionError(f"Dovecot did not start: {log.read_text() if log.exists() else ''}")

    def stop(self) -> None:
        """End at once, connections and all."""
        if self.process is not None:
            # Its own process would leave connections that are open to others of its processes.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            self.process = None

    @contextlib.contextmanager
    def client(self) -> Generator[imaplib.IMAP4]:
        """Give a client that is logged in."""
        line = imaplib.IMAP4("127.0.0.1", self.plain, timeout=20)
        try:
            line.login(f'"{USER}"', PASSWORD)
            yield line
        finally:
            line.shutdown()

    def put(self, *mails: bytes) -> None:
        """Leave mails in the inbox."""
        with self.client() as line:
            for mail in mails:
                assert line.append("INBOX", "", "", mail)[0] == "OK"

    def flags(self, folder: str = "INBOX") -> list[str]:
        """Give the marks of all mails of a folder, in order."""
        with self.client() as line:
            line.select(folder, readonly=True)
            found = line.fetch("1:*", "(FLAGS)")[1]
        kept = [part.decode().partition("FLAGS (")[2].rstrip(")") for part in found if isinstance(part, bytes)]
        return [" ".join(sorted(one for one in marks.split() if one != r"\Recent")) for marks in kept]


@contextlib.contextmanager
def imap_server(cert: Path, key: Path) -> Generator[ImapServer]:
    """Serve an empty mailbox meanwhile."""
    if not Path("/usr/sbin/dovecot").exists():
        pytest.skip("no Dovecot here (Debian, Ubuntu: apt install dovecot-imapd)")
    # Not below a test's own folder: the names of its sockets must be short, and others must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="remit-imap-"))
    folder.chmod(0o755)
    for name in ("run", "state", "mail", "home"):
        (folder / name).mkdir()
    server = ImapServer(folder, cert, free_port(), free_port())
    own = pwd.getpwuid(os.geteuid())
    owner, login, mail = (own, own, own)
    if own.pw_uid == 0:
        owner, login, mail = pwd.getpwnam("dovecot"), pwd.getpwnam("dovenull"), pwd.getpwnam("mail")
        for name in ("mail", "home"):
            os.chown(folder / name, mail.pw_uid, mail.pw_gid)
    shutil.copy(cert, folder / "cert.pem")
    shutil.copy(key, folder / "key.pem")
    (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
    (folder / "conf").write_text(
        _CONFIG.format(
            folder=folder,
            cert=folder / "cert.pem",
            key=folder / "key.pem",
            owner=owner.pw_name,
            login=login.pw_name,
            group=grp.getgrgid(owner.pw_gid).gr_name,
            mail_uid=mail.pw_uid,
            mail_gid=mail.pw_gid,
            plain=server.plain,
            tls=server.tls,
        )
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
