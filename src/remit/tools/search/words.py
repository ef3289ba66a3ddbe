"""Words: how names and texts fall into what can be compared, the same for tools and for queries."""

import re

from remit.tools.search.synonyms import SYNONYMS

MOST = 32
"""Different words of a query that are looked for."""

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

_SILENT = """
a about all am an and any are as at be been but by can could did do does for from had has have he her him his how i if
in into is it its just let like may me my need no not of off on one only or our out please she should so some somebody
someone something than that the their them then there these they this to too up us want was we were what when where
which who whom why will with would you your
"""
_STOP = frozenset(_SILENT.split())
"""Words of English that say nothing of a tool; they count only in a query that has no others."""


def words(text: str) -> list[str]:
    """List the words of a text; `createPullRequest` and `create_pull_request` also fall into their parts."""
    found: list[str] = []
    for whole in _WORD.findall(text):
        parts: list[str] = _HUMP.split(whole)
        if len(parts) > 1:
            found += [part.casefold() for part in parts]
        found.append(whole.casefold())
    return found


def wanted(query: str) -> list[str]:
    """List the different words of a query that are looked for, at most `MOST`."""
    found = list(dict.fromkeys(words(query)))
    telling = [word for word in found if word not in _STOP]
    return (telling or found)[:MOST]


def meanings(found: list[str]) -> list[str]:
    """Replace words by what they commonly mean in APIs; those without synonyms stay out."""
    return list(dict.fromkeys(meaning for word in found if (meaning := _meaning(word))))


def _meaning(word: str) -> str:
    return next((SYNONYMS[form] for form in _forms(word) if form in SYNONYMS), "")


def _forms(word: str) -> list[str]:
    """Give a word and what its endings may hide."""
    forms = [word]
    for ending in ("s", "es", "d", "ed", "ing"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word.removesuffix(ending)
            forms += [stem, f"{stem}e"] if ending == "ing" else [stem]
            if len(stem) > 3 and stem[-1] == stem[-2]:
                forms.append(stem[:-1])
    return forms
