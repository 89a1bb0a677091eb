# pyright: strict
"""What type checkers make of programs that use the library: `mypy --strict` and pyright read this file.

`Yesterday` is a custom provider as it was written before `generate` had overloads and `embed` took a whole request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, Unpack, assert_type

import understudy as u
from understudy import blocking


class Yesterday:
    provider_type = "yesterday"
    name = "yesterday"
    priority = 10

    def __init__(self) -> None:
        self.embedded: list[tuple[str | Sequence[str], u.EmbedOptions]] = []

    async def generate(self, prompt: u.Prompt, /, **options: Unpack[u.RequestOptions]) -> u.GenerationResponse:
        return u.GenerationResponse(message=u.Message.assistant("yes"), finish_reason=u.FinishReason.STOP)

    async def stream(self, prompt: u.Prompt, /, **options: Unpack[u.RequestOptions]) -> AsyncIterator[u.Event]:
        yield u.TextDelta(0, "yes")
        yield u.Finished(u.FinishReason.STOP)

    async def embed(self, texts: str | Sequence[str], /, **options: Unpack[u.EmbedOptions]) -> u.EmbeddingResponse:
        self.embedded.append((texts, options))
        return u.EmbeddingResponse(embeddings=tuple((1.0,) for _ in texts))

    async def list_models(self, *, limit: int | None = None) -> list[u.ModelInfo]:
        return []

    async def is_model_available(self, model: str) -> bool:
        return True

    async def health_check(self) -> u.HealthStatus:
        return u.HealthStatus(provider=self.name, reachable=True)

    async def count_tokens(self, prompt: u.Prompt, /, **options: Unpack[u.RequestOptions]) -> u.TokenCount:
        raise u.Unsupported("no counts")

    def stats(self) -> u.ProviderStats:
        return u.ProviderStats()

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Looser(Yesterday):
    """One that takes any options, without their types."""

    async def generate(self, prompt: Any, /, **options: Any) -> u.GenerationResponse:
        return await super().generate(prompt)

    async def embed(self, texts: Any, /, **options: Any) -> u.EmbeddingResponse:
        return await super().embed(texts)


@dataclass
class City:
    name: str


PROVIDERS: list[u.LLMProvider] = [Yesterday(), Looser()]


async def parsed_has_the_type_of_the_schema(
    llm: u.LLMProvider, one: u.Provider, many: u.ProviderManager, options: u.RequestOptions, schema: Mapping[str, Any]
) -> None:
    for each in (llm, one, many):
        assert_type((await each.generate("?", schema=City)).parsed, City)
        assert_type((await each.generate("?", schema=list[int], model="m", max_tokens=1)).parsed, list[int])
        assert_type((await each.generate("?", schema=schema)).parsed, Any)
        assert_type(await each.generate("?", **options), u.GenerationResponse)
        assert_type(await each.generate("?"), u.GenerationResponse[Any])
    for stream in (one.stream("?", schema=City), many.stream("?", schema=City)):
        assert_type(stream.response.parsed, City)
        assert_type((await stream.collect()).parsed, City)
    assert_type(many.stream("?").response.parsed, Any)


def the_blocking_twin_too(llm: blocking.LLMProvider) -> None:
    assert_type(llm.generate("?", schema=City).parsed, City)
    assert_type(llm.stream("?", schema=City).collect().parsed, City)
    assert_type(llm.generate("?").parsed, Any)


def before(answer: u.GenerationResponse) -> u.GenerationResponse:
    """A function that names no type of `parsed`, as it was written yesterday."""
    return answer


async def test_a_provider_of_yesterday_is_a_target() -> None:
    own = Yesterday()
    assert isinstance(own, u.LLMProvider)
    async with u.ProviderManager([own]) as llm:
        assert before(await llm.generate("?")).text == "yes"
        assert await llm.stream("?").collect()
        request = u.EmbeddingRequest(texts=("a", "b"), model="yesterday/m", input_type="query")
        await llm.embed(request)
        await llm.embed(["a", "b"], model="yesterday/m", dimensions=1)
    assert own.embedded == [
        (["a", "b"], {"model": "m", "input_type": "query"}),
        (["a", "b"], {"model": "m", "dimensions": 1}),
    ]


def test_a_response_without_a_type_is_the_same_struct() -> None:
    answer = u.GenerationResponse(message=u.Message.assistant("yes"))
    assert type(answer) is u.GenerationResponse
    assert repr(answer).startswith("GenerationResponse(")
