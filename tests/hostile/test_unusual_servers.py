"""Servers that are merely unusual work: nothing that they lack is read as a missing model or a broken server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import understudy as u
from tests.hostile import unusual
from tests.hostile.unusual import FAMILIES, Server, served

MODEL = {"vllm": "meta-llama/Llama-3.1-8B-Instruct", "litellm": "small"}
"""What each is asked for; the others serve any name."""
LISTED = {
    "llama.cpp": "qwen3-8b-q4",
    "vllm": "meta-llama/Llama-3.1-8B-Instruct",
    "litellm": "small",
    "tgi": "HuggingFaceH4/zephyr-7b-beta",
    "lm-studio": "qwen3-4b",
}
WINDOWS = {"llama.cpp": 64, "vllm": 64, "litellm": 64, "tgi": None, "lm-studio": 64}
"""What the lists state: of llama.cpp and LM Studio the window of the model as it is loaded."""
WITHOUT_LIST = ("bare", "bare, 405")
WITHOUT_LOOK_UP = ("llama.cpp", "vllm", "tgi", "lm-studio")
LONG = "word " * 400
"""Too long for a window of 64 tokens by any estimate."""


def entry(base: str, model: str, **fields: Any) -> u.ProviderConfig:
    key = u.Secret("sk-right")
    settings: dict[str, Any] = {"provider": "openai", "base_url": f"{base}/v1", "api_key": key, **fields}
    return u.ProviderConfig(text_model=model, **settings)


def provider(base: str, model: str, **fields: Any) -> Any:
    return u.create_provider(entry(base, model, **fields), fallback=u.FallbackConfig(max_retries=1, retry_delay_ms=0))


def model_of(family: str) -> str:
    return MODEL.get(family, "any-name")


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_check_never_condemns_a_server_that_generates(family: str) -> None:
    async with served(FAMILIES[family]()) as base, provider(base, model_of(family)) as llm:
        status = await llm.health_check()
        assert (await llm.generate("Hi")).text == "Hello!"
    assert status.ok
    assert status.reachable
    assert status.model_available is not False


@pytest.mark.parametrize("family", LISTED)
async def test_a_model_that_is_listed_is_available(family: str) -> None:
    async with served(FAMILIES[family]()) as base, provider(base, LISTED[family]) as llm:
        assert await llm.is_model_available(LISTED[family]) is True
        status = await llm.health_check()
    assert (status.ok, status.model_available) == (True, True)


@pytest.mark.parametrize("family", WITHOUT_LOOK_UP)
async def test_a_model_that_is_not_listed_where_none_can_be_looked_up_is_unknown(family: str) -> None:
    async with served(FAMILIES[family]()) as base, provider(base, model_of(family)) as llm:
        with pytest.raises(u.Unsupported, match="whether the model is served is unknown") as caught:
            await llm.is_model_available("another")
    assert LISTED[family] in str(caught.value)


async def test_where_models_can_be_looked_up_one_that_is_missing_is_not_available() -> None:
    async with served(unusual.litellm()) as base, provider(base, "small") as llm:
        assert await llm.is_model_available("another") is False
        async with provider(base, "another") as wrong:
            status = await wrong.health_check()
    assert (status.ok, status.model_available) == (False, False)


@pytest.mark.parametrize("family", WITHOUT_LIST)
async def test_a_list_that_a_server_lacks_is_unsupported_and_leaves_the_model_open(family: str) -> None:
    async with served(FAMILIES[family]()) as base, provider(base, "any-name") as llm:
        with pytest.raises(u.Unsupported, match="no route for models"):
            await llm.list_models()
        with pytest.raises(u.Unsupported, match="no route for models"):
            await llm.is_model_available("any-name")
        assert (await llm.health_check()).model_available is None


@pytest.mark.parametrize("family", FAMILIES)
async def test_embeddings_that_a_server_lacks_are_unsupported_and_disable_nothing(family: str) -> None:
    server = FAMILIES[family]()
    async with served(server) as base, provider(base, model_of(family), embedding_model=model_of(family)) as llm:
        for _ in range(2):
            with pytest.raises(u.Unsupported, match="no route for embeddings"):
                await llm.embed("a text")
        assert (await llm.generate("Hi")).text == "Hello!"
    assert server.asked.count("POST /v1/embeddings") == 2


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_counts_that_a_server_lacks_are_unsupported_and_disable_nothing(status: int) -> None:
    server = unusual.vllm("/v1/messages")
    server.lacks = (status, "application/json", b'{"detail":"Not Found"}')
    model = MODEL["vllm"]
    async with served(server) as base, provider(base, model, provider="anthropic", base_url=base) as llm:
        with pytest.raises(u.Unsupported, match="no route for token counts"):
            await llm.count_tokens("Hi")
        assert (await llm.generate("Hi")).text == "Hello!"
        assert await llm.is_model_available(model) is True


async def test_a_look_up_of_one_model_disables_no_other() -> None:
    async with served(unusual.litellm()) as base, provider(base, "small") as llm:
        assert await llm.is_model_available("another") is False
        # In cooldown the target would take one probe at a time.
        answers = await asyncio.gather(*(llm.generate("Hi") for _ in range(3)))
    assert [len(answer.attempts) for answer in answers] == [1, 1, 1]


@pytest.mark.parametrize("family", LISTED)
async def test_windows_are_learned_from_lists(family: str) -> None:
    async with served(FAMILIES[family]()) as base, provider(base, LISTED[family]) as llm:
        (model,) = await llm.list_models()
    assert (model.id, model.context_window) == (LISTED[family], WINDOWS[family])


@pytest.mark.parametrize("learned", [False, True], ids=["windows unknown", "windows learned"])
@pytest.mark.parametrize("family", FAMILIES)
async def test_a_prompt_that_does_not_fit_goes_to_a_larger_window(family: str, learned: bool) -> None:
    small, large = FAMILIES[family](), unusual.vllm()
    large.window = 10_000
    large.models["data"][0]["max_model_len"] = 10_000
    async with served(small) as one, served(large) as two:
        targets = [
            provider(one, LISTED.get(family, "any-name"), name="small", priority=1),
            provider(two, MODEL["vllm"], name="large", priority=2),
        ]
        async with u.ProviderManager(targets) as manager:
            if learned:
                await manager.list_models()
            answer = await manager.generate(LONG)
    assert (answer.text, answer.provider) == ("Hello!", "large")
    kinds = [attempt.failure.kind for attempt in answer.attempts if attempt.failure]
    assert kinds == ([] if learned and WINDOWS.get(family) else [u.FailureKind.CONTEXT_LENGTH])


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_prompt_that_does_not_fit_goes_to_no_window_known_to_be_as_small(family: str) -> None:
    first, second = FAMILIES[family](), FAMILIES[family]()
    async with served(first) as one, served(second) as two:
        targets = [
            provider(one, model_of(family), name="one", priority=1, context_window=64),
            provider(two, model_of(family), name="two", priority=2, context_window=64),
        ]
        async with u.ProviderManager(targets) as manager:
            with pytest.raises(u.ContextLengthExceeded):
                await manager.generate(LONG)
    assert second.asked == []


async def test_vllm_says_of_a_message_that_it_does_not_fit() -> None:
    async with (
        served(unusual.vllm("/v1/messages")) as base,
        provider(base, MODEL["vllm"], provider="anthropic", base_url=base) as llm,
    ):
        with pytest.raises(u.ContextLengthExceeded):
            await llm.generate(LONG)
        (model,) = await llm.list_models()
    assert model.context_window == 64


async def fallen_back(server: Server, model: str, key: str = "sk-right", path: str = "/v1") -> Any:
    """Ask a server that fails, with another behind it, and return the failure of the first."""
    async with served(server) as base, served(unusual.llama_cpp()) as other:
        first = provider(base, model, name="first", priority=1, api_key=u.Secret(key), base_url=f"{base}{path}")
        async with u.ProviderManager([first, provider(other, "any", name="second", priority=2)]) as manager:
            answer = await manager.generate("Hi")
    assert (answer.text, answer.provider) == ("Hello!", "second")
    return answer.attempts[0].failure


async def test_a_wrong_key_at_litellm_is_no_fault_of_the_request() -> None:
    assert (await fallen_back(unusual.litellm(), "small", "sk-wrong")).kind is u.FailureKind.AUTHENTICATION


async def test_a_wrong_model_at_litellm_is_no_fault_of_the_request() -> None:
    failure = await fallen_back(unusual.litellm(), "another")
    assert failure.kind is u.FailureKind.NOT_FOUND
    assert failure.message.startswith("/chat/completions: Invalid model name passed in model=another.")


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "litellm"])
async def test_a_wrong_path_in_base_url_says_so_and_falls_back(family: str) -> None:
    failure = await fallen_back(FAMILIES[family](), model_of(family), path="/wrong")
    assert failure.kind is u.FailureKind.NOT_FOUND
    assert "check base_url" in failure.message
    assert "<" not in failure.message


@pytest.mark.parametrize("status", [201, 202, 204, 206, 226, 300, 304, 399, 600, 799, 999])
async def test_a_status_that_is_no_answer_is_a_failure_of_the_protocol_and_falls_back(status: int) -> None:
    server = unusual.llama_cpp()
    server.refuses = lambda headers: (status, "text/plain", b"")
    failure = await fallen_back(server, "any")
    assert failure.kind in (u.FailureKind.PROTOCOL, u.FailureKind.DISCONNECTED, u.FailureKind.STALE_CONNECTION)
