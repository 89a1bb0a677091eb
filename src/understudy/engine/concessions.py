"""What a provider refused of a request is given up, and the request is sent again: the stream of an answer that is
wanted whole, how a model thinks where the caller's wire format asks for more than the provider grants, and reasoning
that another account encrypted.

A client that speaks the provider's own wire format gets the refusal itself: it knows its words and what to do. But of
accounts it knows nothing, so foreign reasoning is left out for it, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from understudy.dialects.base import Dialect, Endpoint, Exchange
from understudy.dialects.histories.unsealing import WHY, refuses_reasoning, without_reasoning
from understudy.domain.bounded import BoundedDict
from understudy.domain.events import Warned
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.engine.exchanges import is_forwarded, open_exchange
from understudy.engine.inner_streams import REMEMBERED, InnerStreams

Refused = Literal["display", "reasoning"]
_WHY: dict[Refused, Warned] = {
    "display": Warned(Warning(WarningKind.DROPPED, "reasoning display", "the provider refuses to show thinking")),
    "reasoning": Warned(Warning(WarningKind.DROPPED, "reasoning", "the provider refuses it for this model")),
}
_UNREADABLE = Warned(Warning(WarningKind.DROPPED, "thinking", WHY))
_NOT_SHOWN = re.compile(r"reasoning summar", re.IGNORECASE)
"""OpenAI: "Your organization must be verified to generate reasoning summaries" (github.com/continuedev/continue/issues/
9602)."""
_NOT_THOUGHT = re.compile(
    r"\b(think|thinking|reasoning(_effort|_format|\.effort)?|include_reasoning)[`'\"]? (is|are) not supported"
    r"|does not support (thinking|reasoning)\b",
    re.IGNORECASE,
)
"""Ollama: "…" does not support thinking; Groq: `reasoning_effort` is not supported with this model; OpenAI:
"Unsupported parameter: 'reasoning_effort' is not supported with this model"."""


def refused_of(failure: Failure) -> Refused | None:
    """Return what a provider refused of how a model should think; `None` for any other failure."""
    if failure.status not in (400, 422):
        return None
    if failure.param == "reasoning.summary" or _NOT_SHOWN.search(failure.message):
        return "display"
    # "Function tools with reasoning_effort are not supported": that is a matter of the tools.
    return "reasoning" if _NOT_THOUGHT.search(failure.message) and "tool" not in failure.message.lower() else None


class Concessions:
    """Remembers for one entry what its models refuse."""

    def __init__(self) -> None:
        self.streams = InnerStreams()
        self._refused: BoundedDict[str | None, Refused] = BoundedDict(REMEMBERED)

    def conceded(
        self, request: GenerationRequest, dialect: Dialect, endpoint: Endpoint
    ) -> tuple[GenerationRequest, list[Warned]]:
        """Return a request without what the model is known to refuse, and the warning about it."""
        refused = self._refused.get(endpoint.model)
        if refused is None or is_forwarded(request, dialect):
            return request, []
        without = _without(request, refused)
        return (request, []) if without is None else (without, [_WHY[refused]])

    def again(
        self, dialect: Dialect, request: GenerationRequest, endpoint: Endpoint, streamed: bool, *, inside: bool
    ) -> Callable[[Failure], Again | None] | None:
        """Return what decides whether a refused request is sent again; `None` if nothing can be left out of it.

        `inside`: the caller wants the answer whole, even if it is streamed.
        """
        if request.reasoning is None and not (streamed and inside) and dialect.history.account is None:
            return None
        return Asking(self, dialect, request, endpoint).streaming(streamed, inside=inside).after

    def remember(self, endpoint: Endpoint, refused: Refused) -> None:
        """Remember what a model refuses."""
        self._refused[endpoint.model] = refused


class Again(msgspec.Struct, frozen=True):
    """A request that is sent again, with less."""

    exchange: Exchange[Any]
    streamed: bool
    warnings: tuple[Warned, ...] = ()


class Asking:
    """One request, which is sent again with less if the provider refuses a part of it."""

    __slots__ = ("_concessions", "_dialect", "_endpoint", "_inside", "_request", "_streamed")

    def __init__(
        self, concessions: Concessions, dialect: Dialect, request: GenerationRequest, endpoint: Endpoint
    ) -> None:
        self._concessions = concessions
        self._dialect = dialect
        self._request = request
        self._endpoint = endpoint
        self._streamed = self._inside = False

    def streaming(self, streamed: bool, *, inside: bool) -> Asking:
        """Note whether the answer is streamed, and if so, only `inside`, because the caller wants it whole."""
        self._streamed, self._inside = streamed, inside
        return self

    def after(self, failure: Failure) -> Again | None:
        """Return what to send after a failure; `None` if that is nothing."""
        if self._inside and self._streamed:
            exchange = self._concessions.streams.unstreamed_after(self._dialect, self._request, self._endpoint, failure)
            if exchange is not None:
                self._streamed = False
                return Again(exchange, streamed=False)
        if self._dialect.history.account is not None and refuses_reasoning(failure):
            return self._unsealed()
        refused = None if is_forwarded(self._request, self._dialect) else refused_of(failure)
        without = None if refused is None else _without(self._request, refused)
        if refused is None or without is None:
            return None
        self._concessions.remember(self._endpoint, refused)
        return self._opened(without, _WHY[refused])

    def _unsealed(self) -> Again | None:
        without = without_reasoning(self._request, self._dialect)
        return None if without is None else self._opened(without, _UNREADABLE)

    def _opened(self, request: GenerationRequest, why: Warned) -> Again:
        self._request = request
        exchange = open_exchange(self._dialect, Operation.CHAT, request, self._endpoint, self._streamed)
        return Again(exchange, self._streamed, (why,))


def _without(request: GenerationRequest, refused: Refused) -> GenerationRequest | None:
    """Return a request that no longer asks for what was refused; `None` if it did not ask for it."""
    asked: Reasoning | None = request.reasoning
    if asked is None or (refused == "display" and asked.display == "omitted"):
        return None
    return replace(request, reasoning=replace(asked, display="omitted") if refused == "display" else None)
