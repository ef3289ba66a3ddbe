from remit.core.ports import ToolContext
from remit.core.values import JsonObject
from remit.memory import MemoryLessons, lesson_tools
from remit.testing import check_tool

BAD: list[JsonObject] = [{}, {"topic": ""}, {"topic": 1}, {"topic": "a", "limit": 0, "lesson": 1}]


async def test_both_are_tools() -> None:
    recall, keep = lesson_tools(MemoryLessons())
    assert (recall.spec.name, recall.spec.effect) == ("recall_lessons", "read")
    assert (keep.spec.name, keep.spec.effect) == ("keep_lesson", "idempotent")
    await check_tool(recall, {"topic": "a"}, [*BAD, {"topic": "a", "limit": 0}])
    await check_tool(keep, {"topic": "a", "lesson": "b"}, [*BAD, {"topic": "a", "lesson": ""}])


async def test_a_lesson_is_kept_with_its_session_for_its_tenant() -> None:
    recall, keep = lesson_tools(MemoryLessons())
    for _ in range(2):
        await keep.call({"topic": "sums", "lesson": "Carry."}, ToolContext(session="s1", tenant="t"))
    assert await recall.call({"topic": "sums"}, ToolContext(tenant="t")) == [
        {"lesson": "Carry.", "topic": "sums", "source": "s1"}
    ]
    assert await recall.call({"topic": "sums"}, ToolContext(tenant="other")) == []


def test_the_contract_says_what_the_arguments_are() -> None:
    recall, keep = lesson_tools(MemoryLessons())
    assert recall.spec.schema["required"] == ["topic"]
    assert keep.spec.schema["required"] == ["topic", "lesson"]
    assert recall.spec.schema["additionalProperties"] is False
