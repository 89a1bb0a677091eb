"""Nothing is lost silently: every field of a request changes what is sent, or the answer carries a warning about it.

For each provider and model family, a request is sent without a field and with a telling value of it. The fields are
those of the structs themselves: a new one fails here until it has a value, or a reason to leave no trace.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest

import understudy as u
from tests.sending.losses import (
    NEVER_SENT,
    STRUCTS,
    UNSENT_BY,
    UNSENT_BY_MODEL,
    AnyRequest,
    Pair,
    Pairs,
    embedding_pairs,
    pairs,
)
from tests.sending.targets import FAMILIES, Family, Sender
from understudy.domain.requests import EmbeddingRequest

EMBEDDERS = tuple(
    Family(provider, model, (("embedding_model", model),))
    for provider, model in (
        ("openai", "text-embedding-3-small"),
        ("openai", "text-embedding-ada-002"),
        ("azure-openai", "text-embedding-3-small"),
        ("google", "gemini-embedding-001"),
        ("google", "gemini-embedding-2"),
        ("together", "intfloat/multilingual-e5-large-instruct"),
        ("huggingface", "thenlper/gte-large"),
        ("cohere", "embed-v4.0"),
        ("cohere", "embed-english-v3.0"),
        ("ollama", "nomic-embed-text"),
    )
)
UNIQUE = ("x-client-request-id", "idempotency-key")
"""Headers that differ in every request."""

PARTS = {
    "ToolCall": "tool call",
    "ToolResult": "tool result",
    "Opaque": "opaque part",
    "OpaqueTool": "tools",
    "Tool": "tools",
    "ToolChoice": "tool_choice",
    "OutputFormat": "output",
    "CacheMark": "cache",
    "Citation": "citations",
}
"""What warnings call the owner of a field, if not by its name in small letters."""


WORDS = ("the first words", "the second words", "the third words")


class Outcome(NamedTuple):
    """What was sent, and what the caller learned."""

    sent: tuple[object, ...]
    warnings: tuple[u.Warning, ...]
    error: u.LLMError | None


class Watched:
    """A target, and what it sends."""

    def __init__(self, family: Family) -> None:
        self._sender = Sender(family)
        self._known: dict[bytes, Outcome] = {}
        """Requests without a field are the same for many fields."""

    def ask(self, request: AnyRequest) -> Outcome:
        """Return what becomes of a request."""
        key = msgspec.msgpack.encode(request)
        if key not in self._known:
            self._known[key] = self._ask(request)
        return self._known[key]

    def _ask(self, request: AnyRequest) -> Outcome:
        sender = self._sender
        sender.wire.sent.clear()
        warnings: tuple[u.Warning, ...] = ()
        error = None
        try:
            if isinstance(request, u.GenerationRequest):
                warnings = sender.loop.run_until_complete(sender.llm.generate(request)).warnings
            else:
                warnings = sender.loop.run_until_complete(sender.llm.embed(request)).warnings
        except u.LLMError as caught:
            error = caught
        return Outcome(self._sent(), warnings, error)

    def _sent(self) -> tuple[object, ...]:
        requests = [request for request, _ in self._sender.wire.sent]
        return tuple(
            (request.url, tuple(header for header in request.headers if header[0] not in UNIQUE), request.body)
            for request in requests
        )

    def dialect(self, request: AnyRequest) -> str:
        """Return the dialect in which a request is sent."""
        self._ask(request)
        return self._sender.wire.sent[-1][1]

    def close(self) -> None:
        self._sender.close()


@pytest.fixture
def target(family: Family) -> Iterator[Watched]:
    made = Watched(family)
    yield made
    made.close()


def lost(target: Watched, found: Pairs, dialect: str, model: str) -> list[str]:
    """Return the fields that left no trace."""
    unsent = {**UNSENT_BY.get(dialect, {}), **UNSENT_BY_MODEL.get(model, {})}
    traceless = {field for field, pair in found.items() if not leaves_trace(target, field, pair)}
    return sorted(traceless - unsent.keys())


def leaves_trace(target: Watched, field: str, pair: Pair) -> bool:
    """Check whether a field changes what is sent, is named by a warning, or by the reason why nothing is sent."""
    without, having = target.ask(pair.without), target.ask(pair.having)
    if having.sent and having.sent != without.sent:
        return True
    if having.error is not None and not having.sent:
        return names(repr(having.error), pair.words)
    struct, _, name = field.partition(" ")[0].partition(".")
    part = PARTS.get(struct, struct.lower())
    known = (part, f"{part} {name}", name)
    if any(warning.what in known for warning in having.warnings):
        return True  # the part, or this field of it, was left out or rewritten, whatever its value
    return any(names(str(warning), pair.words) for warning in having.warnings if warning not in without.warnings)


def names(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.casefold() for word in words)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.label)
def test_no_field_of_a_generation_is_lost_silently(target: Watched, family: Family) -> None:
    dialect = target.dialect(u.GenerationRequest(messages=(u.Message.user("Hello"),)))
    found = lost(target, pairs(dialect, family.model), dialect, family.model)
    assert not found, found


ROLES = (u.Role.SYSTEM, u.Role.USER, u.Role.ASSISTANT)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.label)
def test_no_words_of_a_conversation_are_lost_silently(target: Watched, family: Family) -> None:
    for roles in (roles for length in (1, 2, 3) for roles in itertools.product(ROLES, repeat=length)):
        outcome = target.ask(u.GenerationRequest(messages=tuple(map(u.Message, roles, WORDS))))
        if outcome.error is not None and not outcome.sent:
            continue  # refused, which is not silent
        body = str(outcome.sent[-1])
        left_out = [words for words in WORDS[: len(roles)] if words not in body]
        told = [warning for warning in outcome.warnings if warning.kind is u.WarningKind.DROPPED]
        assert told or not left_out, (roles, left_out)


@pytest.mark.parametrize("family", EMBEDDERS, ids=lambda family: family.label)
def test_no_field_of_an_embedding_is_lost_silently(target: Watched, family: Family) -> None:
    dialect = target.dialect(EmbeddingRequest(texts=("Hello",)))
    found = lost(target, embedding_pairs(dialect), dialect, family.model)
    assert not found, found


def test_every_field_has_a_value_or_a_reason() -> None:
    fields = {f"{struct.__name__}.{name}" for struct in STRUCTS for name in struct.__struct_fields__}
    valued = {name.split(" ")[0] for name in (*pairs("openai", "a-model"), *embedding_pairs("openai"))}
    assert fields - valued - NEVER_SENT.keys() == set(), "a new field needs a value in tests/sending/losses.py"
    assert valued - fields == set()
    assert NEVER_SENT.keys() - fields == set()
    assert NEVER_SENT.keys() & valued == set()


def test_lists_of_fields_without_use_name_fields() -> None:
    known = pairs("openai", "a-model").keys()
    assert {field for fields in (*UNSENT_BY.values(), *UNSENT_BY_MODEL.values()) for field in fields} - known == set()
    assert UNSENT_BY_MODEL.keys() - {family.model for family in FAMILIES} == set()
