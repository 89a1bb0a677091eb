"""The prompt cache of an emulated provider: a marked prompt is read from the cache the next time."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from understudy.domain.content import AnyPart, CacheMark
from understudy.domain.messages import Tool
from understudy.domain.requests import GenerationRequest
from understudy.emulator.persona import Cached
from understudy.emulator.prompt import message_tokens, prompt_tokens


class PromptCache:
    """Remembers the beginnings of prompts, message by message.

    Only what a request marks (or names with a cache key) is kept, however short; real providers require about a
    thousand tokens.
    """

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def look_up(self, request: GenerationRequest, model: str) -> Cached:
        """Return which tokens of the prompt were cached, and cache the rest."""
        end, mark = _marked_end(request)
        if end < 0:
            return Cached()
        # Tools and schema are not messages, and come at the beginning of the prompt.
        before = prompt_tokens(request) - sum(map(message_tokens, request.messages))
        read = written = 0
        for at, digest in enumerate(_digests(request, model, end)):
            tokens = (before if at == 0 else 0) + (message_tokens(request.messages[at]) if at < end else 0)
            if digest in self._known:
                read += tokens
            else:
                written += tokens
                self._known.add(digest)
        return Cached(read, 0, written) if mark and mark.ttl == "1h" else Cached(read, written)


def _marked_end(request: GenerationRequest) -> tuple[int, CacheMark | None]:
    """Return the number of messages to cache (-1 for nothing at all), and the mark that asks for it."""
    if request.cache is not None:
        return len(request.messages), request.cache
    parts = [(at, part) for at, message in enumerate(request.messages, start=1) for part in message.parts]
    if marked := [(at, part.cache) for at, part in parts if part.cache is not None]:
        return marked[-1]
    if tools := [tool.cache for tool in request.tools if isinstance(tool, Tool) and tool.cache is not None]:
        return 0, tools[-1]
    return (len(request.messages), None) if request.cache_key else (-1, None)


def _digests(request: GenerationRequest, model: str, end: int) -> Iterator[bytes]:
    """Yield a digest of the prompt's beginning up to each message, the tools alone when no message is cached."""
    digest = blake2b(msgspec.json.encode((model, request.cache_key, request.tools)), digest_size=16)
    for message in request.messages[:end]:
        # Marks move from turn to turn, and only the text counts.
        parts: tuple[AnyPart, ...] = tuple(msgspec.structs.replace(part, cache=None) for part in message.parts)
        digest.update(msgspec.json.encode(msgspec.structs.replace(message, content=parts)))
        yield digest.digest()
    if end == 0:
        yield digest.digest()
