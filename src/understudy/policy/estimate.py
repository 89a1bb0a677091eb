"""The expected usage of a request. Deliberately rough: it orders targets and checks windows, but it is not billed.

Four bytes of UTF-8 per token is within a quarter of what the tokenisers of the ten providers make of prose in most
languages (English has about 4.4 characters per token, Chinese about one character of three bytes).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from understudy.domain.census import census_of
from understudy.domain.content import (
    AnyPart,
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.json_types import built_in
from understudy.domain.messages import Role, Tool
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, outline_of
from understudy.domain.usage import Usage

BYTES_PER_TOKEN = 4
LEAST_BYTES_PER_TOKEN = 6
"""For a low estimate: longer tokens are rare in any text."""
MESSAGE_TOKENS = 4
"""Tokens of a message beside its words: its role and its delimiters."""
IMAGE_TOKENS = 1_000
"""An image of about a megapixel: 765 at OpenAI, 1,334 at Anthropic, 1,032 at Google."""
AUDIO_BYTES_PER_TOKEN = 800
"""MP3 of 64 kbit/s at ten tokens a second (OpenAI)."""
DOCUMENT_BYTES_PER_TOKEN = 40
"""For PDFs, which are mostly not text."""
USUAL_OUTPUT = 500
"""Tokens of an answer, while no earlier answers of the target are known."""


class _Prompt:
    """Sizes of a prompt while it is counted: the uncached part, and what was marked to be cached before."""

    __slots__ = ("audio", "bytes", "cached", "long_lived", "tokens")

    def __init__(self) -> None:
        self.bytes = 0
        self.tokens = 0
        self.audio = 0
        self.cached = 0
        self.long_lived = False

    def fresh(self) -> int:
        """Tokens since the last mark."""
        return self.tokens + self.bytes // BYTES_PER_TOKEN - self.cached

    def mark(self, cache: CacheMark) -> None:
        """Count everything so far as cached."""
        self.cached += self.fresh()
        self.long_lived = cache.ttl == "1h"

    def add(self, parts: Iterable[AnyPart]) -> None:
        """Count parts."""
        for part in parts:
            self._add(part)
            if isinstance(part, Part) and part.cache is not None:
                self.mark(part.cache)

    def _add(self, part: AnyPart) -> None:
        match part:
            case Text(text=text) | Refusal(text=text) | Thinking(text=text):
                self.bytes += size_of(text)
            case Image():
                self.tokens += IMAGE_TOKENS
            case Audio(data=data):
                self.audio += _decoded(data) // AUDIO_BYTES_PER_TOKEN
            case File(text=text, data=data):
                self.bytes += size_of(text or "")
                self.tokens += _decoded(data) // DOCUMENT_BYTES_PER_TOKEN
            case ToolCall(name=name, arguments=arguments):
                self.bytes += size_of(name) + size_of(arguments)
            case ToolResult(content=content):
                if isinstance(content, str):
                    self.bytes += size_of(content)
                else:
                    self.add(content)
            case Opaque(json=value):
                self.bytes += len(_encode(value))
            case Citation():
                pass


_encode = msgspec.json.Encoder(enc_hook=built_in).encode


def expected_usage(request: GenerationRequest | EmbeddingRequest, output: float | None = None) -> Usage:
    """Return the expected usage of a request, by class.

    `output` is the average number of tokens of the target's answers. A prompt that is marked for caching counts as read
    from the cache if the conversation has an earlier answer, otherwise as written to it; caches that work without marks
    are not considered.
    """
    if isinstance(request, EmbeddingRequest):
        return Usage(input=sum(size_of(text) for text in request.texts) // BYTES_PER_TOKEN or 1, output=0)
    prompt = _prompt_of(request)
    usual = USUAL_OUTPUT if output is None else max(1, round(output))
    answer = usual if request.max_tokens is None else min(usual, request.max_tokens)
    cached, audio = prompt.cached or None, prompt.audio or None
    if cached is None:
        return Usage(input=prompt.fresh(), output=answer, audio_input=audio)
    if any(message.role is Role.ASSISTANT for message in request.messages):
        return Usage(input=prompt.fresh(), cache_read=cached, output=answer, audio_input=audio)
    if prompt.long_lived:
        return Usage(input=prompt.fresh(), cache_write_1h=cached, output=answer, audio_input=audio)
    return Usage(input=prompt.fresh(), cache_write=cached, output=answer, audio_input=audio)


def least_prompt(request: GenerationRequest) -> int:
    """Return the least number of tokens that the text of a prompt has; for an outline, a number that this is not
    above."""
    if (outline := outline_of(request)) is not None:
        return len(outline.body) // LEAST_BYTES_PER_TOKEN
    census = census_of(request.messages)
    texts = census.texts
    if Text in census.kinds:
        texts = texts + [part.text for part in census.parts if isinstance(part, Text)]
    size = sum(map(len, texts)) if all(map(str.isascii, texts)) else sum(map(size_of, texts))
    return size // LEAST_BYTES_PER_TOKEN


def size_of(text: str) -> int:
    """Return the size of a text in UTF-8 bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _prompt_of(request: GenerationRequest) -> _Prompt:
    prompt = _Prompt()
    for tool in request.tools:
        prompt.bytes += len(_encode(tool.parameters if isinstance(tool, Tool) else tool.json))
        if isinstance(tool, Tool):
            prompt.bytes += size_of(tool.name) + size_of(tool.description or "")
            if tool.cache is not None:
                prompt.mark(tool.cache)
    if request.output is not None and request.output.json_schema is not None:
        prompt.bytes += len(_encode(request.output.json_schema))
    for message in request.messages:
        prompt.tokens += MESSAGE_TOKENS
        content = message.content
        if isinstance(content, str):
            prompt.bytes += size_of(content)
        else:
            prompt.add(content)
    if request.cache is not None:
        prompt.mark(request.cache)
    return prompt


def _decoded(data: str | None) -> int:
    """Return the number of bytes in a base64 string."""
    return len(data) * 3 // 4 if data else 0
