"""Telling what a customer wrote now from what was written before, line by line and in linear time."""

import re
from dataclasses import dataclass

_WROTE = re.compile(
    r"(wrote|writes|schrieb[^:]*|schreef[^:]*|a écrit|ha scritto|escribió|escreveu|napisał\(a\)|skrev|のメール)"
    r"\s*[:\uff1a]\s*$"
)
_INTRO = re.compile(r"^(on|am|le|op|il|el|em|den|dnia|w dniu|\d{4}[年/-])", re.IGNORECASE)
_DIVIDER = re.compile(
    r"^[-_ ]{2,20}\s*(original message|ursprüngliche nachricht|message d'origine|mensaje original|"
    r"mensagem original|messaggio originale|oorspronkelijk bericht|original appointment)\s*[-_ ]{0,20}$",
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"^[-_ ]{2,20}\s*(forwarded message|weitergeleitete nachricht|message transféré|mensaje reenviado)\s*[-_ ]{0,20}$|"
    r"^begin forwarded message:$",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"^\*?(from|sent|date|to|cc|subject|von|gesendet|an|betreff|datum|de|envoyé|à|objet|enviado|para|asunto|reply-to)"
    r"\*?\s?:",
    re.IGNORECASE,
)
_FIRST_FIELD = re.compile(r"^\*?(from|von|de)\*?\s?:\s*\S", re.IGNORECASE)
_SENT_FROM = re.compile(r"^(sent from (my|outlook|mail)|get outlook for|von meinem|envoyé de mon|gesendet von)\b", re.I)
_CLOSING = re.compile(
    r"^((with )?(best|kind|warm|kindest|warmest)?\s?(regards|wishes)|best|cheers|sincerely|yours( truly| sincerely)?|"
    r"thanks( again| in advance| a lot)?|many thanks|thank you|mit freundlichen grüßen|viele grüße|lg|cordialement|"
    r"bien à vous|saludos( cordiales)?|un saludo|atentamente|よろしくお願い(いた)?します)[,.!。]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Split:
    """A body in its three parts."""

    text: str
    quoted: str
    signature: str


def split_body(body: str) -> Split:
    """The newest text, the history below or between it, and the signature; nothing is lost but white space."""
    lines = [line.rstrip() for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    written: list[str] = []
    quoted: list[str] = []
    position = 0
    while position < len(lines):
        line = lines[position]
        if line.startswith(">"):
            quoted.append(line)
        elif _FORWARD.match(line.strip()):
            # A forwarded mail is what the customer wants read, so it counts as written now.
            position = _after_fields(lines, position + 1) - 1
        elif _is_history(lines, position):
            quoted += lines[position:]
            break
        elif intro := _attribution(lines, position):
            if not _quoted_below(lines, position + intro):
                quoted += lines[position:]
                break
            quoted += lines[position : position + intro]
            position += intro - 1
        else:
            written.append(line)
        position += 1
    text, signature = _without_signature(written)
    return Split(text, _joined(quoted), signature)


def _is_history(lines: list[str], position: int) -> bool:
    line = lines[position].strip()
    if _DIVIDER.match(line):
        return True
    if not _FIRST_FIELD.match(line):
        return False
    following = [below.strip() for below in lines[position + 1 : position + 6]]
    return sum(1 for below in following if _FIELD.match(below)) >= 2


def _attribution(lines: list[str], position: int) -> int:
    """How many lines from here introduce a quotation ("On ... wrote:"), 0 when none does."""
    if not _INTRO.match(lines[position]):
        return 0
    for count in range(1, 4):
        last = lines[position + count - 1 : position + count]
        if not last or not last[0].strip():
            return 0
        if _WROTE.search(last[0][-40:]) and _looks_dated(" ".join(lines[position : position + count])[:600]):
            return count
    return 0


def _looks_dated(intro: str) -> bool:
    return any(character.isdigit() for character in intro)


def _quoted_below(lines: list[str], position: int) -> bool:
    return any(line.startswith(">") for line in lines[position : position + 3])


def _after_fields(lines: list[str], position: int) -> int:
    while position < len(lines) and (not lines[position].strip() or _FIELD.match(lines[position].strip())):
        position += 1
    return position


def _without_signature(written: list[str]) -> tuple[str, str]:
    for position, line in enumerate(written):
        if line in {"--", "-- "} or _SENT_FROM.match(line.strip()):
            return _closed(written[:position], written[position:])
    return _closed(written, [])


def _closed(written: list[str], signature: list[str]) -> tuple[str, str]:
    """Moves a closing ("Kind regards, Ann, phone") from the end of the text to the signature."""
    end = len(written)
    while end and not written[end - 1].strip():
        end -= 1
    for position in range(end - 1, max(end - 10, 1) - 1, -1):
        below = written[position + 1 : end]
        if _CLOSING.match(written[position].strip()) and all(len(line) < 70 for line in below):
            return _joined(written[:position]), _joined(written[position:] + signature)
    return _joined(written), _joined(signature)


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n ")
