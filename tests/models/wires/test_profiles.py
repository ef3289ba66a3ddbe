"""Profiles: what the servers can do, seen in what is sent to them."""

import pytest
from tests.models.wires.conversations import BLOBS, CITIES, CITY, PLACE, WEATHER, written

from remit.core.errors import ModelRequestError
from remit.core.messages import Part, UserMessage
from remit.core.ports import Request
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.profiles import COMPATIBLE, LLAMACPP, OLLAMA, OPENAI, VLLM, Profile, compatible

ALL = {"openai": OPENAI, "compatible": COMPATIBLE, "ollama": OLLAMA, "vllm": VLLM, "llamacpp": LLAMACPP}
HELLO = UserMessage("hello")


@pytest.mark.parametrize("profile", ALL.values(), ids=ALL)
def test_each_server_is_told_the_length_in_the_field_it_knows(profile: Profile) -> None:
    body = written(OpenAIChat("m", profile=profile), Request((HELLO,), max_output=77))
    lengths = {name: body[name] for name in ("max_tokens", "max_completion_tokens") if name in body}
    assert lengths == {"max_completion_tokens" if profile is OPENAI else "max_tokens": 77}


@pytest.mark.parametrize("profile", ALL.values(), ids=ALL)
def test_each_server_is_asked_for_its_usage(profile: Profile) -> None:
    wire = OpenAIChat("m", profile=profile)
    assert written(wire, Request((HELLO,)))["stream_options"] == {"include_usage": True}
    assert "stream_options" not in written(wire, Request((HELLO,)), stream=False)
    assert "stream" not in written(wire, Request((HELLO,)), stream=False)


@pytest.mark.parametrize("profile", ALL.values(), ids=ALL)
def test_only_openai_is_given_a_cache_key(profile: Profile) -> None:
    assert ("prompt_cache_key" in written(OpenAIChat("m", profile=profile), Request((HELLO,)))) == (profile is OPENAI)


@pytest.mark.parametrize("profile", ALL.values(), ids=ALL)
def test_a_shape_is_asked_for_natively_or_told(profile: Profile) -> None:
    body = written(OpenAIChat("m", profile=profile), Request((HELLO,), shape=CITY))
    messages = body["messages"]
    assert isinstance(messages, list)
    if profile is COMPATIBLE:
        assert "response_format" not in body
        assert "JSON Schema" in str(messages[-1])
        assert len(messages) == 2
    else:
        shaped = body["response_format"]
        assert isinstance(shaped, dict)
        assert shaped["type"] == "json_schema"
        assert ("strict" in str(shaped["json_schema"])) == (profile is OPENAI)
        assert len(messages) == 1


def test_a_list_at_the_root_is_native_only_where_a_grammar_can_have_it() -> None:
    for profile in ALL.values():
        body = written(OpenAIChat("m", profile=profile), Request((HELLO,), shape=CITIES))
        assert ("response_format" in body) == (profile is not OPENAI and profile is not COMPATIBLE)


def test_arguments_are_decoded_under_their_schema_where_the_server_can() -> None:
    def strict(profile: Profile) -> list[object]:
        body = written(OpenAIChat("m", profile=profile), Request((HELLO,), tools=(WEATHER, PLACE)))
        tools = body["tools"]
        assert isinstance(tools, list)
        return ["'strict': True" in str(tool) for tool in tools]

    # The second tool has an object that may hold anything, which no such decoder can do.
    assert {name: strict(profile) for name, profile in ALL.items()} == {
        "openai": [True, False],
        "compatible": [False, False],
        "ollama": [False, False],
        "vllm": [True, False],
        "llamacpp": [False, False],
    }


def test_llamacpp_is_told_that_calls_may_be_parallel() -> None:
    wire = OpenAIChat("m", profile=LLAMACPP)
    assert written(wire, Request((HELLO,), tools=(WEATHER,)))["parallel_tool_calls"] is True
    assert "parallel_tool_calls" not in written(wire, Request((HELLO,)))
    told = OpenAIChat("m", profile=LLAMACPP, options={"parallel_tool_calls": False})
    assert written(told, Request((HELLO,), tools=(WEATHER,)))["parallel_tool_calls"] is False


def test_what_a_server_cannot_read_is_refused_by_name() -> None:
    paper = UserMessage("read", (Part("application/pdf", "paper"),))
    sound = UserMessage("listen", (Part("audio/wav", "note"),))
    for profile, message in ((OLLAMA, paper), (OLLAMA, sound), (VLLM, paper), (LLAMACPP, paper)):
        with pytest.raises(ModelRequestError, match=message.parts[0].media):
            OpenAIChat("m", profile=profile).turn([message], BLOBS)
    for profile in (OPENAI, COMPATIBLE):
        assert OpenAIChat("m", profile=profile).turn([paper], BLOBS)


@pytest.mark.parametrize(
    ("model", "length"),
    [
        ("gpt-5-mini", "max_completion_tokens"),
        ("openai/o3", "max_completion_tokens"),
        ("gpt-4.1", "max_tokens"),
        ("llama-4", "max_tokens"),
        ("o3d", "max_tokens"),
    ],
)
def test_a_gateway_is_told_the_length_as_the_model_behind_it_wants(model: str, length: str) -> None:
    assert length in written(OpenAIChat(model, profile=compatible(model)), Request((HELLO,)))
