"""An attempt under way, as the engine sees it: it hands out batches, and either ends cleanly or fails."""

from __future__ import annotations

import logging
import traceback
from pathlib import PurePath
from typing import Any, Protocol, Self

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.domain.quotas import ReadQuotas
from understudy.domain.wire_answer import WireAnswer

logger = logging.getLogger("understudy")


class AttemptFailed(Exception):
    """The attempt failed; `failure` is how."""

    denied_for_good: bool | None = None
    """Set if it was not made, because a limit of this side forbids it: whether one at another target is too."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class AttemptStream(Protocol):
    """An attempt under way: an asynchronous iterator of batches of events (or other results)."""

    @property
    def dialect(self) -> str | None:
        """The wire format, stamped on what only that format can replay."""
        ...

    @property
    def server(self) -> str | None:
        """The server, stamped likewise."""
        ...

    @property
    def account(self) -> str | None:
        """The account, stamped likewise; unset unless what is written belongs to one."""
        ...

    @property
    def streamed(self) -> bool:
        """Whether the provider streams its answer."""
        ...

    @property
    def answered(self) -> bool:
        """True once a successful response has begun to arrive."""
        ...

    @property
    def is_over(self) -> bool:
        """True once the last batch has been handed out, as far as that is known without asking for another."""
        ...

    @property
    def translated(self) -> bool:
        """True when the request had to be altered for this provider."""
        ...

    @property
    def raw(self) -> bytes | None:
        """The whole body, where it came whole."""
        ...

    @property
    def message(self) -> Message | None:
        """The answer as the provider put it together, with the origin of each part; unset: the fold of the events."""
        ...

    @property
    def cost(self) -> Cost | None:
        """The cost as reported by a provider that accounts for itself; unset: computed from the usage."""
        ...

    @property
    def wire_answer(self) -> WireAnswer | None:
        """What the provider answered, where the caller speaks its wire format."""
        ...

    @property
    def quotas(self) -> ReadQuotas | None:
        """Reads what the provider says is left of the key's limits; unset if it says nothing."""
        ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> list[Any]:
        """Return the next batch, never empty. Raises `AttemptFailed`."""
        ...

    def interrupt(self, failure: Failure) -> None:
        """End the attempt with a failure at once, also while another task waits for its next batch."""
        ...

    def clean(self, text: str) -> str:
        """Return a name that the provider wrote without the secrets that were sent to it."""
        ...

    async def aclose(self) -> None:
        """Abandon the attempt; harmless after the end."""
        ...


class FailedAttempt:
    """An attempt that could not be opened: it fails at once."""

    dialect: str | None = None
    server: str | None = None
    account: str | None = None
    streamed = False
    answered = False
    is_over = False
    translated = False
    raw: bytes | None = None
    message: Message | None = None
    cost: Cost | None = None
    wire_answer: WireAnswer | None = None
    quotas: ReadQuotas | None = None

    def __init__(self, failure: Failure) -> None:
        self._failure = failure

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        raise AttemptFailed(self._failure)

    def interrupt(self, failure: Failure) -> None:
        """Do nothing: it has ended."""

    def clean(self, text: str) -> str:
        """Return the name as it is: no secret was sent."""
        return text

    async def aclose(self) -> None:
        """Do nothing: nothing was opened."""


def internal_failure(error: Exception, where: str, *, sent: bool = True) -> Failure:
    """Log an exception that no part of the library should let through, and return it as a failure.

    The failure names the error and its place. The error's own words may hold a secret, and stay in the log alone.
    """
    logger.error("internal error in %s", where, exc_info=error)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {PurePath(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return Failure(kind=FailureKind.LOCAL, message=f"internal error: {type(error).__name__}{place}", sent=sent)
