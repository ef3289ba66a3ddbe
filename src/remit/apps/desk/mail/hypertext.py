"""HTML to what a person would have read, apart from what a person would not have seen.

A tokenizer of its own: the standard library's parser takes minutes for 200 KB of `<a <a <a`, and this input is hostile.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_LONGEST = 1_000_000
_DEEPEST = 200
# Control characters that stand for the ends of a quotation until lines are known.
_QUOTE_BEGINS, _QUOTE_ENDS = "\x02", "\x03"
# Quantifiers are possessive: a tag either matches or does not, without trying again in another way.
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]{0,30}+)((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+'){0,60}+)/?>")
_ATTRIBUTE = re.compile(r"([a-zA-Z][\w:-]{0,40}+)(?:\s{0,5}+=\s{0,5}+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?+")
_VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"])
_DROPPED = frozenset(["script", "style", "head", "title", "template", "noscript"])
_BLOCKS = frozenset(
    ["p", "div", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "pre", "form"]
)
_FONT = re.compile(r"font-size\s*:\s*([\d.]{1,10})?(px|pt|em|rem|%)?", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|mso-hide\s*:\s*all|(?<![\w-])opacity\s*:\s*0*\.?0*\s*(;|!|$)"
    r"|(?<![\w-])(max-)?(height|width)\s*:\s*0(px|%)?\s*(;|!|$)"
    r"|(text-indent|(?<![\w-])left|(?<![\w-])top|margin-left)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?<![\w-])(background(?:-color)?|color)\s*:\s*([#\w][^;!]{0,40})", re.IGNORECASE)
_RULE = re.compile(r"\.([\w-]{1,60})[^{}]{0,200}\{([^{}]{0,1000})\}")
_NAMED = {"white": "#ffffff", "black": "#000000", "transparent": ""}
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})")


@dataclass(frozen=True)
class Page:
    """What HTML says: to a reader, and behind the reader's back."""

    text: str
    hidden: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Place:
    tag: str
    hidden: bool = False
    tiny: bool = False
    colour: str = "#000000"
    background: str = "#ffffff"
    verbatim: bool = False

    @property
    def unseen(self) -> bool:
        # Size and colour may be set right again by an inner element, the rest may not.
        return self.hidden or self.tiny or self.colour == self.background


