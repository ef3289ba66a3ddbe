"""Settings: what is wrong in a project's file is told with where it stands and what to do."""

from pathlib import Path

import pytest
from tests.server.beginnings.lives import declared

from remit.core.errors import ConfigError
from remit.server.beginnings import Declared, HookSettings, ImapSettings, MaildirSettings, ScheduleSettings
from remit.server.beginnings.settings import filled
from remit.tools.registry.project import Places

SCHEDULE = 'name = "s"\ncron = "@daily"\nagent = "a"\nmessage = "go"\n'
HOOK = 'name = "h"\nagent = "a"\nscheme = "github"\nsecret = "HOOK"\nmessage = "go"\n'
MAILDIR = 'name = "m"\nagent = "a"\nkind = "maildir"\npath = "box"\n'
IMAP = 'name = "i"\nagent = "a"\nkind = "imap"\nurl = "imaps://mail.example.com"\nuser = "u"\nsecret = "P"\n'


def test_all_of_them_are_read_with_what_stands_for_what_was_not_said(tmp_path: Path) -> None:
    text = f"[[schedule]]\n{SCHEDULE}\n[[hook]]\n{HOOK}\n[[inbox]]\n{MAILDIR}\n[[inbox]]\n{IMAP}\n[other]\nx = 1\n"
    assert Declared.read(declared(tmp_path, text)) == Declared(
        file=tmp_path / "remit.toml",
        schedules=(
            ScheduleSettings(name="s", cron="@daily", agent="a", message="go", timezone="UTC", catch_up="last"),
        ),
        hooks=(HookSettings(name="h", agent="a", scheme="github", secret="HOOK", message="go", most_kb=256),),
        inboxes=(
            MaildirSettings(name="m", agent="a", kind="maildir", path="box", every=5.0),
            ImapSettings(
                name="i", agent="a", kind="imap", url="imaps://mail.example.com", user="u", secret="P", folder="INBOX"
            ),
        ),
        secrets=Places(),
    )


def test_a_file_that_there_is_not_declares_nothing(tmp_path: Path) -> None:
    assert not [*Declared.read(tmp_path / "remit.toml").all()]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("schedule = 1", r"schedule is written with two brackets, \[\[schedule\]\]"),
        ("[schedule]\nname = 's'", r"two brackets, \[\[schedule\]\]"),
        ("schedule = [1]", r"\[\[schedule\]\] is a table, not 1"),
        ("[[schedule]]\nname = 's'", r"\[\[schedule\]\] s needs 'cron'"),
        (f"[[schedule]]\n{SCHEDULE}at = 3", r"\[\[schedule\]\] s has no key 'at'; it has: .*catch_up"),
        (f"[[schedule]]\n{SCHEDULE}catch_up = 'some'", "it is one of: none, last, all"),
        (f"[[schedule]]\n{SCHEDULE}".replace('"s"', '"A B"'), "up to 24 small letters"),
        (f"[[schedule]]\n{SCHEDULE}".replace('"s"', '"' + "x" * 25 + '"'), "up to 24 small letters"),
        (f"[[schedule]]\n{SCHEDULE}".replace('"a"', '""'), "agent is the name"),
        (f"[[schedule]]\n{SCHEDULE}".replace('"go"', '" "'), "message is what the agent is told"),
        (f"[[schedule]]\n{SCHEDULE}".replace('"go"', "'${body}'"), r"nothing fills; there are: \$\{name\}, \$\{time\}"),
        (f"[[schedule]]\n{SCHEDULE}[[hook]]\n{HOOK}".replace('"h"', '"s"'), r"\[\[hook\]\] s: another schedule, hook"),
        (f"[[hook]]\n{HOOK}".replace("github", "bearer"), "scheme: .*one of: standard, github, slack, stripe"),
        (f"[[hook]]\n{HOOK}".replace('"HOOK"', '"my secret!"'), "the name of a secret, never its value"),
        (f"[[hook]]\n{HOOK}old_secret = 'a b'", "the name of a secret, never its value"),
        (f"[[hook]]\n{HOOK}fields = ['a..b']", "paths such as 'issue.title', not 'a..b'"),
        (f"[[hook]]\n{HOOK}most_kb = 4096", "most_kb: .*1024"),
        (f"[[hook]]\n{HOOK}per_minute = 0", "per_minute"),
        ("[[inbox]]\nname = 'm'\nkind = 'pop3'", r"\[\[inbox\]\] m: kind is 'maildir' or 'imap', not 'pop3'"),
        ("[[inbox]]\nname = 'm'", "kind is 'maildir' or 'imap', not None"),
        (f"[[inbox]]\n{MAILDIR}user = 'u'", r"\[\[inbox\]\] m has no key 'user'"),
        (f"[[inbox]]\n{MAILDIR}".replace('"box"', '""'), "path is the folder"),
        (f"[[inbox]]\n{MAILDIR}every = 0.1", "every"),
        (f"[[inbox]]\n{IMAP}".replace("imaps://", "imap://"), "in the open; write imaps://mail.example.com"),
        (f"[[inbox]]\n{IMAP}".replace("imaps://", "https://"), "url is imaps://HOST"),
        (f"[[inbox]]\n{IMAP}".replace("example.com", "example.com/INBOX"), "url is imaps://HOST"),
        (f"[[inbox]]\n{IMAP}".replace("example.com", "example.com:x"), "url: "),
        (f"[[inbox]]\n{IMAP}".replace("mail.example", "u:p@mail.example"), "those are `user` and `secret`"),
        (f"[[inbox]]\n{IMAP}".replace('"u"', '"u\\r\\nA1 DELETE x"'), "user has 1 to 200 printable"),
        (f"[[inbox]]\n{IMAP}folder = 'Größe'", "folder has 1 to 200 printable"),
        (f"[[inbox]]\n{IMAP}move_to = 'INBOX'", "another folder"),
        (f"[[inbox]]\n{IMAP}".replace('"P"', '"a password"'), "never its value"),
        ("[secrets]\nsources = 1", r"\[secrets\]"),
        ("x = ", "is no TOML"),
    ],
)
def test_what_is_wrong_is_told_with_where_it_stands(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refusal:
        Declared.read(declared(tmp_path, text))
    assert "remit.toml" in str(refusal.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        Declared.read(tmp_path)
    (tmp_path / "remit.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        Declared.read(tmp_path / "remit.toml")


def test_holes_are_filled_and_nothing_else() -> None:
    text = "${name} at ${time} costs $5 and ${name}"
    assert filled(text, name="${time}", time="noon") == "${time} at noon costs $5 and ${time}"
