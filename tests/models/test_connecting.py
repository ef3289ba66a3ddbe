"""A model is made from its name: the right wire, server, key and price, and no key for anyone but whom it is from."""

from collections.abc import Callable

import pytest

from remit.core.errors import AuthenticationError, ConfigError, ModelRequestError
from remit.core.messages import UserMessage
from remit.core.ports import Model, Reply, Request
from remit.models import FREE, FlatPrice, known_price
from remit.models.connecting import connect, key_needed, key_variables
from remit.testing import says
from remit.testing.server import ModelServer

HELLO = Request((UserMessage("hello"),))
PATHS = {"openai": "chat/completions", "openai-responses": "responses", "anthropic": "messages"}


def holding(**keys: str) -> Callable[[str], str]:
    """Hold these keys."""
    return lambda variable: keys.get(variable, "")


async def asked(model: Model) -> Reply:
    return await model.complete(HELLO, lambda _: None)


@pytest.mark.parametrize("prefix", PATHS)
async def test_a_name_with_a_url_speaks_the_wire_of_its_prefix_there(prefix: str) -> None:
    async with ModelServer([says("hi")]) as server:
        place = server.url.partition("://")[2].replace(".", "_").replace(":", "_")
        keys = holding(
            OPENAI_API_KEY="sk-real", ANTHROPIC_API_KEY="sk-real", **{f"REMIT_KEY_{place}": "sk-of-this-one"}
        )
        model = connect(f"{prefix}@{server.url}/v1:m", {"metadata": {"user_id": "u"}}, keys=keys)
        assert (await asked(model)).text == "hi"
    (request,) = server.requests
    assert request.path.endswith(PATHS[prefix])
    assert "sk-of-this-one" in str(request.headers)
    assert "sk-real" not in str(request.headers)
    assert request.json["metadata"] == {"user_id": "u"}


@pytest.mark.parametrize(
    ("prefix", "variable", "key"),
    [
        ("openai", "OPENAI_BASE_URL", "OPENAI_API_KEY"),
        ("openai-responses", "OPENAI_BASE_URL", "OPENAI_API_KEY"),
        ("anthropic", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
        ("ollama", "OLLAMA_BASE_URL", ""),
        ("vllm", "VLLM_BASE_URL", ""),
        ("llamacpp", "LLAMACPP_BASE_URL", ""),
    ],
)
async def test_the_environment_can_move_a_provider(
    monkeypatch: pytest.MonkeyPatch, prefix: str, variable: str, key: str
) -> None:
    async with ModelServer([says("hi")], kind="cloud" if key else "ollama") as server:
        # As each provider's own library wants it: Anthropic's adds the version itself.
        monkeypatch.setenv(variable, server.url if prefix == "anthropic" else f"{server.url}/v1/")
        model = connect(f"{prefix}:m", keys=holding(**({key: "sk-real"} if key else {})))
        assert (await asked(model)).text == "hi"
    assert ("sk-real" in str(server.requests[0].headers)) == bool(key)


def test_prices_are_the_lists_or_nothing_or_unknown() -> None:
    assert connect("openai:gpt-4o").spec.price == known_price("openai:gpt-4o")
    assert connect("openai-responses:gpt-4o").spec.price == known_price("openai:gpt-4o")
    assert connect("ollama:llama3:8b").spec.price is FREE
    assert connect("vllm@http://10.0.0.1:8000/v1:m").spec.price is FREE
    assert connect("openai@http://10.0.0.1:8000/v1:gpt-4o").spec.price is None
    price = FlatPrice(1.0, 2.0)
    assert connect("openai@http://10.0.0.1:8000/v1:gpt-4o", price=price).spec.price is price
    assert connect("pydantic-ai:openai-chat:gpt-4o").spec.price == known_price("openai:gpt-4o")
    assert connect("pydantic-ai:groq:llama-3.3-70b-versatile").spec.price == known_price("groq:llama-3.3-70b-versatile")


def test_options_make_another_variant_of_the_same_model() -> None:
    plain, cold, colder = (
        connect("openai:m"),
        connect("openai:m", {"temperature": 0}),
        connect("openai:m", {"top_p": 0}),
    )
    assert {model.spec.name for model in (plain, cold, colder)} == {"openai:m"}
    assert len({model.spec.variant for model in (plain, cold, colder)}) == 3
    assert plain.spec.variant == ""
    bridged = [connect("pydantic-ai:groq:m", {"temperature": heat}).spec for heat in (0, 1)]
    assert bridged[0].variant != bridged[1].variant


def test_where_a_key_is_looked_up() -> None:
    assert key_variables("openai:m") == ("OPENAI_API_KEY",)
    assert key_variables("anthropic@https://gate.example:8443/v1:m") == ("REMIT_KEY_GATE_EXAMPLE_8443",)
    assert key_variables("ollama:m") == ()
    assert [key_needed(name) for name in ("openai:m", "openai@http://x:m", "ollama:m", "pydantic-ai:groq:m")] == [
        "OPENAI_API_KEY",
        "",
        "",
        "",
    ]


def test_keys_of_another_librarys_providers_are_those_that_look_like_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    assert "GROQ_API_KEY" in key_variables("pydantic-ai:groq:m")


async def test_a_model_without_its_key_says_which_to_set() -> None:
    with pytest.raises(AuthenticationError, match="no key for openai: set OPENAI_API_KEY"):
        await asked(connect("openai:m", keys=holding()))


async def test_what_may_be_wrong_on_this_side_is_said() -> None:
    async with ModelServer([says("hi")], key="sk-right") as server:
        place = server.url.partition("://")[2]
        variable = f"REMIT_KEY_{place.replace('.', '_').replace(':', '_')}"
        with pytest.raises(AuthenticationError, match=f"no key was sent: set {variable}"):
            await asked(connect(f"openai@{server.url}/v1:m", keys=holding()))
        with pytest.raises(ModelRequestError, match="lack its /v1"):
            await asked(connect(f"anthropic@{server.url}:m", keys=holding(**{variable: "sk-right"})))


@pytest.mark.parametrize("name", ["acme:m", "gpt-4o"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        connect(name)


def test_one_name_at_two_addresses_is_two_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = connect("openai:m").spec
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1/")
    assert connect("openai:m").spec == usual
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    one = connect("openai:m").spec.variant
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:2/v1")
    assert len({usual.variant, one, connect("openai:m").spec.variant}) == 3


async def test_a_secrets_provider_that_breaks_is_an_error_that_cost_nothing_and_says_nothing() -> None:
    def broken(variable: str) -> str:
        raise RuntimeError("vault: token hvs.very-secret was refused")

    with pytest.raises(AuthenticationError, match="no key for openai: RuntimeError") as caught:
        await asked(connect("openai:m", keys=broken))
    assert caught.value.free
    assert caught.value.__cause__ is None
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("option", ["max_tokens", "max_completion_tokens", "max_output_tokens"])
def test_a_length_that_no_hold_covers_is_no_option(option: str) -> None:
    with pytest.raises(ConfigError, match=r"say it with Limits\(max_output=\.\.\.\)"):
        connect("openai:m", {option: 100_000})
    connect("openai:m", {option: None})
