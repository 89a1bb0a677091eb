"""Classifies error responses: code and type first, message next, status last.

The order is the same in every dialect. `failure_of` is the one place where an error becomes a `FailureKind`, by the
tables of `understudy.dialects.classification`; a dialect only defines how its error objects are read and which of its
codes and phrases have a meaning of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial

from understudy.dialects.base import Classify, Endpoint, WireError
from understudy.dialects.classification.codes import CODES, TYPES
from understudy.dialects.classification.statuses import BY_STATUS
from understudy.dialects.classification.words import WORDS, normalize
from understudy.dialects.error_bodies import read_any
from understudy.dialects.quirks import ErrorRule
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.wire.hints import forbids_retry, reset_after, retry_after
from understudy.wire.http import HttpHead
from understudy.wire.json import BadJson, JsonTooLarge, decode

_K = FailureKind

STATUS_OF: Mapping[FailureKind, int] = {
    _K.INVALID_REQUEST: 400,
    _K.CONTEXT_LENGTH: 400,
    _K.CONTENT_FILTER: 400,
    _K.UNSUPPORTED: 400,
    _K.AUTHENTICATION: 401,
    _K.BILLING: 402,
    _K.PERMISSION: 403,
    _K.NOT_FOUND: 404,
    _K.CONFLICT: 409,
    _K.REQUEST_TOO_LARGE: 413,
    _K.RATE_LIMITED: 429,
    _K.DAILY_QUOTA: 429,
    _K.CANCELLED: 499,
    _K.SERVER_ERROR: 500,
    _K.LOCAL: 500,
    _K.OVERLOADED: 503,
    **dict.fromkeys((_K.DEADLINE, _K.CONNECT_TIMEOUT, _K.TIMEOUT_HEADERS, _K.TIMEOUT_BODY), 504),
    **dict.fromkeys((_K.TIMEOUT_FIRST_EVENT, _K.STALLED), 504),
    **dict.fromkeys((_K.DNS, _K.POOL, _K.CONNECT, _K.TLS, _K.PROXY, _K.NOT_SIGNED, _K.WRITE_FAILED), 502),
    **dict.fromkeys((_K.STALE_CONNECTION, _K.DISCONNECTED, _K.PROTOCOL, _K.REDIRECT, _K.TRUNCATED), 502),
    **dict.fromkeys((_K.BAD_RESPONSE, _K.TOO_LARGE, _K.EMPTY, _K.SCHEMA_MISMATCH, _K.RESAMPLE), 502),
    _K.UNKNOWN_STATUS: 502,
}
"""The inverse of the table of statuses: the one with which a server half reports a failure that has none of its own.
What fails on the way to a provider, or in what it returns, is 502 or 504 as at any gateway (RFC 9110, 15.6.3 and
15.6.5)."""

NO_ROUTE = frozenset({404, 405, 410, 501})
"""Statuses that mean a missing route, unless the error is about a model."""

ReadError = Callable[[bytes], WireError | None]
"""Reads an error body of a dialect; returns `None` if the body is not an error in its form."""

MAX_MESSAGE = 600
_EXCERPT = 200
"""Characters quoted from a body that is too large to read."""

_WHAT: Mapping[Operation, str] = {
    Operation.CHAT: "generations",
    Operation.EMBED: "embeddings",
    Operation.MODELS: "models",
    Operation.COUNT_TOKENS: "token counts",
    Operation.PASSTHROUGH: "this path",
}
_PATH = re.compile(r"(?:https?:/)?/\S*")
_MODEL = re.compile(r"\b(?:model|deployment|engine)s?\b", re.IGNORECASE)
_MISSING_ROUTE = re.compile(r"unexpected endpoint or method|unknown request url|invalid url \(", re.IGNORECASE)
"""LM Studio, with status 200; Groq; OpenAI."""


def classify(
    head: HttpHead,
    body: bytes,
    *,
    endpoint: Endpoint,
    rules: tuple[ErrorRule, ...],
    read: ReadError,
    operation: Operation = Operation.CHAT,
) -> Failure:
    """Return the failure of an error response. A 200 whose body is an error counts by its code.

    A body in another form than the dialect's is read too: a server may use one wire format and fail in another.
    """
    error = read(body) or read_any(body)
    if error is None:
        return _unreadable(head, body, endpoint, rules, operation)
    if head.status == 200 and error.status is not None:
        head = HttpHead(error.status, head.headers)
    return failure_of(error, head, endpoint=endpoint, rules=rules, operation=operation)


def classifier(rules: tuple[ErrorRule, ...], read: ReadError) -> Callable[[Endpoint, Operation], Classify]:
    """Return the function that makes a dialect's `Classify` for an endpoint and an operation."""
    return lambda endpoint, operation: partial(classify, endpoint=endpoint, rules=rules, read=read, operation=operation)


def failure_in_answer(
    error: WireError, *, endpoint: Endpoint, rules: tuple[ErrorRule, ...], operation: Operation = Operation.CHAT
) -> Failure:
    """Return the failure of an error that came after status 200: its own status counts like a status line."""
    head = HttpHead(error.status or 200, {})
    return failure_of(error, head, endpoint=endpoint, rules=rules, operation=operation)


