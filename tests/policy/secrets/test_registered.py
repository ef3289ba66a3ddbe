"""Secrets: registered values are found in every form, and nothing else changes."""

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from remit.core import events as ev
from remit.core.errors import ConfigError
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome
from remit.core.toolspec import ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.policy.secrets import Secrets, overheard

KEY = 'sk-a/b+c "d" é\\x?=9'
SECRETS = Secrets({"API_KEY": KEY})


def test_a_value_is_replaced_by_its_name_wherever_it_occurs() -> None:
    assert SECRETS.redact(f"use {KEY}, yes {KEY}") == "use [secret:API_KEY], yes [secret:API_KEY]"
    assert SECRETS.redact(f"use {KEY}".encode()) == b"use [secret:API_KEY]"


FORMS: dict[str, Callable[[str], str]] = {
    "quoted": quote,
    "quoted wholly": lambda text: quote(text, safe=""),
    "quoted in lower case": lambda text: re.sub("%..", lambda code: code[0].lower(), quote(text, safe="")),
    "form": quote_plus,
    "query": lambda text: urlencode({"key": text}),
    "json": json.dumps,
    "json in utf-8": lambda text: json.dumps(text, ensure_ascii=False),
    "json with slashes escaped": lambda text: json.dumps(text, ensure_ascii=False).replace("/", "\\/"),
    "python": repr,
    "hexadecimal": lambda text: text.encode().hex(),
    "json in json": lambda text: json.dumps(json.dumps({"key": text})),
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_a_value_is_found_in_the_forms_in_which_it_travels(write: Callable[[str], str]) -> None:
    text = write(KEY)
    cleaned = SECRETS.redact(f"a {text} z")
    assert "[secret:API_KEY]" in cleaned
    assert "sk-a" not in cleaned
    assert cleaned.startswith("a ")
    assert cleaned.endswith(" z")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "u", "u:", "usr", "user:"])
@pytest.mark.parametrize("after", ["", "\n", "; and more"])
def test_a_value_is_found_at_every_place_in_base64(encode: Callable[[bytes], bytes], before: str, after: str) -> None:
    encoded = encode(f"{before}{KEY}{after}".encode())
    cleaned = SECRETS.redact(b"Basic " + encoded)
    assert b"[secret:API_KEY]" in cleaned
    assert SECRETS.redact("Basic " + encoded.decode()) == cleaned.decode()


def test_json_is_searched_in_its_values_its_keys_and_its_whole_numbers() -> None:
    secrets = Secrets({"A": "alpha-1", "PIN": "493817"})
    value: JsonValue = {"alpha-1": [1, None, True, 1.5, {"deep": "is alpha-1"}, 493817, "493817"]}
    assert secrets.redact(value) == {
        "[secret:A]": [1, None, True, 1.5, {"deep": "is [secret:A]"}, "[secret:PIN]", "[secret:PIN]"]
    }
    bare: JsonValue = 493817
    assert secrets.redact(bare) == "[secret:PIN]"


def test_what_holds_no_secret_comes_back_as_the_same_object() -> None:
    value: JsonObject = {"a": ["b", 1]}
    text, body = "nothing here", b"nor here \xff"
    assert SECRETS.redact(value) is value
    assert SECRETS.redact(text) is text
    assert SECRETS.redact(body) is body
    assert Secrets().redact(value) is value
    assert Secrets().redact(text) is text


def test_text_that_is_not_quite_unicode_is_searched_too() -> None:
    assert SECRETS.redact(f"\ud800 {KEY}") == "\ud800 [secret:API_KEY]"


def test_of_two_values_that_begin_alike_the_longer_goes_whole() -> None:
    secrets = Secrets({"SHORT": "abcdef", "LONG": "abcdefghi"})
    assert secrets.redact("abcdefghi abcdefgh") == "[secret:LONG] [secret:SHORT]gh"


