"""An attempt under way, as the engine sees it: it hands out batches, and either ends cleanly or fails."""

from __future__ import annotations

from typing import Any, Protocol, Self

from understudy.domain.failures import Failure
from understudy.domain.messages import Message
from understudy.domain.money import Cost


class AttemptFailed(Exception):
    """The attempt failed; `failure` says how."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class AttemptStream(Protocol):
    """An attempt under way: an asynchronous iterator of batches of events (or other results)."""

    dialect: str | None
    """The wire format that it speaks, stamped on what only that format can replay."""
    server: str | None
    """The server that it speaks to, stamped likewise."""
    answered: bool
    """True once a successful response has begun to arrive."""
    translated: bool
    """True when the request had to be altered for this provider."""
    raw: bytes | None
    """The whole body, where it came whole."""
    message: Message | None
    """The answer as who gave it put it together, which says of each part whose it is; else the events' fold is it."""
    cost: Cost | None
    """What it cost, where who answered said so; else that is worked out from the usage."""

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
        """Give up; harmless after the end."""
        ...


class FailedAttempt:
    """A flight that could not be opened: it fails at once."""

    dialect: str | None = None
    server: str | None = None
    answered = False
    translated = False
    raw: bytes | None = None
    message: Message | None = None
    cost: Cost | None = None

    def __init__(self, failure: Failure) -> None:
        self._failure = failure

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        raise AttemptFailed(self._failure)

    def interrupt(self, failure: Failure) -> None:
        """There is nothing to end."""

    def clean(self, text: str) -> str:
        """There is nothing to hide: nothing was sent."""
        return text

    async def aclose(self) -> None:
        """There is nothing to close."""
