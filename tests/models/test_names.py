"""Names of models say who serves them, and never more than one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import ConfigError
from remit.models.names import ModelName, parsed, provider_of


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("openai:gpt-5", ModelName("openai", "gpt-5")),
        ("ollama:llama3:8b", ModelName("ollama", "llama3:8b")),
        (
            "openai@http://127.0.0.1:8000/v1:org/model:q4",
            ModelName("openai", "org/model:q4", "http://127.0.0.1:8000/v1"),
        ),
        ("openai@https://gateway.example:m", ModelName("openai", "m", "https://gateway.example")),
        ("openai@http://[::1]:8080/v1/:m", ModelName("openai", "m", "http://[::1]:8080/v1")),
        ("pydantic-ai:groq:llama", ModelName("pydantic-ai", "groq:llama")),
    ],
)
def test_a_name_is_taken_apart(name: str, found: ModelName) -> None:
    assert parsed(name) == found


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gpt-5",
        "openai:",
        "openai: ",
        "openai@:m",
        "openai@ftp://x:m",
        "openai@http://user:pw@host/v1:m",
        "openai@https://good.example#.evil.example:m",
        "openai@https://good.example?x:m",
        "openai@https://good.example\\.evil.example/v1:m",
        "openai@https://ap\u0131.good.example/v1:m",
    ],
)
def test_what_names_no_model_is_refused_with_how_to_write_one(name: str) -> None:
    with pytest.raises(ConfigError, match="write PREFIX:NAME"):
        parsed(name)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("openai:gpt-5", "openai"),
        ("openai@http://127.0.0.1:8000/v1:m", "openai@http://127.0.0.1:8000/v1"),
        ("pydantic-ai:groq:llama", "pydantic-ai:groq"),
        ("scripted", "scripted"),
        ("inner: odd", "inner"),
    ],
)
def test_models_of_one_server_share_a_provider(name: str, provider: str) -> None:
    assert provider_of(name) == provider


@given(st.text())
def test_any_text_is_a_name_or_refused_and_has_a_provider(text: str) -> None:
    try:
        found = parsed(text)
    except ConfigError:
        assert provider_of(text) == text.partition(":")[0]
    else:
        assert text.startswith(found.prefix)
        assert text.endswith(found.model)
