"""Good answers are not refused for their size, whatever a request asks for; what was not asked for may not grow."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from tests.engine.servers import STREAM_HEAD, Script, message, saying, serving
from tests.hostile.bombs import chances
from tests.hostile.bombs.table import images
from understudy.wire.bounds import KIB, MIB, Bounds
from understudy.wire.shape import weight_of

TOKENS = 3000
"""With twenty alternatives each, their values take 39 MB."""
ASKED: dict[str, Any] = {"logprobs": True, "top_logprobs": 20}


def plain(body: bytes) -> Script:
    return saying(message("application/json", body))


def streamed(*pieces: bytes) -> Script:
    return saying(STREAM_HEAD, *pieces)


async def ask(script: Script, *, entry: dict[str, Any] | None = None, **options: Any) -> u.GenerationResponse:
    async with serving(script) as (server,):
        config = server.entry(**{"text_model": "gpt-4o", **(entry or {})})
        async with u.create_provider(config, fallback=u.FallbackConfig(max_retries=1)) as llm:
            return await llm.generate("Hi", **options)


@pytest.mark.parametrize(
    "how",
    [
        {"options": ASKED},
        {"options": {"extra": {"openai": ASKED}}},
        {"options": {"max_tokens": 1000, **ASKED}, "tokens": 1000},
        {"entry": {"extra": ASKED}},
    ],
    ids=["options", "extra", "few tokens", "the entry's extra"],
)
async def test_log_probabilities_that_were_asked_for_are_read_whole(how: dict[str, Any]) -> None:
    tokens = how.get("tokens", TOKENS)
    body = chances.whole("openai", tokens)
    answer = await ask(plain(body), entry=how.get("entry"), **how.get("options", {}))
    assert len(answer.extra["logprobs"]["content"]) == tokens
    assert answer.text == " the" * tokens


async def test_log_probabilities_that_nobody_asked_for_make_a_body_too_large() -> None:
    with pytest.raises(u.Unavailable) as caught:
        await ask(plain(chances.whole("openai", TOKENS)))
    assert caught.value.failure is not None
    assert str(caught.value.failure.kind) == "too_large"


async def test_log_probabilities_that_nobody_asked_for_are_dropped_from_a_long_stream() -> None:
    """The answer is good all the same."""
    script = streamed(*chances.stream("openai", 500))
    answer = await ask(script, entry={"whole": "stream"})
    assert answer.text == " the" * 500
    assert "logprobs" not in answer.extra


async def test_few_log_probabilities_are_kept_though_nobody_asked_for_them() -> None:
    answer = await ask(streamed(*chances.stream("openai", 20)), entry={"whole": "stream"})
    assert len(answer.extra["logprobs"]["content"]) == 20


async def test_a_stream_with_more_log_probabilities_than_tokens_were_asked_for_is_refused() -> None:
    script = streamed(*chances.stream("openai", 500))
    with pytest.raises(u.Unavailable, match="log probabilities"):
        await ask(script, entry={"whole": "stream"}, max_tokens=20, **ASKED)


@pytest.mark.parametrize("whole", ["plain", "stream"])
async def test_thirty_images_are_an_answer(whole: str) -> None:
    pieces = [*images(streamed=whole == "stream")]
    script = streamed(*pieces) if whole == "stream" else plain(b"".join(pieces))
    async with serving(script) as (server,):
        entry = server.entry(provider="google", text_model="gemini-2.5-flash-image", whole=whole, max_tokens=4096)
        async with u.create_provider(entry) as llm:
            answer = await llm.generate("Paint")
    assert sum(isinstance(part, u.Image) for part in answer.message.parts) == 30


ANSWERS = {
    "32,768 tokens, indented": (32_768, 21, 300, 664),
    "32,768 tokens of three-byte characters": (32_768, 21, 300, 700),
    "128,000 tokens without alternatives": (128_000, 1, 300, 752),
    "8,192 tokens with five alternatives": (8_192, 6, 300, 664),
}
"""Tokens, log probabilities for each, and bytes and memory of one, as counted by hand in real answers."""


@pytest.mark.parametrize("name", ANSWERS)
def test_limits_leave_room_for_real_answers_with_log_probabilities(name: str) -> None:
    tokens, each, size, values = ANSWERS[name]
    bounds = Bounds().with_logprobs(each, tokens)
    assert bounds.answer(tokens, streamed=False) > tokens * each * size
    # Two thousand bytes for an event of each token, or what the Responses API repeats five times.
    assert bounds.answer(tokens, streamed=True) > tokens * (500 + each * 80 * 5)
    assert bounds.event > tokens * each * 80
    assert min(bounds.decoded, bounds.at_once, bounds.logprobs) > tokens * each * values


def test_log_probabilities_add_no_more_than_what_is_stated() -> None:
    bounds = Bounds().with_logprobs(1_000_000, None)
    assert max(bounds.body, bounds.stream, bounds.decoded) <= 640 * MIB


VECTORS = {
    "OpenAI's longest, numbers, indented": (512, 3072, 22),
    "OpenAI's longest, base64": (512, 3072, 6),
    "Gemini": (100, 3072, 23),
    "Cohere, four types": (96, 1536 * 4, 14),
    "Ollama": (512, 4096, 13),
    "a server of unknown limits": (512, 4096, 22),
    "one text, the longest vector": (1, 8192, 23),
}
"""Texts of one request, numbers of each vector, and bytes of each number."""


@pytest.mark.parametrize("name", VECTORS)
def test_limits_leave_room_for_real_vectors(name: str) -> None:
    texts, numbers, size = VECTORS[name]
    bounds = Bounds()
    assert bounds.embeddings(texts) > texts * numbers * size
    assert bounds.numbers(texts) > weight_of(b"[" + b"0," * numbers + b"0]") * texts


def test_limits_leave_room_for_the_longest_real_texts() -> None:
    """128,000 tokens: six bytes each, in events of up to 600."""
    bounds = Bounds()
    assert bounds.answer(128_000, streamed=True) > 128_000 * 600
    assert bounds.answer(128_000, streamed=False) > 128_000 * 6 * 6, "every character escaped"
    assert bounds.answer(None, streamed=False) == 16 * MIB
    assert bounds.event == 4096 * KIB
