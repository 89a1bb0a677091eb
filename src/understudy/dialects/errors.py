"""Reading error responses: code and type first, words next, status last (fault model §1 decision 5, §3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.quirks import ErrorRule
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.hints import forbids_retry, retry_after
from understudy.wire.http import HttpHead

_K = FailureKind

BY_STATUS: Mapping[int, FailureKind] = {
    400: _K.INVALID_REQUEST,
    401: _K.AUTHENTICATION,
    402: _K.BILLING,
    403: _K.PERMISSION,
    404: _K.NOT_FOUND,
    408: _K.CONFLICT,
    409: _K.CONFLICT,
    413: _K.REQUEST_TOO_LARGE,
    422: _K.INVALID_REQUEST,
    425: _K.CONFLICT,
    429: _K.RATE_LIMITED,
    499: _K.CONFLICT,
    503: _K.OVERLOADED,
    529: _K.OVERLOADED,
}
"""What a status means when nothing else is said (fault model §2, rows 40–52)."""

ReadError = Callable[[bytes], WireError | None]
"""A dialect's reading of an error body; `None` when the body is not an error in its form."""

MAX_MESSAGE = 600


def classify(
    head: HttpHead, body: bytes, *, endpoint: Endpoint, rules: tuple[ErrorRule, ...], read: ReadError
) -> Failure:
    """Read an error response as a failure. A 200 whose body is an error counts by its code (fault model row 17)."""
    error = read(body)
    if error is None:
        return _unreadable(head, body, (*endpoint.error_rules, *rules))
    return failure_of(error, head, endpoint=endpoint, rules=rules)


def failure_of(error: WireError, head: HttpHead, *, endpoint: Endpoint, rules: tuple[ErrorRule, ...]) -> Failure:
    """Read an error object, from a response's body or from the middle of a stream, as a failure."""
    names = tuple(name for name in (error.code, error.type) if name)
    status = head.status
    kind = next(
        (rule.kind for rule in (*endpoint.error_rules, *rules) if rule.matches(status, names, error.message)), None
    )
    return Failure(
        kind=kind or kind_of_status(status),
        message=clean(error.message) or f"HTTP {status} without a message",
        status=status,
        code=error.code,
        type=error.type,
        param=error.param,
        retry_after=retry_after(head.headers) or error.retry_after or retry_after({}, error.message),
        should_retry=should_retry(head.headers),
        request_id=error.request_id or request_id(head.headers),
        body=error.body,
    )


def kind_of_status(status: int) -> FailureKind:
    """Return what a status means by itself. A 200 that holds an error of no known code is the server's failure."""
    if status in BY_STATUS:
        return BY_STATUS[status]
    if 300 <= status < 400:
        return _K.REDIRECT
    if 500 <= status <= 599 or status == 200:
        return _K.SERVER_ERROR
    return _K.UNKNOWN_STATUS


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what the provider says about a retry: `x-should-retry`, or a negative hint, which forbids it."""
    explicit = {"true": True, "false": False}.get(headers.get("x-should-retry", "").lower())
    return False if explicit is None and forbids_retry(headers) else explicit


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the provider's id of the request, for its support."""
    return headers.get("x-request-id") or headers.get("request-id")


def clean(text: str) -> str:
    """Return text fit for one line of a log: no control characters, bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 1] + "…"


def _unreadable(head: HttpHead, body: bytes, rules: tuple[ErrorRule, ...]) -> Failure:
    """A body in another form than the provider's errors: a proxy's page, most often. It is never shown as an answer."""
    excerpt = clean(body[:512].decode("utf-8", "replace"))
    if 200 <= head.status < 300:
        kind = _K.BAD_RESPONSE
        message = f"HTTP {head.status} with unexpected content type {head.content_type or '(none)'!s}: {excerpt}"
    else:
        by_status = (rule for rule in rules if rule.status == head.status and rule.code is None and rule.text is None)
        rule = next(by_status, None)
        kind = kind_of_status(head.status) if rule is None else rule.kind
        if kind is _K.REDIRECT:
            message = f"HTTP {head.status}: redirects are never followed; correct base_url"
        else:
            message = f"HTTP {head.status}: {excerpt}" if excerpt else f"HTTP {head.status} without a body"
    return Failure(
        kind=kind,
        message=message,
        status=head.status,
        retry_after=retry_after(head.headers),
        should_retry=should_retry(head.headers),
        request_id=request_id(head.headers),
    )
