"""Looking at a store: lists, timelines, live views, and the doctor."""

import os
import stat

from tests.cli.bench import Bench

from remit.core.values import JsonObject, JsonValue


def test_sessions_are_listed_newest_first_and_filtered(bench: Bench) -> None:
    echo, clerk = bench.run("agent").session, bench.run("clerk").session
    assert bench.listed() == [clerk, echo]
    assert bench.listed("--status", "waiting") == [clerk]
    assert bench.listed("--agent", "echo") == [echo]
    assert bench.listed("--limit", "1") == [clerk]
    assert bench.listed("--status", "running") == bench.listed("--status", "crashed") == []
    assert "waiting (approval)" in bench("sessions").out
    assert bench("sessions", "--limit", "0").status == 2


def test_nowhere_is_not_turned_into_a_store(bench: Bench) -> None:
    assert bench("sessions").status == 2
    assert not (bench.folder / "store").exists()


def test_an_id_must_name_one_session(bench: Bench) -> None:
    bench.run("agent")
    assert bench("show", "zzz", "--json").json["kind"] == "UnknownSessionError"
    assert bench("show", "").status == 1


def test_a_session_is_shown_with_all_that_happened_and_how_to_go_on(bench: Bench) -> None:
    session = bench.run("clerk").session
    out = bench("show", session).out
    for part in (f"session {session}: waiting", bench.ref("clerk"), "AskBefore on refund", "approval?",
                 "1 run, 1 model call and 0 tool calls", f"remit approve {session} c1_0_0 --store"):  # fmt: skip
        assert part in out
    bench("approve", session)
    assert "tool         refund(" in bench("show", session).out


def test_every_record_is_a_line_of_json(bench: Bench) -> None:
    lines = bench("show", bench.run("agent", "hi").session, "--json").lines
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["kind"] for line in lines][:3] == ["SessionOpened", "MessageReceived", "RunOpened"]
    assert lines[1]["fields"] == {"text": "hi", "by": "user", "key": "", "parts": [], "trace": ""}


def test_control_characters_of_a_model_are_shown_not_obeyed(bench: Bench) -> None:
    out = bench("show", bench.run("hostile").session).out
    assert "red \\x1b[31m alert" in out
    assert "\x1b" not in out


def test_following_shows_what_another_process_adds(bench: Bench) -> None:
    session = bench.process("run", "agent.py", "hi", "--json").session
    with bench.start("show", session, "--follow") as watching:
        assert watching.stdout is not None
        assert "session" in watching.stdout.readline()
        assert bench.process("send", session, "news for you", "--by", "ann").status == 0
        assert any("ann          news for you" in line for line in iter(watching.stdout.readline, ""))
        watching.kill()


# -- the doctor --------------------------------------------------------------------------------------------------------


def checked(said_json: JsonObject) -> dict[str, str]:
    checks: JsonValue = said_json["checks"]
    assert isinstance(checks, list)
    return {str(one["name"]): str(one["level"]) for one in checks if isinstance(one, dict)}


def test_the_doctor_finds_a_sound_store_sound(bench: Bench) -> None:
    assert bench("doctor", "--json").json["broken"] == 0
    bench.run("clerk")
    said = bench("doctor", "--json")
    levels = checked(said.json)
    assert said.status == 0
    assert (levels["store"], levels["key"], levels["waiting"], levels["crashed"]) == ("ok", "ok", "note", "ok")


def test_the_doctor_names_keys_and_never_shows_their_values(bench: Bench) -> None:
    said = bench.process("doctor", OPENAI_API_KEY="sk-very-secret")
    assert "OPENAI_API_KEY" in said.out
    assert "sk-very-secret" not in said.out


def test_the_doctor_finds_what_is_broken(bench: Bench) -> None:
    bench.run("agent")
    key = bench.folder / "store" / "key"
    key.chmod(stat.S_IRUSR | stat.S_IROTH)
    said = bench("doctor", "--json")
    assert (said.status, checked(said.json)["key"]) == (1, "broken")
    key.chmod(0o600)
    key.write_bytes(b"short")
    assert checked(bench("doctor", "--json").json)["key"] == "broken"
    key.unlink()
    assert checked(bench("doctor", "--json").json)["key"] == "note"
    journal = bench.folder / "store" / "journal.db"
    journal.write_bytes(b"rubbish" * 1000)
    assert "BROKEN store" in bench("doctor").out


def test_the_doctor_finds_a_place_where_no_store_can_be(bench: Bench) -> None:
    (bench.folder / "store").write_text("a file")
    assert checked(bench("doctor", "--json").json)["store"] == "broken"
    assert bench.run("agent").status == 2


def test_output_nobody_reads_ends_the_command_quietly(bench: Bench) -> None:
    session = bench.process("run", "agent.py", "hi", "--json").session
    reading, writing = os.pipe()
    os.close(reading)
    with bench.start("show", session, "--json", out=writing) as shown:
        os.close(writing)
        assert shown.stderr is not None
        assert shown.stderr.read() == ""
    assert shown.returncode == 141
