"""Embeddings go to another target only within one space, whatever the strategy and whatever fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import understudy as u
from tests.engine.test_foreign_providers import Own
from understudy.client.provider import Provider
from understudy.emulator import Emulator, Fault

SMALL = "text-embedding-3-small"
Entry = Callable[..., Provider]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    names = ["nomic-ai/nomic-embed-text-v1.5", "nomic-embed-text"]
    async with Emulator(("openai", "ollama", "together"), models={"together": names, "openai": names}) as running:
        yield running


@pytest.fixture
async def entry(emulator: Emulator) -> AsyncIterator[Entry]:
    made: list[Provider] = []

    def build(name: str, provider: str, model: str, **fields: Any) -> Provider:
        config = u.ProviderConfig(
            provider=provider,
            name=name,
            base_url=emulator.url(provider),
            api_key=u.Secret(emulator.key),
            embedding_model=model,
            priority=len(made),
            **fields,
        )
        made.append(u.create_provider(config))
        return made[-1]

    yield build
    for each in made:
        await each.aclose()


def manager(*providers: Any, **fallback: Any) -> u.ProviderManager:
    return u.ProviderManager(providers, u.FallbackConfig(**{"retry_delay_ms": 0, "max_retries": 1, **fallback}))


async def tried(llm: u.ProviderManager, **options: Any) -> list[str]:
    """Who is asked while everything fails."""
    with pytest.raises(u.LLMError) as caught:
        await llm.embed("hello", **options)
    return [attempt.provider for attempt in caught.value.attempts]


def down(emulator: Emulator) -> None:
    for provider in emulator.providers:
        emulator.script(provider, always=Fault.status(500))


PAIRS: dict[str, tuple[tuple[str, str, dict[str, Any]], tuple[str, str, dict[str, Any]], bool]] = {
    "the same model by name": (("openai", SMALL, {}), ("openai", SMALL, {}), True),
    "the same model with and without its default tag": (
        ("ollama", "nomic-embed-text", {}), ("ollama", "nomic-embed-text:latest", {}), True,
    ),
    "the same model at different providers": (
        ("openai", "nomic-embed-text", {}), ("ollama", "nomic-embed-text", {}), True,
    ),
    "the same model under different names": (
        ("ollama", "nomic-embed-text", {}), ("together", "nomic-ai/nomic-embed-text-v1.5", {}), False,
    ),
    "different names in one configured space": (
        ("ollama", "nomic-embed-text", {"embedding_space": "nomic"}),
        ("together", "nomic-ai/nomic-embed-text-v1.5", {"embedding_space": "nomic"}),
        True,
    ),
    "different configured spaces": (
        ("openai", SMALL, {"embedding_space": "old"}), ("openai", SMALL, {"embedding_space": "new"}), False,
    ),
    "a configured space and none": (("openai", SMALL, {"embedding_space": "old"}), ("openai", SMALL, {}), False),
    "a space that is called like the model": (
        ("openai", SMALL, {"embedding_space": SMALL}), ("openai", SMALL, {}), True,
    ),
    "other dimensions in an entry": (
        ("openai", SMALL, {"extra": {"dimensions": 256}}), ("openai", SMALL, {}), False,
    ),
    "the same dimensions in both entries": (
        ("openai", SMALL, {"extra": {"dimensions": 256}}), ("openai", SMALL, {"extra": {"dimensions": 256}}), True,
    ),
    "different models": (("openai", SMALL, {}), ("openai", "text-embedding-3-large", {}), False),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
async def test_who_may_stand_in(emulator: Emulator, entry: Entry, name: str) -> None:
    first, second, same = PAIRS[name]
    a, b = entry("a", *first[:2], **first[2]), entry("b", *second[:2], **second[2])
    down(emulator)
    assert await tried(manager(a, b)) == (["a", "b"] if same else ["a"])


@pytest.mark.parametrize(("dimensions", "both"), [(None, True), (64, False)])
async def test_a_target_that_cannot_shorten_its_vectors_does_not_stand_in_for_one_that_can(
    emulator: Emulator, entry: Entry, dimensions: int | None, both: bool
) -> None:
    a = entry("a", "openai", "nomic-embed-text", embedding_space="nomic")
    b = entry("b", "together", "nomic-ai/nomic-embed-text-v1.5", embedding_space="nomic")
    down(emulator)
    assert await tried(manager(a, b), dimensions=dimensions) == (["a", "b"] if both else ["a"])


async def test_the_dimensions_of_a_call_are_those_of_all(emulator: Emulator, entry: Entry) -> None:
    emulator.script("openai", [Fault.status(500)])
    response = await manager(entry("a", "openai", SMALL), entry("b", "openai", SMALL)).embed("hello", dimensions=64)
    assert (response.provider, len(response.embedding)) == ("b", 64)


@pytest.mark.parametrize("strategy", ["priority", "round_robin", "cost_optimized"])
async def test_no_strategy_moves_a_call_to_another_space(entry: Entry, strategy: str) -> None:
    """The first by priority says which space it is; otherwise an index would be filled from several."""
    elsewhere = entry("c", "ollama", "nomic-embed-text")
    llm = manager(
        elsewhere, entry("a", "openai", SMALL), entry("b", "openai", SMALL), strategy=u.FallbackStrategy(strategy)
    )
    assert {(await llm.embed("hello")).provider for _ in range(6)} == {"c"}
    llm = manager(*reversed(llm.providers[1:]), strategy=u.FallbackStrategy(strategy))
    asked = [(await llm.embed("hello")).provider for _ in range(6)]
    assert set(asked) == ({"a", "b"} if strategy == "round_robin" else {"a"})


async def test_the_error_says_who_was_not_tried_and_what_to_do(emulator: Emulator, entry: Entry) -> None:
    llm = manager(entry("a", "openai", SMALL), entry("b", "ollama", "nomic-embed-text"))
    await emulator.stop("openai")
    with pytest.raises(
        u.ConnectionFailed, match=r"another embedding space: b/nomic-embed-text \(give .* embedding_space"
    ):
        await llm.embed("hello")
    await emulator.start("openai")
    emulator.script("openai", always=Fault.status(400))
    with pytest.raises(u.InvalidRequest) as caught:
        await llm.embed("hello", model="a")
    assert "embedding_space" not in str(caught.value), "another target would not have helped"


async def test_the_space_of_an_entry_is_that_of_its_own_model(emulator: Emulator, entry: Entry) -> None:
    a = entry("a", "openai", SMALL, embedding_space="house")
    b = entry("b", "openai", SMALL, embedding_space="house")
    down(emulator)
    assert await tried(manager(a, b), model="a") == ["a", "b"]
    assert await tried(manager(a, b), model="a/text-embedding-3-large") == ["a"]


class Embeds(Own):
    """A user's own provider that says where its vectors live."""

    def __init__(self, name: str, answer: str | Exception, space: str | None) -> None:
        super().__init__(name, answer)
        self.embedding_space = space


@pytest.mark.parametrize(("space", "both"), [("nomic", True), ("other", False), (None, False)])
async def test_a_provider_of_ones_own_may_name_its_space(space: str | None, both: bool) -> None:
    broken = u.ServerFailed("down")
    llm = manager(Embeds("a", broken, "nomic"), Embeds("b", broken, space))
    assert await tried(llm) == (["a", "b"] if both else ["a"])


async def test_a_provider_whose_space_changes_while_it_is_in_use_does_not_stand_in_for_another_space() -> None:
    broken = u.ServerFailed("down")
    second = Embeds("b", broken, "nomic")
    llm = manager(Embeds("a", broken, "nomic"), second)
    assert await tried(llm) == ["a", "b"]
    second.embedding_space = "other"
    assert await tried(llm) == ["a"]


async def test_providers_that_name_no_space_stand_alone() -> None:
    assert await tried(manager(Own("a", u.ServerFailed("x")), Own("b", u.ServerFailed("x")))) == ["a"]
