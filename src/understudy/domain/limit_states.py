"""What is left of the limits of this side, kept beside an answer for a caller that paces itself."""

from __future__ import annotations

from typing import TypeVar

from understudy.domain.failures import LimitState

R = TypeVar("R")
_KEY = "_limit_states"


def with_limits(result: R, states: tuple[LimitState, ...]) -> R:
    """Return a response with what was left when its attempt was admitted; kept beside the fields, as the explanation
    is."""
    if states:
        vars(result)[_KEY] = states
    return result


def limits_of(result: object) -> tuple[LimitState, ...]:
    """Return what was left when the attempt that answered was admitted; empty if no limit concerned it."""
    found: tuple[LimitState, ...] = getattr(result, _KEY, ())
    return found
