"""Personal: keeps what is obviously about a person out of what a model is shown of files before it is asked.

It looks for forms and for names of columns, so it finds the obvious and no more: programs still see whole files.
"""

import re

_SHORT = 60
"""Characters of a value that are shown."""
_HIDDEN = re.compile(
    r"(^|_|\b)(e_?mail|mail_?address|phone|mobile|telephone|fax|ssn|social_security|iban|passport|card_?(number|no)|"
    r"credit_?card|password|passwd|secret|token|api_?key|birth_?(date|day)|date_?of_?birth|dob|street|"
    r"(home_?|postal_?)?address|first_?name|last_?name|full_?name|surname)($|_|\b)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[ -]?\d){12,18}(?![\w.])")
_PHONE = re.compile(r"(?<![\w.])\+\d{1,3}[ ./-]?(?:\(?\d{1,4}\)?[ ./-]?){2,5}\d(?![\w.])")
_SOCIAL = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FIGURES = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "BOOL")


def personal(column: str, kind: str) -> bool:
    """Say whether a column is about a person by its name; figures are not, whatever they are called."""
    if any(part in kind.upper() for part in _FIGURES) and "card" not in column.lower():
        return False
    return _HIDDEN.search(_CAMEL.sub("_", column).replace("-", "_").replace(" ", "_")) is not None


def masked(text: str) -> str:
    """Put words for addresses of mail, phone numbers, IBANs, social security and card numbers; cut what is long."""
    text = _MAIL.sub("<email>", text)
    text = _IBAN.sub("<iban>", text)
    text = _SOCIAL.sub("<social security number>", text)
    text = _NUMBER.sub(lambda found: "<card number>" if _luhn(found[0]) else found[0], text)
    text = _PHONE.sub("<phone>", text)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _luhn(text: str) -> bool:
    """Check the digit at the end of a card number (ISO/IEC 7812-1)."""
    digits = [int(mark) for mark in reversed(text) if mark.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