def test_where_a_value_could_arise_from_a_mark_and_its_neighbours_marks_stand_apart() -> None:
    assert Secrets({"A": "alpha-1", "B": "ret:A]!"}).redact("alpha-1!") == " [secret:A] !"
    assert Secrets({"A": "alpha-1", "B": "beta[sec"}).redact("betaalpha-1") == "beta [secret:A] "
    assert Secrets({"A": "alpha-1", "B": "x[secret:A]x"}).redact("xalpha-1x") == "x [secret:A] x"
    assert Secrets({"A": "alpha-1", "B": "[other] "}).redact("alpha-1!") == "[secret:A]!"


def test_what_keeps_marks_apart_is_in_no_value() -> None:
    values = {"A": "alpha-1", "B": "A] |~^*`_"}
    assert Secrets(values).redact("alpha-1") == "\u2500[secret:A]\u2500"


def test_text_made_to_bring_values_back_without_end_comes_to_one() -> None:
    chain = {"A": "alpha-1", "B": "[secret:A]x", "C": "[secret:B]x", "D": "[secret:C]x", "E": "[secret:D]x"}
    assert Secrets(chain).redact("so: alpha-1xxxx") == "so:  [secret:A] xxxx"
    assert Secrets(chain).redact("so: [secret:D]x") == "so:  [secret:E] "


@pytest.mark.parametrize("end", ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "\\\\r\\\\n", "\n    ", "\n\t"])
@pytest.mark.parametrize("width", [16, 64, 76])
@pytest.mark.parametrize("before", [0, 1, 50, 74])
def test_a_value_is_found_in_base64_that_is_broken_into_lines(end: str, width: int, before: int) -> None:
    long = "sk-live-" + "0123456789abcdef" * 6
    digits = base64.b64encode(f"{'.' * before}{long} and more".encode()).decode()
    text = end.join(digits[at : at + width] for at in range(0, len(digits), width))
    for surrounded in (text, f'{{"body": "{text}"}}' + "." * 600):
        cleaned = Secrets({"A": long}).redact(surrounded)
        assert cleaned.count("[secret:A]") == 1
        assert "MDEyMzQ1Njc4" not in cleaned.replace("\n", "")
        event = ev.MessageReceived(surrounded)
        assert Secrets({"A": long}).redact_event(event).text == cleaned


def test_the_first_of_those_that_overlap_is_found_whether_in_one_line_or_in_several() -> None:
    digits = base64.b64encode(b"the-first-value-and-one-more").decode()
    broken = f"{digits[:20]}\n{digits[20:]}"
    secrets = Secrets({"A": "the-first-value-and", "B": broken[5:]})
    assert secrets.redact(broken) == f"[secret:A]{broken[-len(digits) + 25 :]}"


def test_short_lines_are_not_taken_for_one_text() -> None:
    digits = base64.b64encode(KEY.encode()).decode()
    assert SECRETS.redact(f"{digits[:10]}\n{digits[10:]}") == f"{digits[:10]}\n{digits[10:]}"


def test_any_struct_is_searched_as_events_are() -> None:
    spec = ToolSpec(name="mail", description=f"Use {KEY}.", schema={"default": KEY})
    cleaned = SECRETS.redact_event(spec)
    assert (cleaned.description, cleaned.schema) == ("Use [secret:API_KEY].", {"default": "[secret:API_KEY]"})


def test_who_overhears_learns_every_value_that_anybody_registers_meanwhile() -> None:
    Secrets({"BEFORE": "before-1"})
    with overheard() as heard, overheard() as other:
        Secrets({"A": "alpha-1", "B": "other-value"}).register("A", "alpha-2")
        heard.register("OWN", "own-value")
        assert heard.redact("before-1 alpha-1 alpha-2 own-value") == "before-1 [secret:A] [secret:A] [secret:OWN]"
        assert other.redact("own-value") == "[secret:OWN]"
    Secrets({"AFTER": "after-12"})
    assert heard.redact("after-12 alpha-1") == "after-12 [secret:A]"


def test_what_is_the_name_of_another_secret_is_not_overheard() -> None:
    with overheard() as heard:
        Secrets({"SERVICE": "alpha-1"})
        Secrets({"A": "SERVICE"})
        assert heard.redact("alpha-1") == "[secret:SERVICE]"