@dataclass
class _Reading:
    styles: Mapping[str, str]
    places: list[_Place] = field(default_factory=lambda: [_Place("")])
    too_deep: int = 0
    dropped: str = ""
    quotes: int = 0
    seen: list[str] = field(default_factory=list[str])
    unseen: list[str] = field(default_factory=list[str])

    def say(self, markup: str) -> None:
        if self.dropped or not markup:
            return
        text = html.unescape(markup) if self.places[-1].verbatim else _folded(markup)
        if self.places[-1].unseen or self.too_deep:
            self.unseen.append(text)
        else:
            self.seen.append(text)

    def open(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self.dropped:
            return
        if tag in _DROPPED:
            self.dropped = tag
            return
        self._lay_out(tag)
        if tag in _VOID:
            return
        if len(self.places) > _DEEPEST:
            self.too_deep += 1
            return
        if tag == "blockquote":
            self.seen.append("" if self.quotes else _QUOTE_BEGINS)
            self.quotes += 1
        self.places.append(self._place(tag, attributes))

    def close(self, tag: str) -> None:
        if self.dropped:
            self.dropped = "" if tag == self.dropped else self.dropped
            return
        if tag != "li":
            self._lay_out(tag)
        if self.too_deep:
            self.too_deep -= 1
            return
        opened = next((n for n in range(len(self.places) - 1, 0, -1) if self.places[n].tag == tag), 0)
        if opened:
            quoting = self.quotes
            self.quotes -= sum(place.tag == "blockquote" for place in self.places[opened:])
            del self.places[opened:]
            if quoting and not self.quotes:
                self.seen.append("\n" + _QUOTE_ENDS)

    def _lay_out(self, tag: str) -> None:
        if tag == "br" or tag in _BLOCKS:
            self.seen.append("\n")
        elif tag == "li":
            self.seen.append("\n- ")
        elif tag in {"td", "th"}:
            self.seen.append(" ")
        elif tag == "blockquote":
            self.seen.append("\n")
        elif tag == "hr":
            self.seen.append("\n\n")

    def _place(self, tag: str, attributes: Mapping[str, str]) -> _Place:
        above = self.places[-1]
        classes = attributes.get("class", "").split()[:20]
        style = ";".join([attributes.get("style", "")[:2000], *(self.styles.get(name, "") for name in classes)])
        colours = {name.lower(): _colour(value) for name, value in _COLOUR.findall(style)}
        ink = colours.get("color") or _colour(attributes.get("color", "")) or above.colour
        paper = colours.get("background-color") or colours.get("background") or _colour(attributes.get("bgcolor", ""))
        paper = paper or above.background
        hidden = above.hidden or "hidden" in attributes or bool(_HIDDEN_STYLE.search(style))
        return _Place(tag, hidden, _tiny(style, above.tiny), ink, paper, above.verbatim or tag == "pre")


def read_html(markup: str) -> Page:
    """The readable text of `markup` with quotations marked by "> ", and the text that was kept out of sight."""
    problems: list[str] = []
    if len(markup) > _LONGEST:
        problems.append(f"the HTML was longer than {_LONGEST} characters and was cut")
    markup = markup[:_LONGEST].replace(_QUOTE_BEGINS, "").replace(_QUOTE_ENDS, "")
    plain, comments = _without_comments(markup)
    reading = _Reading(_hiding_classes(plain))
    end = 0
    for tag in _TAG.finditer(plain):
        reading.say(plain[end : tag.start()])
        end = tag.end()
        name = tag[2].lower()
        if tag[1]:
            reading.close(name)
        else:
            reading.open(name, _attributes(tag[3]))
    reading.say(plain[end:])
    if reading.too_deep:
        problems.append("the HTML was nested too deeply; the innermost text counts as hidden")
    unseen = _tidy("".join(f"{piece} " for piece in reading.unseen))
    return Page(_marked("".join(reading.seen)), tuple(part for part in (unseen, *comments) if part), tuple(problems))


def _without_comments(markup: str) -> tuple[str, list[str]]:
    kept: list[str] = []
    comments: list[str] = []
    position = 0
    while (start := markup.find("<!", position)) >= 0:
        kept.append(markup[position:start])
        comment = markup.startswith("<!--", start)
        end = markup.find("-->" if comment else ">", start)
        end = len(markup) if end < 0 else end
        inside = _tidy(markup[start + 4 : end]) if comment else ""
        # Conditional comments are how Outlook is told about layout; nobody hides instructions from us in markup.
        if inside and not inside.startswith("[if"):
            comments.append(inside[:2000])
        position = end + (3 if comment else 1)
    kept.append(markup[position:])
    return "".join(kept), comments[:20]


def _hiding_classes(markup: str) -> Mapping[str, str]:
    start = markup.lower().find("<style")
    if start < 0:
        return {}
    sheet = markup[start : start + 50_000]
    return {name: rule for name, rule in _RULE.findall(sheet) if _HIDDEN_STYLE.search(rule) or _COLOUR.search(rule)}


def _attributes(written: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(written[:20_000]):
        found.setdefault(name.lower(), html.unescape(double or single or bare))
    return found


def _tiny(style: str, above: bool) -> bool:  # noqa: FBT001 - what holds outside holds inside unless said otherwise
    sizes = _FONT.findall(style)
    if not sizes:
        return above
    figure, unit = sizes[-1]
    # Words such as "small" have no figure; one pixel is as unreadable as none.
    return bool(figure.strip(".")) and float(f"0{figure.strip('.')}") <= (1 if unit.lower() in {"px", "pt"} else 0)


def _colour(value: str) -> str:
    value = value.strip().lower()
    if rgb := _RGB.match(value):
        return "#" + "".join(f"{min(int(part), 255):02x}" for part in rgb.groups())
    value = value.split()[0] if value else ""
    if re.fullmatch(r"#[0-9a-f]{3}", value):
        value = "#" + "".join(digit * 2 for digit in value[1:])
    if value.startswith("#f") and re.fullmatch(r"#f[a-f0-9]f[a-f0-9]f[a-f0-9]", value) and min(value[2::2]) >= "a":
        return "#ffffff"
    return _NAMED.get(value, value)


def _folded(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(markup))


def _tidy(text: str) -> str:
    return " ".join(html.unescape(text).split())


def _marked(text: str) -> str:
    lines: list[str] = []
    quoting = False
    for line in text.split("\n"):
        if _QUOTE_BEGINS in line or _QUOTE_ENDS in line:
            quoting = line.rfind(_QUOTE_BEGINS) > line.rfind(_QUOTE_ENDS)
        stripped = line.replace(_QUOTE_BEGINS, "").replace(_QUOTE_ENDS, "").strip(" \t\xa0")
        if stripped or (lines and lines[-1] not in {"", ">"}):
            lines.append(f"> {stripped}".rstrip() if quoting else stripped)
    while lines and lines[-1] in {"", ">"}:
        lines.pop()
    return "\n".join(lines).strip("\n")
