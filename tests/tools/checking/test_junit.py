"""JUnit: what CI systems read, whatever a tool says."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from remit.tools.checking import Breach, Checked, Latency, PhaseReport, Report, junit

NASTY = "a\x00b\x1b[31m\ud800<&\"'>]]>\u202e\ufffe\r\n\tü🙂"

SUITE = {
    "name", "package", "id", "hostname", "timestamp", "tests", "failures", "errors", "skipped", "time"
}  # fmt: skip


def report(text: str = "`a`: wrong", *, allow: bool = False) -> Report:
    breaches = tuple(Breach("values", "arguments", field, text, {"a": "\x00"}) for field in ("a", "b"))
    phases = (
        PhaseReport("minimal", 1, 1, 0.0123),
        PhaseReport("values", 2, 2, 0.5, breaches),
        PhaseReport("random", 3, 0, 0.0, (), "its calls are used up"),
    )
    latency = Latency(1.0, 2.0, 3.0)
    tools = (
        Checked("one", "breach", "", "d1", 3, 1, 0, 0, latency, 1.5, phases, (text,), owner=text, source="s"),
        Checked("two", "skipped", text, "d2", 0, 0, 0, 0, latency, 0.0, ()),
        Checked("three", "unproven", text, "d3", 2, 0, 2, 0, latency, 0.0, ()),
    )
    return Report(tools, 7, 1_700_000_000_000, allow)


def test_a_suite_for_each_tool_and_a_case_for_each_phase() -> None:
    root = ElementTree.fromstring(junit(report()))
    assert root.tag == "testsuites"
    one, two, three = root
    assert one.attrib == {
        "name": "one", "package": "remit.tools", "id": "0", "hostname": "localhost", "timestamp": "2023-11-14T22:13:20",
        "tests": "4", "failures": "1", "errors": "0", "skipped": "1", "time": "1.500",
    }  # fmt: skip
    cases = {case.get("name"): case for case in one.iter("testcase")}
    assert list(cases) == ["minimal", "values", "random", "proven"]
    (failure,) = cases["values"]
    assert failure.attrib == {"type": "arguments", "message": "`a`: wrong (and 1 more)"}
    assert str(failure.text).split("\n")[1] == 'arguments: {"a":"\\u0000"}'
    assert str(failure.text).count("arguments: ") == 2
    (skipped,) = cases["random"]
    assert (skipped.tag, skipped.get("message")) == ("skipped", "its calls are used up")
    assert [child.tag for child in two.iter("skipped")] == ["skipped"]
    assert (two.get("skipped"), three.get("failures")) == ("1", "1")
    allowed = ElementTree.fromstring(junit(report(allow=True)))
    assert allowed[2].get("failures") == "0"


def test_it_keeps_to_what_the_common_schemas_allow() -> None:
    for suite in ElementTree.fromstring(junit(report(NASTY))):
        assert set(suite.attrib) == SUITE
        tags = [child.tag for child in suite]
        cases = tags.count("testcase")
        assert tags == ["properties", *["testcase"] * cases, "system-out", "system-err"]
        assert int(suite.attrib["tests"]) == cases
        assert int(suite.attrib["failures"]) == len(list(suite.iter("failure")))
        assert int(suite.attrib["skipped"]) == len(list(suite.iter("skipped")))
        for case in suite.iter("testcase"):
            assert set(case.attrib) == {"classname", "name", "time"}
            assert len(case) <= 1
            assert all(set(child.attrib) <= {"type", "message"} for child in case)


def test_control_characters_are_written_as_escapes() -> None:
    text = junit(report(NASTY)).decode()
    assert "a\\x00b\\x1b[31m\\ud800&lt;&amp;" in text
    assert "\\ufffe\\r" in text
    assert "ü🙂" in text


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_well_formed(text: str) -> None:
    root = ElementTree.fromstring(junit(report(text)))
    assert len(root) == 3