def test_the_version_tells_how_many_values_there_are() -> None:
    secrets = Secrets({"A": "alpha-1"})
    secrets.register("B", "alpha-1")
    assert secrets.version == 1
    secrets.register("B", "other-value")
    assert secrets.version == 2


def test_numbers_that_spell_a_value_out_do_not_stay() -> None:
    secrets = Secrets({"A": "abcdef"})
    spelled: JsonValue = list(b"abcdef")
    assert secrets.redact(spelled) == "[secret:A]"
    assert secrets.redact({"codes": spelled}) == {"redacted": "[secret:A]"}


@pytest.mark.parametrize("value", ["", "a", "12345"])
def test_a_short_value_is_refused_because_it_would_turn_up_by_chance(value: str) -> None:
    with pytest.raises(ConfigError, match=f"'A' has {len(value)} characters; less than 6 turn up by chance"):
        Secrets({"A": value})


@pytest.mark.parametrize("value", ["simulate", "cancel", "session_usd", "secret", "[secret:A]", "ret:OTHER"])
def test_a_value_that_every_journal_holds_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Secrets({"OTHER": "other-value", "A": value})
    assert str(refused.value) == "secret 'A' cannot be kept out: a value is part of a word that every journal holds"


def test_a_name_that_holds_an_earlier_value_is_refused() -> None:
    secrets = Secrets({"A": "alpha-1"})
    with pytest.raises(ConfigError, match="cannot be kept out"):
        secrets.register("my.alpha-1", "other-value")
    assert secrets.redact("other-value alpha-1") == "other-value [secret:A]"


@pytest.mark.parametrize("name", ["", "a b", "a]", "a\n"])
def test_a_name_that_could_not_be_read_in_a_mark_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be named"):
        Secrets({name: "long enough"})


def test_an_old_value_is_kept_out_after_the_name_got_a_new_one_and_one_value_has_one_name() -> None:
    secrets = Secrets({"A": "old-value"})
    secrets.register("A", "new-value")
    secrets.register("B", "new-value")
    assert secrets.redact("old-value new-value") == "[secret:A] [secret:A]"


def test_the_environment_gives_the_variables_that_are_set() -> None:
    secrets = Secrets.from_environ(
        {"TOKEN": "tok-123456", "EMPTY": "", "OTHER": "other-value"}, ["TOKEN", "EMPTY", "NO"]
    )
    assert secrets.redact("tok-123456 other-value") == "[secret:TOKEN] other-value"


# -- events ------------------------------------------------------------------------------------------------------------

V = "hunter22"
EVENTS: list[ev.Event] = [
    ev.SessionOpened(V, V, V, {V: V}, V, ev.Tree(V, V), Limits(), {"default": V}, V, V),
    ev.RunOpened(1, V, V, 1),
    ev.MessageReceived(f"my password is {V}"),
    ev.ModelAsked("1", say=V, tools=(V, "other"), nudge=V),
    ev.ModelAnswered("1", V, (Call("mail", {"to": [V], V: {"deep": V}}, "1_0", V),), reasoning={"thought": V}),
    ev.ModelFailed("1", f"401 for {V}"),
    ev.Judged("1_0", "Permissions", "deny", V),
    ev.ApprovalAsked("1_0", "0" * 32, V, 1, Call("mail", {"to": V}, "1_0")),
    ev.ApprovalGiven("1_0", granted=True, by="ann", digest="0" * 32, reason=V),
    ev.EffectStarted("1_0", made=Call("mail", {"to": V}, "1_0")),
    ev.EffectEnded(Outcome("1_0", output={"echo": V})),
    ev.EffectInDoubt("1_0", f"did {V} arrive?"),
    ev.EffectReconciled("1_0", happened=True, by="probe", output=[V]),
    ev.Noted("1", "plan", {"steps": [V]}),
    ev.Flagged("honeypot", "notice", V),
    ev.LimitRaised("usd", 1.0, V),
    ev.RunEnded(1, "done", V, V),
    ev.SessionClosed("ann", V),
    ev.RunSuspended("approval", 1, V),
    ev.RunResumed(V, 1),
    ev.CancelAsked("ann", V),
]


