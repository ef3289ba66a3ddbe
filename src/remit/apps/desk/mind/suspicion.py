"""Signs that a mail is written for the machine that reads it; a flag for people and statistics, never a safeguard."""

import base64
import binascii
import re
from collections.abc import Callable

from remit.apps.desk.mail import Mail
from remit.apps.desk.mind.phrases import folded, phrases

_BLOB = re.compile(r"(?<![\w+/=])[A-Za-z0-9+/]{24,}={0,2}(?![\w+/=])")
_JOINERS = re.compile("[\u200c\u200d]")
_LOOKED_AT = 50_000
_RISKY_FILE = re.compile(
    r"\.(exe|scr|js|vbs|bat|cmd|ps1|lnk|iso|jar|hta|docm|xlsm)$|\.(pdf|docx?|jpg|png)\.\w{2,4}$", re.I
)


def suspicion(mail: Mail) -> tuple[str, ...]:
    """Why `mail` looks like an injection or an attack, each reason once; empty for an ordinary mail."""
    reasons: dict[str, None] = {}

    def keep(reason: str) -> None:
        reasons[reason] = None

    names = "\n".join(file.name.replace("_", " ").replace("-", " ") for file in mail.attachments)
    places = {"": f"{mail.subject}\n{mail.text}\n{mail.signature}", " (in quoted text)": mail.quoted}
    places |= {
        " (in hidden text)": "\n".join(mail.hidden),
        " (in a file name)": names,
        " (in a name)": mail.sender.name,
    }
    for where, text in places.items():
        _read(_JOINERS.sub("", text[:_LOOKED_AT]), where, keep)
    if any(len(text) > 20 for text in mail.hidden):
        keep("it has text that a reader would not see")
    if any("says something else than the HTML" in problem for problem in mail.problems):
        keep("its plain text and its HTML say different things")
    if any(_RISKY_FILE.search(file.name) for file in mail.attachments):
        keep("it brings a file that could run")
    _who(mail, keep)
    return tuple(reasons)


def _read(text: str, where: str, keep: Callable[[str], None]) -> None:
    one_line_each = re.sub(r"^[> ]+", "", folded(text), flags=re.MULTILINE)
    joined = " ".join(one_line_each.split())
    for reason, pattern in phrases("signs").items():
        if pattern.search(one_line_each) or pattern.search(joined):
            keep(reason + where)
    for blob in _BLOB.findall(text)[:20]:
        if any(pattern.search(folded(_decoded(blob))) for pattern in phrases("signs").values()):
            keep("it carries encoded instructions" + where)


def _decoded(blob: str) -> str:
    try:
        return base64.b64decode(blob + "=" * (-len(blob) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _who(mail: Mail, keep: Callable[[str], None]) -> None:
    if mail.reply_to and mail.reply_to.domain != mail.sender.domain:
        keep("answers would go to another domain than the sender's")
    shown = re.search(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", mail.sender.name)
    if shown and shown[1].lower() != mail.sender.domain:
        keep("the sender's name shows another address than the real one")
