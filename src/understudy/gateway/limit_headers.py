"""The headers by which callers learn of a limit that was reached, as the vendor of their wire format writes them.

Sources: https://platform.openai.com/docs/guides/rate-limits (`x-ratelimit-*`, durations as `6m0s`) and
https://platform.claude.com/docs/en/api/rate-limits (`anthropic-ratelimit-*`, times of RFC 3339). Google states it in
the body (`RetryInfo`), Cohere and Ollama not at all.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from understudy.domain.failures import Failure, LimitState
from understudy.wire.http import Headers


def limit_headers(failure: Failure, dialect: str, now: float) -> Headers:
    """Return the headers of a reply about a limit of the gateway's own; `now`: Unix seconds."""
    state = failure.limit
    if state is None:
        return ()
    if dialect == "anthropic":
        return _anthropic(state, now)
    return _openai(state) if dialect in ("openai", "responses") else ()


def _anthropic(state: LimitState, now: float) -> Headers:
    name = f"anthropic-ratelimit-{state.unit}"
    found = [(f"{name}-limit", str(state.limit)), (f"{name}-remaining", str(state.remaining))]
    if state.resets_in is not None:
        moment = datetime.fromtimestamp(math.ceil(now + state.resets_in), UTC)
        found.append((f"{name}-reset", f"{moment:%Y-%m-%dT%H:%M:%SZ}"))
    return tuple(found)


def _openai(state: LimitState) -> Headers:
    found = [
        (f"x-ratelimit-limit-{state.unit}", str(state.limit)),
        (f"x-ratelimit-remaining-{state.unit}", str(state.remaining)),
    ]
    if state.resets_in is not None:
        found.append((f"x-ratelimit-reset-{state.unit}", duration(state.resets_in)))
    return tuple(found)


def duration(seconds: float) -> str:
    """Return seconds as OpenAI writes them: `6m0s`, `1h0m0s`, `12s`."""
    whole = math.ceil(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