def test_the_events_under_test_are_of_every_kind() -> None:
    assert [type(event).__struct_config__.tag for event in EVENTS] == list(range(1, 22))


@pytest.mark.parametrize("event", EVENTS, ids=ev.kind)
def test_a_value_goes_from_every_field_of_every_event(event: ev.Event) -> None:
    secrets = Secrets({"PASSWORD": V})
    cleaned = secrets.redact_event(event)
    body = ev.encode((cleaned,))
    assert V.encode() not in body
    assert b"[secret:PASSWORD]" in body
    assert ev.decode(body) == (cleaned,)
    assert secrets.redact_event(cleaned) is cleaned


@pytest.mark.parametrize("event", EVENTS, ids=ev.kind)
def test_an_event_without_a_value_comes_back_as_the_same_object(event: ev.Event) -> None:
    assert SECRETS.redact_event(event) is event
    assert Secrets().redact_event(event) is event


def test_what_only_looks_like_a_value_across_fields_stays_as_it_is() -> None:
    event = ev.ModelFailed("1", "abcde", cost=ord("f"))
    assert Secrets({"A": "abcdef"}).redact_event(event) is event


ALPHABET = 'ab/+%"\\é]['
VALUES = st.text(ALPHABET + "xyz:AB", min_size=6, max_size=9)


def texts(value: str) -> st.SearchStrategy[str]:
    forms = [value, quote(value, safe=""), json.dumps(value)[1:-1], base64.b64encode(value.encode()).decode()]
    return st.lists(st.sampled_from([*forms, value[:3], value[3:]]) | st.text(ALPHABET, max_size=3), max_size=5).map(
        "".join
    )


def leaves(value: JsonValue) -> list[JsonValue]:
    match value:
        case list():
            return [leaf for item in value for leaf in leaves(item)]
        case dict():
            return [*value, *(leaf for item in value.values() for leaf in leaves(item))]
        case _:
            return [value]


@given(data=st.data(), names=st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True))
def test_no_registered_value_is_left_anywhere_in_an_encoded_event(data: st.DataObject, names: list[str]) -> None:
    values = [data.draw(VALUES) for _ in names]
    try:
        secrets = Secrets(dict(zip(names, values, strict=True)))
    except ConfigError:
        assume(condition=False)
        return
    text = st.one_of(*(texts(value) for value in values))
    json_value = st.recursive(
        text | st.integers(0, 200) | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    )
    call = Call("t", data.draw(st.dictionaries(text, json_value, max_size=3)), "1_0")
    event: ev.Event = data.draw(
        st.sampled_from(
            [
                ev.EffectEnded(Outcome("1_0", output=data.draw(json_value)), made=call),
                ev.ModelAnswered("1", data.draw(text), (call,), reasoning=data.draw(json_value)),
            ]
        )
    )
    cleaned = secrets.redact_event(event)
    body = ev.encode((cleaned,))
    strings = [leaf for leaf in leaves(msgspec.msgpack.decode(body)) if isinstance(leaf, str)]
    for value in values:
        assert value.encode() not in body
        assert not any(value in string for string in strings)
    assert ev.decode(body) == (cleaned,)


@given(before=st.binary(max_size=4), after=st.binary(max_size=4), value=VALUES)
@example(before=b"u", after=b"", value="aaaaaa")
def test_base64_of_a_value_never_decodes_back_to_it(before: bytes, after: bytes, value: str) -> None:
    try:
        secrets = Secrets({"A": value})
    except ConfigError:
        assume(condition=False)
        return
    encoded = base64.b64encode(before + value.encode() + after)
    assert secrets.redact(encoded) != encoded


@given(before=st.integers(0, 2000), after=st.integers(0, 2000))
def test_a_value_is_found_in_short_and_in_long_events(before: int, after: int) -> None:
    event = ev.MessageReceived("." * before + V + "." * after)
    assert Secrets({"P": V}).redact_event(event).text == "." * before + "[secret:P]" + "." * after
