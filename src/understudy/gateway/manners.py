"""How an error is reported to a client, so that the client does the right thing with it: try again, wait, or stop.

Clients read status and headers, each in its own way. Nothing here hides an error or makes one up: a failure that may
pass is reported with a status and a wait after which this client really tries again, and one that lasts with the sign
by which it stops.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from understudy.dialects.errors import STATUS_OF
from understudy.dialects.server import ServerHalf
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.wire_answer import WireAnswer
from understudy.gateway.clients import Client
from understudy.gateway.replies import outward, without_foreign_type
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply

LONGEST_WAIT = 60
"""Seconds. Claude Code gives up at once above it, OpenAI's SDK above 120, and Anthropic's SDK for Python waits however
long it is told to. After a minute another target may be back."""
REPLACED = ("retry-after", "retry-after-ms", "x-should-retry")
"""Headers of a provider's error that `Said.headers` replace, if its body is forwarded."""


class Outlook(enum.StrEnum):
    """Whether the same request may succeed if it is sent again."""

    PASSING = "passing"
    """It may, after a while."""
    LASTING = "lasting"
    """It will not."""
    OPEN = "open"
    """Nobody knows; the client decides."""


_K = FailureKind
_PASSING = (
    *(_K.DNS, _K.CONNECT, _K.CONNECT_TIMEOUT, _K.PROXY, _K.POOL, _K.WRITE_FAILED, _K.STALE_CONNECTION, _K.DISCONNECTED),
    *(_K.PROTOCOL, _K.TIMEOUT_HEADERS, _K.TIMEOUT_BODY, _K.TIMEOUT_FIRST_EVENT, _K.STALLED, _K.TRUNCATED),
    *(_K.BAD_RESPONSE, _K.EMPTY, _K.RATE_LIMITED, _K.OVERLOADED, _K.SERVER_ERROR, _K.CONFLICT, _K.RESAMPLE),
)
_LASTING = (
    *(_K.BILLING, _K.DAILY_QUOTA, _K.INVALID_REQUEST, _K.AUTHENTICATION, _K.PERMISSION, _K.NOT_FOUND),
    *(_K.CONTEXT_LENGTH, _K.REQUEST_TOO_LARGE, _K.CONTENT_FILTER, _K.UNSUPPORTED),
)
_SPENT = (_K.BILLING, _K.DAILY_QUOTA)
OUTLOOK: Mapping[FailureKind, Outlook] = {
    **dict.fromkeys(FailureKind, Outlook.OPEN),
    **dict.fromkeys(_PASSING, Outlook.PASSING),
    **dict.fromkeys(_LASTING, Outlook.LASTING),
}
"""The outlook by the kind of failure, after all targets that could be tried have been."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """What a client does with errors."""

    source: str
    """How this is known."""
    retried: frozenset[int] = frozenset({408, 409, 429})
    """Statuses below 500 after which it tries again. All try again after those from 500 on, or after none."""
    ends_at: int | None = None
    """The status that ends its run where a budget is spent, if that of a budget does not."""
    wait: int = 0
    """Seconds that it is told to wait where no provider says how long; 0: its own pauses are good."""
    broken: Literal["event", "cut"] = "event"
    """How it learns best that a stream broke: by the error event of its dialect, or by a connection that is closed
    before the stream's end. Neither has an end marker."""
    acts_early: bool = False
    """Whether it performs a tool call before the end of the answer, and once more if the answer breaks: `withholding`
    prevents that."""

    def retries(self, status: int) -> bool:
        """Check whether the client tries again after a status."""
        return status >= 500 or status in self.retried


MANNERS: Mapping[Client, Manner] = {
    Client.CODEX: Manner(
        source="measured with 0.171.0: 429 ends the run, unless it has a retry-after in whole seconds: then the sixth "
        "does; a request is sent 30 times if it gets 5xx and six times if it gets any other 4xx than 400, after 0.2, "
        "0.4, 0.8, … s or the retry-after, whatever x-should-retry says; cut streams and error events are retried; "
        "response.incomplete ends the run, and so does response.failed with server_is_overloaded or insufficient_quota",
        retried=frozenset({408, 409}),
        ends_at=400,
        wait=5,
    ),
    Client.CLAUDE_CODE: Manner(
        source="measured with 2.1.332: 401, 408, 409, 429 and 5xx are retried up to ten times with growing pauses, or "
        "after the retry-after; above 60 s, and after x-should-retry: false, it stops; a stream that is cut is asked "
        "for again as a stream, but after an error event as a whole, which may run into a time limit",
        retried=frozenset({401, 408, 409, 429}),
        broken="cut",
    ),
    Client.GEMINI_CLI: Manner(
        source="measured with 0.61.0: 429 and 5xx are retried after about 5, 10, … s, whatever retry-after and "
        "RetryInfo say; 400, 401, 403, 404 and 408 end the run; an error event or an end without a finish is asked for "
        "again, but a stream that is cut ends the run",
        retried=frozenset({429}),
        ends_at=400,
    ),
    Client.OPENCODE: Manner(
        source="measured with 1.18.33: 429 and 5xx are retried after 2, 4, … s or the retry-after, however long; on "
        "Messages no other error is, on chat completions every other is; a stream that is cut is asked for again, but "
        "on Messages an error event after the first content ends the run; a call is performed as soon as its arguments "
        "are complete, and forgotten if the stream breaks, so their end is held back until the end of the answer",
        broken="cut",
        acts_early=True,
    ),
    Client.OPENAI_SDK: Manner(
        source="openai 2.54.0 for Python: 408, 409, 429 and 5xx are retried twice; x-should-retry is obeyed, and "
        "retry-after up to 120 s, above which it stops"
    ),
    Client.ANTHROPIC_SDK: Manner(
        source="anthropic 2.12.0 for Python: as OpenAI's, but any retry-after is waited for, however long"
    ),
    Client.GOOGLE_SDK: Manner(
        source="google-genai 3.4.0 for Python: nothing is retried unless the program asks for it; then 408, 429, 500, "
        "502, 503 and 504 are, with its own pauses",
        retried=frozenset({408, 429}),
    ),
    Client.COHERE_SDK: Manner(
        source="cohere 7.3.1 for Python: 408, 409, 429 and 5xx are retried twice, after the retry-after up to 60 s"
    ),
    Client.OLLAMA_SDK: Manner(source="ollama 0.6.3 for Python: nothing is retried", retried=frozenset()),
    Client.UNKNOWN: Manner(source="what most clients do"),
}
"""Total over `Client`, tested."""

