"""The desk from a terminal, with the stand-ins it starts itself and with places of its own."""

import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.cli.bench import Bench, Said

from remit.apps.desk.handling import SAMPLES
from remit.apps.desk.standins import JiraStandIn, MailFault, MailStandIn
from remit.core.values import JsonObject, JsonValue

REFUND = str(SAMPLES / "03-refund-double-charge.eml")
DUPLICATES = str(SAMPLES / "01-sync-duplicates.eml")
PASSWORD = "correct-horse-battery"


def rows(said: Said) -> list[JsonObject]:
    """Give the objects of the mails, without the summary."""
    return [line for line in said.lines if "source" in line]


def total(said: Said) -> JsonObject:
    return msgspec.convert(said.lines[-1]["summary"], dict[str, JsonValue])


def outbox(bench: Bench) -> list[str]:
    return [path.read_text() for path in (bench.folder / "store" / "outbox").glob("*.eml")]


def tickets(bench: Bench) -> int:
    return len((bench.folder / "store" / "tickets.jsonl").read_text().splitlines())


def test_the_sample_inbox_is_said_to_be_that_and_shown_line_by_line(bench: Bench) -> None:
    said = bench("desk", "--limit", "3")
    assert said.status == 0
    assert "sample inbox" in said.err
    assert "offline" in said.err
    assert "stand-ins" in said.err
    assert "bug_report       normal   SYNC-1      answered" in said.out.replace("  ! ", " ")
    assert "3 mails: 2 handled, 1 waiting" in said.out
    assert f"remit approve {rows_of(bench)} c1_10_0 --store {bench.folder / 'store'}" in said.out


def rows_of(bench: Bench) -> str:
    (waiting,) = bench.listed("--status", "waiting")
    return waiting


def test_an_approval_finds_the_desk_again_and_the_customer_gets_a_second_mail(bench: Bench) -> None:
    asked = bench("desk", "--inbox", REFUND, "--json")
    (row,) = rows(asked)
    assert (asked.status, row["status"], row["answers"]) == (0, "waiting", 1)
    assert len(outbox(bench)) == 1
    done = bench("approve", str(row["session"]), "--by", "ann", "--json")
    assert (done.status, done.json["status"]) == (0, "done")
    assert len(outbox(bench)) == 2
    assert tickets(bench) == 1
    assert any("approved and has been ordered" in " ".join(text.split()) for text in outbox(bench))
    assert bench("replay", str(row["session"])).status == 0
    again = bench("desk", "--inbox", REFUND, "--json")
    assert (rows(again)[0]["status"], total(again)["tickets"], len(outbox(bench)), tickets(bench)) == (
        "known",
        {},
        2,
        1,
    )


def test_a_denial_is_told_too(bench: Bench) -> None:
    (row,) = rows(bench("desk", "--inbox", REFUND, "--json"))
    assert bench("deny", str(row["session"]), "--by", "ann").status == 0
    assert any("was not approved" in text for text in outbox(bench))


def test_what_cannot_be_read_is_kept(bench: Bench) -> None:
    said = bench("desk", "--inbox", str(SAMPLES / "38-not-a-mail.eml"), "--json")
    assert (said.status, rows(said)[0]["status"]) == (0, "unreadable")
    (kept,) = (bench.folder / "store" / "unreadable").iterdir()
    assert kept.read_bytes() == (SAMPLES / "38-not-a-mail.eml").read_bytes()


def test_a_suspicious_mail_is_marked(bench: Bench) -> None:
    said = bench("desk", "--inbox", str(SAMPLES / "25-injection-plain.eml"))
    assert "! answered" in said.out
    assert "! suspicious: it asks to ignore rules" in said.out


def test_a_mail_comes_through_standard_input(bench: Bench) -> None:
    store = str(bench.folder / "store")
    text = Path(DUPLICATES).read_text()
    said = bench.process("desk", "--store", store, "--inbox", "-", "--json", told=text)
    assert (said.status, rows(said)[0]["ticket"]) == (0, "SYNC-1")
    assert rows(said)[0]["source"] == "stdin"


def test_a_budget_that_nothing_fits_in_leaves_a_free_model_free(bench: Bench) -> None:
    assert bench("desk", "--inbox", DUPLICATES, "--budget", "0").status == 0


