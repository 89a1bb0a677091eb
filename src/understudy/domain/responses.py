"""Responses: a generation, an embedding, a model list, a token count, a health check."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic

import msgspec

from understudy.domain.attempts import AttemptRecord, total_cost
from understudy.domain.content import JsonObject, Refusal, Thinking, ToolCall
from understudy.domain.explanation import Explanation, explanation_of
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.domain.plain import Plain
from understudy.domain.quotas import Quota
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # with defaults (PEP 696), which `typing` has from Python 3.13

    T = TypeVar("T", default=Any)
    T_co = TypeVar("T_co", default=Any, covariant=True)
else:
    from typing import TypeVar

    T = TypeVar("T")
    T_co = TypeVar("T_co", covariant=True)


class GenerationResponse(msgspec.Struct, Plain, Generic[T_co], frozen=True, kw_only=True, dict=True):
    """A whole answer, with the record of every attempt to get it.

    `parsed` has the type `T` in a `GenerationResponse[T]`, and any type in a plain `GenerationResponse`.
    """

    message: Message
    """The answer as a message, ready to append to the history."""
    finish_reason: FinishReason = FinishReason.UNKNOWN
    finish_reason_raw: str | None = None
    usage: Usage = Usage()
    model: str | None = None
    """The model that answered, as the provider names it."""
    provider: str | None = None
    """Name of the entry that answered."""
    id: str | None = None
    created: float | None = None
    """Unix seconds, as reported by the provider."""
    parsed: T_co = None  # type: ignore[assignment]  # without a schema T is Any
    """The answer as a value, when a schema or a Python type was asked for."""
    cost: Cost | None = None
    """The cost of the attempt that answered; `None` if it is unknown."""
    warnings: tuple[Warning, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    extra: JsonObject = {}
    """Facts of the answer without a unified name, such as `service_tier`."""
    raw: bytes | None = None
    """The provider's body, unchanged: the bytes of the stream if a `generate` was streamed internally. `None` for the
    result of `stream`."""

    _computed = ("text", "tool_calls", "tokens_used", "total_cost")

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.message.text

    @property
    def thinking(self) -> str:
        """The model's reasoning as far as it was shown."""
        return "".join(part.text for part in self.message.parts if isinstance(part, Thinking))

    @property
    def refusal(self) -> str | None:
        """The text of the model's refusal, or `None` if it did not refuse."""
        words = [part.text for part in self.message.parts if isinstance(part, Refusal)]
        return "".join(words) if words else None

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls that the model requests, in order."""
        return tuple(part for part in self.message.parts if isinstance(part, ToolCall))

    @property
    def tokens_used(self) -> int | None:
        """All tokens of the answer and its prompt, or `None` if the provider did not report them."""
        return self.usage.total

    @property
    def total_cost(self) -> Cost | None:
        """The cost of the whole request, failed attempts included; `None` if that of any of them is unknown."""
        return total_cost(self.attempts) if self.attempts else self.cost

    @property
    def explanation(self) -> Explanation | None:
        """The course of the request: its plan, and what happened when.

        `None` for a response that was copied, changed or read back: to keep it, store `explanation.to_dict()`.
        """
        return explanation_of(self)

    def to_openai(self) -> JsonObject:
        """Return the answer as an OpenAI chat completion object, for code written against that form."""
        from understudy.domain.chat_completion import answer_object

        return answer_object(self, dialect="openai")


class EmbeddingResponse(msgspec.Struct, Plain, frozen=True, kw_only=True, dict=True):
    """Vectors, one per text, in the order of the texts."""

    embeddings: tuple[tuple[float, ...], ...]
    model: str | None = None
    """The model that made them, as the provider names it; of several batches, that of the first."""
    provider: str | None = None
    """Name of the entry that answered; of several batches, that of the first: `attempts` names the others."""
    usage: Usage = Usage()
    """Over all batches."""
    cost: Cost | None = None
    """The cost of the attempts that answered, one per batch; `None` if it is unknown."""
    warnings: tuple[Warning, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    """Every attempt, batch after batch."""
    raw: bytes | None = None
    """The provider's body, unchanged; `None` if there were several."""

    _computed = ("total_cost",)

    def to_openai(self) -> JsonObject:
        """Return the vectors as OpenAI's list of embedding objects, for code written against that form."""
        from understudy.domain.chat_completion import embeddings_object

        return embeddings_object(self)

    @property
    def explanation(self) -> Explanation | None:
        """The course of the request, all batches together: its plan, and what happened when.

        `None` for a response that was copied, changed or read back: to keep it, store `explanation.to_dict()`.
        """
        return explanation_of(self)

    @property
    def embedding(self) -> tuple[float, ...]:
        """The first vector; the only one if one text was given. Raise `IndexError` if there are none."""
        return self.embeddings[0]

    @property
    def total_cost(self) -> Cost | None:
        """The cost of the whole request, failed attempts included; `None` if that of any of them is unknown."""
        return total_cost(self.attempts) if self.attempts else self.cost


