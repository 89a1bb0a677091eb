"""llmock (PyPI `llmock`): it speaks the providers' formats, breaks on demand, and judges how its client reacts.

Its verdict names calls that were retried too early or for nothing, truncated streams that were accepted, and retries
without backoff.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import understudy as u
from tests.servers import scenes
from tests.servers.running import Running
from tests.servers.scenes import Face, Scene, connect
from understudy.client.provider import Provider

FACES = (
    Face("openai", "/v1", "gpt-4o", "text-embedding-3-small"),
    Face("openai", "/v1", "gpt-5-pro"),  # asked by the Responses API
    Face("anthropic", "/anthropic", "claude-sonnet-4-6"),
    Face("google", "/gemini/v1beta", "gemini-2.5-pro"),
    Face("cohere", "/cohere", "command-a-03-2025"),
    Face("groq", "/groq/openai/v1", "openai/gpt-oss-20b"),
    Face("together", "/together/v1", "Qwen/Qwen3.5-397B-A17B"),
)
RATE_LIMIT = {"type": "fail", "status": 429, "retry_after": 0.3, "times": 1}
SERVER_ERROR = {"type": "fail", "status": 503, "times": 1}
FULL = {
    "type": "fail",
    "status": 400,
    "code": "context_length_exceeded",
    "message": "This model's maximum context length was exceeded.",
}
BREAKS = ("disconnect", "truncate", "malformed")


def broken(kind: str, after: int) -> dict[str, Any]:
    """Return the behaviour of one stream that breaks after so many chunks; the first chunks have no text."""
    return {"type": "stream_fault", "kind": kind, "after_chunks": after, "times": 1}


@pytest.fixture
def server(llmock: Running) -> Running:
    llmock.post("/_llmock/reset")
    return llmock


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("scene", [*scenes.TALK, *scenes.TOOLS], ids=lambda scene: scene.__name__)
async def test_scene(server: Running, face: Face, scene: Scene) -> None:
    async with connect(server.url, face) as llm:
        await scene(llm)


@pytest.mark.parametrize("face", [face for face in FACES if face.provider != "anthropic"], ids=str)
async def test_structured(server: Running, face: Face) -> None:
    """Of Anthropic it knows the older `output_format` only."""
    async with connect(server.url, face) as llm:
        await scenes.structured(llm)


def break_next(server: Running, behaviour: dict[str, Any]) -> None:
    server.post("/_llmock/scenario", {"behaviors": [behaviour]})


async def plain(llm: u.LLMProvider) -> u.GenerationResponse:
    return await llm.generate("Tell me a story.", max_tokens=100)


async def streamed(llm: Provider) -> u.GenerationResponse:
    return await llm.stream("Tell me a story.", max_tokens=100).collect()


Ask = Callable[[Any], Awaitable[u.GenerationResponse]]


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("behaviour", [RATE_LIMIT, SERVER_ERROR], ids=["rate-limit", "server-error"])
@pytest.mark.parametrize("ask", [plain, streamed], ids=lambda ask: ask.__name__)
async def test_a_failure_is_retried_as_it_asks(
    server: Running, face: Face, behaviour: dict[str, Any], ask: Ask
) -> None:
    break_next(server, behaviour)
    async with connect(server.url, face, retry=u.FallbackConfig(retry_delay_ms=50)) as llm:
        answer = await ask(llm)
    assert answer.text
    assert len(answer.attempts) == 2
    assert server.get("/_llmock/verdict")["findings"] == []


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("kind", BREAKS)
async def test_a_stream_that_breaks_after_words_is_an_error(server: Running, face: Face, kind: str) -> None:
    """Nothing may be repeated then, so the caller is told. The server's verdict cannot see that."""
    break_next(server, broken(kind, 6))
    async with connect(server.url, face, retry=u.FallbackConfig(retry_delay_ms=50)) as llm:
        with pytest.raises(u.LLMError):
            await streamed(llm)


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.parametrize("kind", BREAKS)
@pytest.mark.parametrize("after", [1, 6])
async def test_generate_replaces_a_stream_that_breaks(server: Running, face: Face, kind: str, after: int) -> None:
    """`generate` streams inside while another target is left, and shows nothing before the end."""
    break_next(server, broken(kind, after))
    same: dict[str, Any] = {"whole": "stream"}  # the server recognises a retry by its body
    async with (
        connect(server.url, face, name="first", **same) as first,
        connect(server.url, face, name="second", **same) as second,
        u.ProviderManager([first, second], u.FallbackConfig(retry_delay_ms=50)) as llm,
    ):
        answer = await plain(llm)
    assert answer.text
    assert len(answer.attempts) == 2
    found = {finding["code"] for finding in server.get("/_llmock/verdict")["findings"]}
    # A retry that begins before the server has noticed the end of the broken one is no retry to it.
    assert found <= {"malformed_chunk_ignored"}


@pytest.mark.parametrize("face", FACES, ids=str)
async def test_an_overflow_is_recognised(server: Running, face: Face) -> None:
    break_next(server, FULL)
    async with connect(server.url, face) as llm:
        with pytest.raises(u.ContextLengthExceeded):
            await plain(llm)


async def test_embeddings_and_models(server: Running) -> None:
    async with connect(server.url, FACES[0]) as llm:
        assert len((await llm.embed(["one", "two"])).embeddings) == 2
        assert "gpt-4o" in [model.id for model in await llm.list_models()]
        await scenes.health(llm)
