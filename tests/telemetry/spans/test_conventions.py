"""Names of models are told as the conventions want them."""

import pytest

from remit.telemetry.spans.conventions import GENAI, OPENINFERENCE, inferred, named


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai:gpt-9", ("openai", "gpt-9")),
        ("openai-responses:gpt-9", ("openai", "gpt-9")),
        ("pydantic-ai:google:gem-3", ("gcp.gemini", "gem-3")),
        ("ollama:llama3:8b", ("ollama", "llama3:8b")),
        ("openai@https://host:8000/v1:mine", ("openai", "mine")),
        ("mine", ("_OTHER", "mine")),
        ("", ("_OTHER", "")),
    ],
)
def test_the_provider_and_the_model_are_told_apart(model: str, expected: tuple[str, str]) -> None:
    assert named(model) == expected


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("openai:gpt-9", "openai"),
        ("gemini:gem-3", "google"),
        ("mistral:m", "mistralai"),
        ("xai:g", "xai"),
        ("mine", ""),
    ],
)
def test_a_provider_has_the_name_by_which_openinference_looks_prices_up(model: str, provider: str) -> None:
    assert inferred(named(model)[0]) == provider


def test_each_specification_is_pinned_to_a_commit() -> None:
    assert all(len(commit) == 40 for commit in (*GENAI.values(), OPENINFERENCE))
