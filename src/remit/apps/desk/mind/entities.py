"""The particulars a mail names: orders, invoices, money, products, error codes, versions, addresses, a name."""

import re
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from remit.apps.desk.mail import Mail

PRODUCTS = {
    "sync": re.compile(
        r"\borchard sync\b|\bsync(hroni[sz]ation|ing)?\b|\bshared folders?\b|\bdesktop client\b|同期", re.I
    ),
    "pay": re.compile(
        r"\borchard pay\b|\bcheckout\b|\bpayments? (api|page|widget|terminals?)\b|\bcard terminals?\b", re.I
    ),
    "mobile": re.compile(r"\borchard mobile\b|\b(mobile|phone|android|ios|iphone|ipad) ?apps?\b|\bipad\b|アプリ", re.I),
    "console": re.compile(r"\borchard console\b|\bconsole\b|\bdashboard\b|\badmin (page|area|panel)\b", re.I),
    "insights": re.compile(r"\borchard insights\b|\binsights\b", re.I),
}
_LOOKED_AT = 20_000
_FULL_NAMES = {name: re.compile(rf"\borchard {name}\b", re.I) for name in PRODUCTS}
_NUMBER = r"\s{0,3}(?:no\.?|number|nr\.?|n°|#)?\s{0,3}#?"
_ORDER = re.compile(rf"\bORD-\d{{3,10}}\b|\b(?:order|bestellung|commande|pedido){_NUMBER}(\d{{4,10}})\b", re.I | re.A)
_INVOICE = re.compile(
    rf"\bINV-\d{{4}}-\d{{1,6}}\b|\b(?:invoice|rechnung|facture|factura){_NUMBER}(\d{{3,10}})\b", re.I | re.A
)
_FIGURE = r"\d{1,3}(?:[ .,'\u00a0]\d{3}){1,4}(?:[.,]\d{1,2})?|\d{1,9}(?:[.,]\d{1,2})?"
_UNITS = {
    "$": "USD",
    "usd": "USD",
    "dollar": "USD",
    "€": "EUR",
    "eur": "EUR",
    "euro": "EUR",
    "£": "GBP",
    "gbp": "GBP",
    "pound": "GBP",
    "¥": "JPY",
    "円": "JPY",
    "jpy": "JPY",
    "yen": "JPY",
    "chf": "CHF",
}
_UNIT = r"[$€£¥円]|\b(?:usd|eur|gbp|jpy|chf)\b|\b(?:dollar|euro|pound|yen)s?\b"
_BEFORE = re.compile(rf"({_UNIT})\s?({_FIGURE})(?![\d])", re.I)
_AFTER = re.compile(rf"(?<![\d.,])({_FIGURE})\s?({_UNIT}|(?:usd|eur|gbp|jpy|chf)\b)", re.I)
_ERROR = re.compile(
    r"\b(?!ORD-|INV-|PO-|ISO-|UTF-|SHA-|TLS-|CVE-|RFC-)[A-Z]{2,4}-\d{4,5}\b|\b(?:HTTP|status)\s?[45]\d\d\b|"
    r"\b0x[0-9A-Fa-f]{4,8}\b",
    re.A,
)
_VERSION = re.compile(
    r"\b(?:v|version |release |app |update to |client )(\d{1,3}\.\d{1,3}(?:\.\d{1,4})?)\b|"
    r"\b(\d{1,3}\.\d{1,3}\.\d{1,4})\b(?!\.)",
    re.I,
)
_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}\b")
_SIGNED = re.compile(r"^[A-ZÀ-Þ][\w'\u2019.-]+(?: [A-ZÀ-Þ][\w'\u2019.-]+){0,3}$")
_I_AM = re.compile(r"\b(?:my name is|mein name ist|je m'appelle|me llamo) ([A-ZÀ-Þ][\w'-]+(?: [A-ZÀ-Þ][\w'-]+)?)")


class Money(msgspec.Struct, frozen=True):
    """An amount as the customer named it."""

    amount: Decimal
    currency: str
    """ISO 4217."""


class Entities(msgspec.Struct, frozen=True, kw_only=True):
    """What a mail names, in order of appearance, without repetitions."""

    orders: tuple[str, ...] = ()
    invoices: tuple[str, ...] = ()
    money: tuple[Money, ...] = ()
    products: tuple[str, ...] = ()
    """The surest first: named in full, then in the subject, then anywhere."""
    errors: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    name: str = ""


def find_entities(mail: Mail) -> Entities:
    """The particulars in subject and newest text of `mail`."""
    text = f"{mail.subject}\n{mail.text}"[:_LOOKED_AT]
    return Entities(
        orders=_named(_ORDER, text, "ORD-"),
        invoices=_named(_INVOICE, text, "INV-"),
        money=find_money(text),
        products=_products(mail.subject, text),
        errors=_unique(match[0] for match in _ERROR.finditer(text)),
        versions=_unique(match[1] or match[2] for match in _VERSION.finditer(text)),
        emails=_unique(match[0].lower() for match in _EMAIL.finditer(text)),
        name=_name(mail),
    )


def _unique(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


def _named(pattern: re.Pattern[str], text: str, prefix: str) -> tuple[str, ...]:
    return _unique(f"{prefix}{match[1]}" if match[1] else match[0].upper() for match in pattern.finditer(text))


def find_money(text: str) -> tuple[Money, ...]:
    """Amounts with a currency; 1.200,50 and 1,200.50 are the same."""
    found = [(match.start(), match[2], match[1]) for match in _BEFORE.finditer(text)]
    found += [(match.start(), match[1], match[2]) for match in _AFTER.finditer(text)]
    taken: dict[Money, None] = {}
    for _, figure, unit in sorted(found):
        key = unit.lower().rstrip("s") if len(unit) > 3 else unit.lower()
        taken[Money(_amount(figure), _UNITS[key])] = None
    return tuple(taken)


def _amount(figure: str) -> Decimal:
    digits = re.sub(r"[ '\u00a0]", "", figure)
    mark = max(digits.rfind("."), digits.rfind(","))
    if mark < 0:
        return Decimal(digits)
    # Three digits after the last mark are thousands, one or two are cents.
    cents = digits[mark + 1 :] if len(digits) - mark - 1 < 3 else ""
    whole = digits[:mark] if cents else digits
    return Decimal(re.sub(r"[.,]", "", whole) + (f".{cents}" if cents else ""))


def _products(subject: str, text: str) -> tuple[str, ...]:
    in_full = sorted((match.start(), name) for name, pattern in _FULL_NAMES.items() if (match := pattern.search(text)))
    in_subject = [name for name, pattern in PRODUCTS.items() if pattern.search(subject)]
    anywhere = sorted((match.start(), name) for name, pattern in PRODUCTS.items() if (match := pattern.search(text)))
    return _unique([*(name for _, name in in_full), *in_subject, *(name for _, name in anywhere)])


def _name(mail: Mail) -> str:
    if said := _I_AM.search(mail.text[:_LOOKED_AT]):
        return said[1]
    for line in mail.signature.splitlines()[:4]:
        candidate = line.strip(" ,-")
        if _SIGNED.match(candidate) and " " in candidate and not candidate.lower().startswith(("sent ", "get ")):
            return candidate
    return mail.sender.name if not _EMAIL.search(mail.sender.name) else ""
