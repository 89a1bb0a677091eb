"""What a provider answered in its own bytes, kept for a caller that speaks the provider's wire format."""

from __future__ import annotations

from typing import TypeVar

import msgspec

LEAST_ERROR = 400
"""The lowest status of an error."""


class WireAnswer(msgspec.Struct, frozen=True):
    """Status, headers and bytes of an answer, to be handed on unmodified."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    """Those that callers get, with lower-case names."""
    body: bytes | None = None
    """The body, if it is known as a whole: an answer that was not streamed, or an error without secrets."""
    event: bytes | None = None
    """The event with which the provider itself ended a stream: its own error, without secrets."""

    @property
    def is_error(self) -> bool:
        """Whether it is an error in the provider's own words."""
        return self.status >= LEAST_ERROR or self.event is not None

    def __repr__(self) -> str:
        """Show sizes instead of bytes, which hold what people wrote."""
        sizes = ", ".join(
            f"{name}={len(data)} bytes" for name in ("body", "event") if (data := getattr(self, name)) is not None
        )
        return f"WireAnswer({self.status}{', ' if sizes else ''}{sizes})"


R = TypeVar("R")
_KEY = "_wire_answer"


def with_wire_answer(result: R, answer: WireAnswer | None) -> R:
    """Return a response or an error with what the provider answered.

    It is kept beside the fields, as the explanation is: it makes no equal answers unequal, and is not stored with them.
    """
    if answer is not None:
        vars(result)[_KEY] = answer
    return result


def wire_answer_of(result: object) -> WireAnswer | None:
    """Return what the provider answered; `None` unless the request came in over the provider's wire format."""
    found: WireAnswer | None = getattr(result, _KEY, None)
    return found