@pytest.mark.parametrize("words", [
    ("--inbox", "nowhere"),
    ("--budget", "-1"),
    ("--limit", "-1"),
    ("--inbox", DUPLICATES, "--model", "openai:nobody"),
    ("--inbox", DUPLICATES, "--knowledge", "nowhere"),
    ("--inbox", DUPLICATES, "--jira-url", "http://127.0.0.1:9"),
    ("--inbox", DUPLICATES, "--jira-url", "ftp://x", "--smtp-url", "smtp://127.0.0.1:9"),
    ("--inbox", DUPLICATES, "--jira-url", "http://127.0.0.1:9", "--smtp-url", "smtp://me:secret@127.0.0.1:9"),
])  # fmt: skip
def test_what_is_declared_wrong_is_refused_at_once(bench: Bench, words: tuple[str, ...]) -> None:
    said = bench("desk", *words, "--json")
    assert (said.status, said.lines[-1]["kind"]) in [(2, "ConfigError"), (2, "InboxError")]
    assert tickets_or_none(bench) == 0


def tickets_or_none(bench: Bench) -> int:
    return tickets(bench) if (bench.folder / "store" / "tickets.jsonl").exists() else 0


# -- places of its own -------------------------------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[tuple[JiraStandIn, MailStandIn]]:
    with JiraStandIn(token="token-of-this-test") as jira, MailStandIn(user="desk", password=PASSWORD) as mail:
        yield jira, mail


@pytest.fixture
def places(bench: Bench, site: tuple[JiraStandIn, MailStandIn], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    jira, mail = site
    monkeypatch.setenv("JIRA_EMAIL", jira.email)
    monkeypatch.setenv("JIRA_TOKEN", jira.token)
    monkeypatch.setenv("SMTP_USER", "desk")
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    return ["--jira-url", jira.url, "--smtp-url", f"smtp://{mail.url.rpartition('@')[2]}"]


def test_real_places_are_used_remembered_and_log_in_from_the_environment(
    bench: Bench, places: list[str], site: tuple[JiraStandIn, MailStandIn]
) -> None:
    jira, mail = site
    said = bench("desk", "--inbox", REFUND, "--json", *places)
    assert (said.status, len(jira.issues()), len(mail.received)) == (0, 1, 1)
    assert bench("approve", str(rows(said)[0]["session"]), "--by", "ann").status == 0
    assert (len(jira.issues()), len(mail.received)) == (1, 2)
    store = bench.folder / "store"
    assert not (store / "outbox").exists()
    for path in [*store.glob("*.json"), *store.glob("journal*"), *store.glob("desk*")]:
        body = path.read_bytes()
        assert PASSWORD.encode() not in body
        assert jira.token.encode() not in body


def test_the_cases_of_one_place_never_end_up_in_another(bench: Bench, places: list[str]) -> None:
    assert bench("desk", "--inbox", DUPLICATES).status == 0
    said = bench("desk", "--inbox", REFUND, "--json", *places)
    assert (said.status, "use another --store" in str(said.lines[-1]["error"])) == (2, True)


def test_a_mail_in_doubt_shows_how_to_settle_it(
    bench: Bench, places: list[str], site: tuple[JiraStandIn, MailStandIn]
) -> None:
    jira, mail = site
    mail.fail(MailFault(kind="cut", stage="content", applied=True))
    said = bench("desk", "--inbox", DUPLICATES, "--json", *places)
    (row,) = rows(said)
    assert row["status"] == "waiting"
    assert any("settle" in str(command) for command in msgspec.convert(row["next"], list[str]))
    assert bench("settle", str(row["session"]), "--happened", "--by", "ann").status == 0
    assert (len(jira.issues()), len(mail.received)) == (1, 1)


def test_ctrl_c_pauses_and_the_same_command_goes_on(bench: Bench) -> None:
    words = ("desk", "--store", str(bench.folder / "store"), "--json")
    process = bench.start(*words)
    assert process.stdout is not None
    assert "source" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "summary" in out.splitlines()[-1]
    said = bench("desk", "--json")
    assert (said.status, total(said)["mails"]) == (0, 40)
    assert tickets(bench) == 33


MODEL = """
from remit.apps.desk.model import OfflineModel
mine = OfflineModel(name="my-own")
"""


def test_a_model_of_ones_own_takes_the_place_of_the_offline_one(bench: Bench) -> None:
    (bench.folder / "thinker.py").write_text(MODEL)
    said = bench("desk", "--inbox", DUPLICATES, "--model", str(bench.folder / "thinker.py") + ":mine")
    assert said.status == 0
    assert "my-own" in said.out + said.err
