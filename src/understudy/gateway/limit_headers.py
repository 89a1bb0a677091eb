"""The headers by which callers learn of a limit that was reached, and of what is left of one, as the vendor of their
wire format writes them.

Sources: https://platform.openai.com/docs/guides/rate-limits (`x-ratelimit-*`, durations as `6m0s`) and
https://platform.claude.com/docs/en/api/rate-limits (`anthropic-ratelimit-*`, times of RFC 3339). Google states it in
the body (`RetryInfo`), Cohere and Ollama not at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from understudy.domain.failures import Failure, LimitState
from understudy.wire.http import Headers


def limit_headers(failure: Failure, dialect: str, now: float) -> Headers:
    """Return the headers of a reply about a limit of the gateway's own; `now`: Unix seconds."""
    return () if failure.limit is None else state_headers((failure.limit,), dialect, now)


def state_headers(states: Iterable[LimitState], dialect: str, now: float) -> Headers:
    """Return the headers that state what is left of limits of the gateway's own; `now`: Unix seconds."""
    if dialect == "anthropic":
        return tuple(header for state in states for header in _anthropic(state, now))
    if dialect in ("openai", "responses"):
        return tuple(header for state in states for header in _openai(state, now))
    return ()


def with_states(headers: Headers, states: tuple[LimitState, ...], dialect: str, now: float) -> Headers:
    """Return the headers of an answer with what is left of the gateway's limits, in place of what the provider states
    of its own: a client that paces itself must read one of them."""
    own = state_headers(states, dialect, now) if states else ()
    return (*(each for each in headers if not each[0].startswith(_PREFIXES)), *own) if own else headers


_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


def _anthropic(state: LimitState, now: float) -> Headers:
    name = f"anthropic-ratelimit-{state.unit}"
    found = [(f"{name}-limit", str(state.limit)), (f"{name}-remaining", str(state.remaining))]
    resets_at = state.resets_at if state.resets_in is None else now + state.resets_in
    if resets_at is not None:
        moment = datetime.fromtimestamp(math.ceil(resets_at), UTC)
        found.append((f"{name}-reset", f"{moment:%Y-%m-%dT%H:%M:%SZ}"))
    return tuple(found)


def _openai(state: LimitState, now: float) -> Headers:
    found = [
        (f"x-ratelimit-limit-{state.unit}", str(state.limit)),
        (f"x-ratelimit-remaining-{state.unit}", str(state.remaining)),
    ]
    resets_in = state.resets_in
    if state.resets_at is not None:
        resets_in = max(0.0, state.resets_at - now)
    if resets_in is not None:
        found.append((f"x-ratelimit-reset-{state.unit}", duration(resets_in)))
    return tuple(found)


def duration(seconds: float) -> str:
    """Return seconds as OpenAI writes them: `6m0s`, `1h0m0s`, `12s`."""
    whole = math.ceil(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
