"""What a mail wants, how pressing it is and what it is about: the pure part of the offline mind."""

import re
from functools import cache
from pathlib import Path
from typing import Literal, cast

import msgspec

from remit.apps.desk.mail import Mail
from remit.apps.desk.mind.classifier import Classifier
from remit.apps.desk.mind.entities import Entities, find_entities
from remit.apps.desk.mind.phrases import folded, phrases

Intent = Literal[
    "bug_report",
    "outage",
    "billing_question",
    "refund_request",
    "account_deletion",
    "password_reset",
    "how_to",
    "feature_request",
    "complaint",
    "feedback_thanks",
    "security_report",
    "spam",
    "other",
]
Urgency = Literal["low", "normal", "high", "critical"]
Approval = Literal["refund", "deletion"]
_EXAMPLES = Path(__file__).parent.parent / "data" / "examples.jsonl"
_LEVELS: tuple[Urgency, ...] = ("low", "normal", "high", "critical")
_USUAL: dict[Intent, int] = {
    "outage": 2,
    "security_report": 2,
    "how_to": 0,
    "feature_request": 0,
    "feedback_thanks": 0,
    "spam": 0,
    "other": 0,
}
_STOPWORDS = {
    "de": frozenset(
        ["der", "die", "das", "ich", "und", "nicht", "ist", "bitte", "wir", "mein", "für", "auf", "sie", "mit"]
    ),
    "fr": frozenset(
        ["le", "les", "je", "et", "est", "pas", "vous", "nous", "mon", "pour", "votre", "une", "du", "que"]
    ),
    "es": frozenset(["el", "los", "yo", "y", "es", "mi", "por", "para", "una", "que", "su", "del", "me", "no"]),
    "en": frozenset(["the", "i", "and", "is", "not", "please", "we", "my", "for", "on", "you", "with", "to", "of"]),
}


class Understanding(msgspec.Struct, frozen=True, kw_only=True):
    """The offline mind's reading of one mail."""

    intent: Intent
    confidence: float
    """Share of certainty between 0 and 1; in cross-validation, judgements above 0.9 are nearly always right."""
    urgency: Urgency
    entities: Entities
    language: str
    """ISO 639-1, or "und" when unclear."""
    approvals: tuple[Approval, ...] = ()
    """What the mail asks for that only a person may grant, whatever its intent is taken to be."""


class _Example(msgspec.Struct, frozen=True):
    text: str
    intent: Intent
    urgency: Urgency


def examples() -> list[tuple[str, Intent, Urgency]]:
    """The labelled examples that ship with the package: text, intent, urgency."""
    lines = _EXAMPLES.read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=_Example) for line in lines if line.strip()]
    return [(one.text, one.intent, one.urgency) for one in found]


@cache
def trained() -> Classifier:
    """The classifier of intents, trained once in a process."""
    return Classifier.train([(text, intent) for text, intent, _ in examples()])


def understand(mail: Mail) -> Understanding:
    """Intent, urgency and particulars of `mail`, from its subject and newest text only."""
    text = f"{mail.subject}\n{mail.text}".strip()[:20_000]
    intent, confidence = judge_intent(text)
    return Understanding(
        intent=intent,
        confidence=confidence,
        urgency=judge_urgency(text, intent),
        entities=find_entities(mail),
        language=guess_language(mail.text or mail.subject),
        approvals=needed_approvals(text, intent),
    )


def judge_intent(text: str) -> tuple[Intent, float]:
    """The likeliest intent of `text` and how sure that is; nothing said is `other`."""
    if not any(character.isalnum() for character in text):
        return "other", 0.0
    label, confidence = next(iter(trained().judge(text).items()))
    return cast("Intent", label), confidence


def _says(what: str, text: str) -> bool:
    return phrases("urgency")[what].search(folded(text)) is not None


def judge_urgency(text: str, intent: Intent) -> Urgency:
    """Usual urgency of the intent, raised by pressing words and grave effects, lowered when the writer has time."""
    level = _USUAL.get(intent, 1)
    if intent in {"spam", "feedback_thanks"}:
        return "low"
    if _says("grave", text) and intent in {"bug_report", "outage", "security_report"}:
        return "critical"
    unhurried = _says("unhurried", text)
    if _says("pressing", text) and not unhurried:
        level = max(level, 2)
    return _LEVELS[max(level - 1, 0) if unhurried else level]


def needed_approvals(text: str, intent: Intent) -> tuple[Approval, ...]:
    """Money back and deletion, asked for in whatever words or context: too often is cheap here, too seldom is not."""
    found: list[Approval] = []
    if intent == "refund_request" or _says("refund", text):
        found.append("refund")
    if intent == "account_deletion" or _says("deletion", text):
        found.append("deletion")
    return tuple(found)


def guess_language(text: str) -> str:
    """A guess from script and small words, good enough to pick a greeting."""
    sample = text[:2000].casefold()
    if re.search("[\u3040-\u30ff]", sample):
        return "ja"
    if len(re.findall("[\u0400-\u04ff]", sample)) > len(sample) / 4:
        return "ru"
    found = re.findall(r"[^\W\d_]+", sample)
    scores = {language: sum(word in small for word in found) for language, small in _STOPWORDS.items()}
    best = max(scores, key=lambda language: scores[language])
    return best if scores[best] else "und"
