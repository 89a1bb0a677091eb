"""What the access log states about a request: who asked which route, what answered, and what it cost.

Never what was said: neither prompts nor answers, no header, no path (only the pattern of its route), and no key (only
its name).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec


class AccessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One request, once its answer has ended. What is unknown, or does not apply, is `None`."""

    time: float
    """When the request arrived: here in seconds since 1970, in the log in ISO 8601."""
    id: str
    """The request id, as in the answer's header `x-understudy-request-id`."""
    caller_id: str | None = None
    """The id that came in with it, in `x-request-id` or `x-client-request-id`."""
    method: str
    """The HTTP method; empty if the request is not HTTP."""
    route: str | None = None
    """The pattern of the route; `None` if the path belongs to none, or the request was refused before it was read."""
    key: str | None = None
    """The name of the caller's key."""
    operator: str | None = None
    """The name of the admin key with which a request was made to the console, its API or metrics; `local` if the
    sign-in link was used."""
    status: int
    """The status of the answer."""
    outcome: str
    """`answered`; `refused` before any target was asked; `failed` on all targets; `interrupted` within the answer;
    `client_left`; `shutdown`."""
    ms: float
    """How long it took, to the end of the answer."""
    first_ms: float | None = None
    """How long the first event of a streamed answer took."""
    model_asked: str | None = None
    """The name that the caller used."""
    provider: str | None = None
    """The entry that answered."""
    model: str | None = None
    """The model that answered."""
    attempts: int = 0
    """How many attempts were made."""
    input_tokens: int | None = None
    """Tokens of the prompt, cached ones included."""
    output_tokens: int | None = None
    """Tokens of the answer, thinking included."""
    cost_usd: str | None = None
    """What it cost, in US dollars, as a decimal number."""
    session: str | None = None
    """The session that it belongs to."""
    client: str | None = None
    """The program that asked, if its headers show it."""
    request_class: str | None = None
    """What a coding agent states of the request: `main`, `subagent`, `workflow`, `compaction` or `auxiliary`."""
    warnings: tuple[str, ...] = ()
    """What could not be expressed in a wire format, in the words of the answer's header `x-understudy-warnings`."""


Sink = Callable[[AccessRecord], None]
"""What takes records. It is called on the event loop, so it must not block."""


def line_of(record: AccessRecord) -> bytes:
    """Return the record as one line of JSON, with the time in ISO 8601. JSON escapes line breaks within values."""
    _, rest = _encode(record).split(b",", 1)  # the time comes first, and is a number
    return b'{"event":"request","time":"%b",%b\n' % (iso(record.time).encode(), rest)


_encode = msgspec.json.Encoder().encode


def iso(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC, to the millisecond."""
    second, milliseconds = divmod(round(seconds * 1_000_000) // 1000, 1000)
    return f"{_second(second)}.{milliseconds:03}Z"


@lru_cache(maxsize=8)
def _second(second: int) -> str:
    """Return a whole second: the lines of a second share it."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")