_OF_DIALECT = {
    "anthropic": Client.ANTHROPIC_SDK,
    "openai": Client.OPENAI_SDK,
    "responses": Client.OPENAI_SDK,
    "gemini": Client.GOOGLE_SDK,
    "cohere": Client.COHERE_SDK,
    "ollama": Client.OLLAMA_SDK,
}
"""Whose manners an unknown client of a dialect is taken to have: most use the vendor's SDK."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """How an error is reported."""

    failure: Failure
    """What the server half of the dialect renders."""
    headers: Headers
    """Headers about retries, for a provider's body that is forwarded as it came."""
    forwards: bool
    """Whether a provider's own body may be forwarded: it is about the caller's request, not about the gateway's key."""


def reported(failure: Failure, client: Client, half: ServerHalf, answer: WireAnswer | None = None) -> HttpReply:
    """Return an error reply. A provider's own words in the wire format of the caller stay as they are: clients
    recognise them, and try again without what was refused. Only the status and what concerns retries may differ."""
    said = say(without_foreign_type(failure, answer), client, half.name)
    reply = half.render_error(said.failure)
    if answer is None or answer.body is None or not said.forwards:
        return reply
    kept = (header for header in answer.headers if header[0] not in REPLACED)
    return HttpReply(reply.status, (*JSON_HEADERS, *kept, *said.headers), answer.body)


def manner_of(client: Client, dialect: str) -> Manner:
    """Return what a client does with errors; an unknown one is judged by the dialect that it speaks."""
    return MANNERS[_OF_DIALECT.get(dialect, client) if client is Client.UNKNOWN else client]


def say(failure: Failure, client: Client, dialect: str) -> Said:
    """Return how to report a failure to a client, before any part of an answer."""
    manner, outlook = manner_of(client, dialect), OUTLOOK[failure.kind]
    if (own := outward(failure)) is not failure:
        told = own
    elif failure.kind in _SPENT and not failure.sent and manner.ends_at is not None:
        told = replace(failure, status=manner.ends_at)
    elif outlook is Outlook.PASSING and manner.retried:
        told = replace(failure, status=_status(failure, manner, dialect))
    else:
        told = failure
    wait = _wait(failure, manner) if outlook is Outlook.PASSING else None
    retry = failure.should_retry
    if retry is None and outlook is not Outlook.OPEN:
        retry = outlook is Outlook.PASSING
    told = replace(told, retry_after=wait, should_retry=retry)
    headers: list[tuple[str, str]] = []
    if wait is not None:
        headers.append(("retry-after", str(wait)))
    if retry is not None:
        headers.append(("x-should-retry", "true" if retry else "false"))
    return Said(failure=told, headers=tuple(headers), forwards=own is failure)


_OWN_STATUSES = {529: "anthropic"}
"""Statuses that only one vendor has: the clients of others have no class for them."""


def _status(failure: Failure, manner: Manner, dialect: str) -> int | None:
    """Return a status after which the client tries again: the provider's, else that of the kind of failure in the
    dialect (`None`), else 503. Some providers report a lack of capacity as 498 or 403."""
    status = failure.status
    if status is not None and _OWN_STATUSES.get(status, dialect) == dialect and manner.retries(status):
        return status
    return None if manner.retries(STATUS_OF[failure.kind]) else 503


def _wait(failure: Failure, manner: Manner) -> int | None:
    """Return the whole seconds that the client is told to wait; `None` if nobody knows better than the client."""
    hint = failure.retry_after
    if hint is None or not math.isfinite(hint) or hint < 0:
        return manner.wait or None
    return min(max(math.ceil(hint), 1), LONGEST_WAIT)