def joined(answers: Sequence[EmbeddingResponse]) -> EmbeddingResponse:
    """Return the answers to the batches of one request as one, in their order.

    Model and provider are those of the first. Usage and cost are sums, unknown if one of them is.
    """
    raw = [answer.usage.raw for answer in answers]
    costs = [answer.cost for answer in answers]
    usage = reduce(Usage.__add__, (answer.usage for answer in answers))
    return msgspec.structs.replace(
        answers[0],
        embeddings=tuple(chain.from_iterable(answer.embeddings for answer in answers)),
        usage=msgspec.structs.replace(usage, raw={"batches": raw} if any(raw) else None),
        cost=None if None in costs else reduce(Cost.__add__, filter(None, costs)),
        warnings=tuple(dict.fromkeys(chain.from_iterable(answer.warnings for answer in answers))),
        attempts=tuple(chain.from_iterable(answer.attempts for answer in answers)),
        raw=None,
    )


class ModelInfo(msgspec.Struct, Plain, frozen=True, kw_only=True, omit_defaults=True):
    """A model as its provider describes it; what the provider does not report is `None`."""

    id: str
    provider: str | None = None
    display_name: str | None = None
    owned_by: str | None = None
    created: float | None = None
    """Unix seconds."""
    context_window: int | None = None
    """Tokens of prompt and answer together, or of the prompt alone, as the provider counts."""
    max_output_tokens: int | None = None
    capabilities: frozenset[str] | None = None
    """Of `chat embed tools vision audio_input pdf_input thinking structured_output`; `None` if unknown."""
    lacks: frozenset[str] = frozenset()
    """Those of the same words that the provider reports as not supported."""
    input_price: str | None = None
    """US dollars per million prompt tokens, as a decimal string."""
    output_price: str | None = None
    cache_read_price: str | None = None
    """US dollars per million prompt tokens that were read from a cache."""
    raw: JsonObject | None = None


class TokenCount(msgspec.Struct, Plain, frozen=True, kw_only=True, dict=True):
    """How many tokens a request's prompt has."""

    input_tokens: int
    model: str | None = None
    provider: str | None = None
    warnings: tuple[Warning, ...] = ()
    """Parts of the request that could not be counted."""


class HealthStatus(msgspec.Struct, Plain, frozen=True, kw_only=True):
    """What a free call revealed of a provider. `None` means unknown."""

    provider: str
    reachable: bool
    serving: bool | None = None
    """Whether it answers calls; `False` if it fails, is overloaded, limits this key, or is another kind of server."""
    authenticated: bool | None = None
    model_available: bool | None = None
    """Whether the configured text model is available; the embedding model, for an entry that has only that."""
    latency: float | None = None
    """Seconds of the call."""
    detail: str | None = None
    """What is wrong and what to do, in a sentence."""
    quotas: tuple[Quota, ...] = ()
    """What is left of the limits of the key, if the call's answer reports it; of a pool, of the first key that works.
    """
    refused_keys: tuple[int, ...] = ()
    """Of a pool of keys, the positions of those that the provider refuses, from 1."""
    targets: tuple[HealthStatus, ...] = ()
    """Of a manager: the status of each of its targets."""

    _computed = ("ok",)

    @property
    def ok(self) -> bool:
        """True if nothing that is known prevents a call."""
        return self.reachable and not any(
            found is False for found in (self.serving, self.authenticated, self.model_available)
        )