def failure_of(
    error: WireError,
    head: HttpHead,
    *,
    endpoint: Endpoint,
    rules: tuple[ErrorRule, ...],
    operation: Operation = Operation.CHAT,
) -> Failure:
    """Return the failure of an error object from a response's body or from the middle of a stream."""
    status = head.status
    rule = _recognise(error, head, endpoint, rules)
    kind = rule.kind if rule else None
    message = clean(error.message) or f"HTTP {status} without a message"
    if _lacks_route(error, status, kind) and not _means_its_own(status, endpoint, rules):
        kind, message = _no_route(status, operation, message)
    kind = kind or _by_default(error, head, endpoint, rules)
    return Failure(
        kind=kind,
        message=message,
        status=status,
        code=error.code,
        type=error.type,
        param=error.param,
        retry_after=_hint(error, head, kind),
        should_retry=should_retry(head.headers),
        request_id=error.request_id or request_id(head.headers),
        unknown_code=_unknown_code(error, endpoint, rules),
        body=error.body,
    )


def kind_of_status(status: int) -> FailureKind:
    """Return what a status means by itself. A 200 that holds an error of no known code is the server's failure.

    A status that is not an answer to any request (1xx, another success, an unknown redirect, anything above 599) is
    a failure of the protocol: the next target may work.
    """
    if status in BY_STATUS:
        return BY_STATUS[status].kind
    if 500 <= status <= 599 or status == 200:
        return _K.SERVER_ERROR
    return _K.UNKNOWN_STATUS if 400 <= status <= 499 else _K.PROTOCOL


def statuses(own: Mapping[FailureKind, int], *, unknown: tuple[int, ...] = ()) -> Mapping[FailureKind, int]:
    """Return `STATUS_OF` with a dialect's own rows, and 500 in place of statuses that are unknown to its API."""
    return {kind: own.get(kind, 500 if status in unknown else status) for kind, status in STATUS_OF.items()}


def status_of(failure: Failure, table: Mapping[FailureKind, int]) -> int:
    """Return the status with which to report a failure. A failure in the middle of a stream has the stream's: 200."""
    status = failure.status
    return status if status is not None and 400 <= status <= 599 else table[failure.kind]


def worded(failure: Failure, words: Mapping[FailureKind, str]) -> str:
    """Return the message of a failure, with the words by which callers of an API recognise its kind."""
    known = words.get(failure.kind, "")
    return failure.message if known in failure.message.lower() else f"{known}: {failure.message}"


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return the provider's hint about a retry: `x-should-retry`, or a negative `retry-after`, which forbids it."""
    explicit = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
    return False if explicit is None and forbids_retry(headers) else explicit


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's request id, for its support."""
    return headers.get("x-request-id") or headers.get("request-id")


