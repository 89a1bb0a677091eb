"""An attempt that waits for its admission at its first read: then its own stream is read, or nothing is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Self

from understudy.domain.events import Warned
from understudy.domain.failures import Failure
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.domain.quotas import ReadQuotas
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.domain.wire_answer import WireAnswer
from understudy.engine.attempt_stream import AttemptFailed, AttemptStream

Admit = Callable[[], Awaitable[tuple[AttemptStream, tuple[Warning, ...]]]]
"""Waits for the admission; returns the stream to read, and what had to be altered. Raises `AttemptDenied`."""


class AttemptDenied(AttemptFailed):
    """The attempt is not made. `final`: nor is one at another target."""

    def __init__(self, failure: Failure, *, final: bool) -> None:
        super().__init__(failure)
        self.denied_for_good = final


class AdmittedStream:
    """The stream of an attempt, which is read once it is admitted."""

    def __init__(self, stream: AttemptStream, admit: Admit) -> None:
        self._stream = stream
        self._admit: Admit | None = admit
        self._interrupted: Failure | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        if self._admit is not None:
            admit, self._admit = self._admit, None
            self._stream, warnings = await admit()
            if self._interrupted is not None:
                raise AttemptFailed(self._interrupted)
            if warnings:
                return [Warned(each) for each in warnings]
        return await anext(self._stream)

    def interrupt(self, failure: Failure) -> None:
        """End the attempt; see `AttemptStream`."""
        self._interrupted = failure
        self._stream.interrupt(failure)

    def clean(self, text: str) -> str:
        """Hide the secrets; see `AttemptStream`."""
        return self._stream.clean(text)

    async def aclose(self) -> None:
        """Abandon the attempt; see `AttemptStream`."""
        self._admit = None
        await self._stream.aclose()

    # ---- as the attempt's own stream states it; see `AttemptStream` ----

    @property
    def dialect(self) -> str | None:
        """The wire format."""
        return self._stream.dialect

    @property
    def server(self) -> str | None:
        """The server."""
        return self._stream.server

    @property
    def account(self) -> str | None:
        """The account."""
        return self._stream.account

    @property
    def streamed(self) -> bool:
        """Whether the provider streams its answer."""
        return self._stream.streamed

    @property
    def answered(self) -> bool:
        """Whether a successful response has begun to arrive."""
        return self._stream.answered

    @property
    def is_over(self) -> bool:
        """Whether the last batch has been handed out."""
        return self._stream.is_over

    @property
    def translated(self) -> bool:
        """Whether the request had to be altered."""
        return self._stream.translated

    @property
    def raw(self) -> bytes | None:
        """The whole body."""
        return self._stream.raw

    @property
    def message(self) -> Message | None:
        """The answer as the provider put it together."""
        return self._stream.message

    @property
    def cost(self) -> Cost | None:
        """The cost as the provider reported it."""
        return self._stream.cost

    @property
    def wire_answer(self) -> WireAnswer | None:
        """What the provider answered."""
        return self._stream.wire_answer

    @property
    def quotas(self) -> ReadQuotas | None:
        """Reads what the provider says is left of the key's limits."""
        return self._stream.quotas