def clean(text: str) -> str:
    """Return a string for one line of a log: without control characters, of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 8 * MAX_MESSAGE]).split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"


def recognised(error: WireError, status: int, *, endpoint: Endpoint, rules: tuple[ErrorRule, ...]) -> bool:
    """Check whether the code, type or message of an error determines its kind."""
    return _recognise(error, HttpHead(status, {}), endpoint, rules) is not None


def _recognise(error: WireError, head: HttpHead, endpoint: Endpoint, rules: tuple[ErrorRule, ...]) -> ErrorRule | None:
    """Return the rule that recognises the code, type, message or headers of an error; `None` if only its status is
    left. The rules of the provider and of the dialect come first, then the tables that all share."""
    message = normalize(error.message)
    own = _first(endpoint.error_rules, error, head, error.message) or _first(rules, error, head, message)
    return own or _first(_possible(head.status, _names(error)), error, head, message)


@lru_cache(maxsize=256)
def _possible(status: int, names: tuple[str, ...]) -> tuple[ErrorRule, ...]:
    """Return the shared rows that a status, codes and types leave: a few of hundreds, and the same ones in a storm of
    one error."""
    return tuple(row for row in (*CODES, *WORDS, *TYPES) if row.is_possible(status, names))


def _first(rules: Iterable[ErrorRule], error: WireError, head: HttpHead, message: str) -> ErrorRule | None:
    names = _names(error)
    found = (rule for rule in rules if not rule.is_last and rule.matches(head.status, names, message, head.headers))
    return next(found, None)


def _names(error: WireError) -> tuple[str, ...]:
    return tuple(name for name in (error.code, error.type) if name)


def _by_default(error: WireError, head: HttpHead, endpoint: Endpoint, rules: tuple[ErrorRule, ...]) -> FailureKind:
    """Return the kind of an error that nothing recognises: what its status means here, or in general."""
    if head.status in endpoint.by_status:
        return endpoint.by_status[head.status]
    names = _names(error)
    last = (rule for rule in (*endpoint.error_rules, *rules) if rule.is_last)
    found = (rule.kind for rule in last if rule.matches(head.status, names, error.message, head.headers))
    return next(found, None) or kind_of_status(head.status)


def _unknown_code(error: WireError, endpoint: Endpoint, rules: tuple[ErrorRule, ...]) -> str | None:
    """Return the code of an error, or its type if it has none, if no rule knows it. A number repeats the status."""
    name = error.code if error.code and not error.code.isdigit() else error.type
    if name is None or name.isdigit():
        return None
    known = _is_shared(name) or any(rule.knows((name,)) for rule in (*endpoint.error_rules, *rules))
    return None if known else name


@lru_cache(maxsize=256)
def _is_shared(name: str) -> bool:
    return any(row.knows((name,)) for row in (*CODES, *TYPES))


def _hint(error: WireError, head: HttpHead, kind: FailureKind) -> float | None:
    """Return the seconds to wait: by the headers, a field of the body or its words; else, for a rate limit, the time
    until the exhausted limit is renewed."""
    asked = retry_after(head.headers) or error.retry_after or retry_after({}, error.message)
    return reset_after(head.headers) if asked is None and kind is _K.RATE_LIMITED else asked


def _lacks_route(error: WireError, status: int, kind: FailureKind | None) -> bool:
    """Check whether an error means that the route is missing, not the model."""
    if _MISSING_ROUTE.search(error.message) and (status in NO_ROUTE or status == 200):
        return True
    if status not in NO_ROUTE or kind not in (None, _K.NOT_FOUND) or error.param == "model":
        return False
    named = any(name and _MODEL.search(name.replace("_", " ")) for name in (error.code, error.type))
    return not named and error.code != "DeploymentNotFound" and not _MODEL.search(_PATH.sub(" ", error.message))


def _means_its_own(status: int, endpoint: Endpoint, rules: tuple[ErrorRule, ...]) -> bool:
    """Check whether the provider or dialect gives a status its own meaning: where URLs contain the model's name, a bare
    404 is about the model."""
    return status in endpoint.by_status or any(
        rule.is_of_status and rule.status == status for rule in (*endpoint.error_rules, *rules)
    )


def _no_route(status: int, operation: Operation, words: str) -> tuple[FailureKind, str]:
    """Return kind and message for a missing route. Every provider has generations: without that route the base URL is
    wrong. Other operations may not be supported."""
    is_needed = operation is Operation.CHAT and status != 501
    missing = (
        "unknown route or model; check base_url" if is_needed else f"the server has no route for {_WHAT[operation]}"
    )
    said = words and not words.startswith(f"HTTP {status}")
    message = f"{words} (HTTP {status}: {missing})" if said else f"HTTP {status}: {missing}"
    return _K.NOT_FOUND if is_needed else _K.UNSUPPORTED, clean(message)


def _message_of(words: str, head: HttpHead, body: bytes, endpoint: Endpoint) -> str:
    """Return the beginning of a body that is not an error in any form, or why it cannot be shown."""
    if body.lstrip()[:1] in (b"{", b"[") and _is_too_large(body, endpoint.bounds.error):
        return f"the body is too large to read: {words[:_EXCERPT]}"
    if words:
        return words
    if body:
        return "a blank body"
    return "a body that cannot be decompressed" if head.headers.get("content-encoding") else "no body"


def _is_too_large(body: bytes, kept: int) -> bool:
    if len(body) >= kept:  # More than this was not read.
        return True
    try:
        decode(body)
    except JsonTooLarge:
        return True
    except BadJson:
        pass
    return False


def _unreadable(
    head: HttpHead, body: bytes, endpoint: Endpoint, rules: tuple[ErrorRule, ...], operation: Operation
) -> Failure:
    """Return the failure of a body that is not an error in any form: most often a proxy's page. It is never shown as an
    answer, nor is the body of a success of the wrong type."""
    status = head.status
    page = head.content_type == "text/html" or body[:64].lstrip().startswith(b"<")
    empty = WireError()
    rule = _recognise(empty, head, endpoint, rules)
    # A proxy uses statuses as HTTP defines them, whatever they mean at the provider behind it.
    default = BY_STATUS[status].kind if page and status in BY_STATUS else _by_default(empty, head, endpoint, rules)
    kind = rule.kind if rule else default
    words = "" if page or status < 300 else clean(body[:512].decode("utf-8", "replace"))
    if status == 200:
        kind = _K.BAD_RESPONSE
        message = f"HTTP 200 with unexpected content type {head.content_type or '(none)'} ({len(body)} bytes)"
    elif kind is _K.REDIRECT:
        message = f"HTTP {status}: redirects are never followed; correct base_url"
    elif kind is _K.PROTOCOL:
        message = f"HTTP {status}: the status is not a valid answer to this request"
    elif status in NO_ROUTE and not _means_its_own(status, endpoint, rules):
        kind, message = _no_route(status, operation, words)
    else:
        message = f"HTTP {status}: {'an HTML page' if page else _message_of(words, head, body, endpoint)}"
    return Failure(
        kind=kind,
        message=message,
        status=status,
        retry_after=_hint(empty, head, kind),
        should_retry=should_retry(head.headers),
        request_id=request_id(head.headers),
    )
