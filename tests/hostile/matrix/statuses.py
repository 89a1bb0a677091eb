"""What a server says no with: the vendors' own words, and pages of whatever stands before them."""

from __future__ import annotations

from collections.abc import Sequence

import understudy as u
from tests.hostile.answers.base import Answers, Refusal
from tests.hostile.framing import HTML, head, response
from tests.hostile.matrix.rows import (
    CHATS,
    LIST,
    MARKER,
    PAID,
    B,
    Row,
    answered,
    given_up,
    only,
    refusals,
    refuse,
    replaced,
    retried,
    told,
)
from tests.hostile.server import Close
from understudy.domain.failures import FailureKind as K

_DOCS = "the vendor's list of error codes"
_OVERLOADED = retried(K.OVERLOADED, 3, u.Overloaded, basis=B.REFUSED)
_SERVER_ERROR = retried(K.SERVER_ERROR, 3, u.ServerFailed)
_CONFLICT = retried(K.CONFLICT, 2, u.ServerFailed)
_PROTOCOL = given_up(K.PROTOCOL, u.InvalidResponse)


def own(meaning: str, words: str, expect: object, **more: object) -> Row:
    """The vendor's own refusals of one meaning."""
    return Row(
        name=f"says-{meaning.replace('_', '-')}",
        words=words,
        source=_DOCS,
        act=refuse,
        variants=refusals(meaning),
        expect=expect,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def page(status: int, expect: object, source: str) -> Row:
    """A page of HTML from something that stands before the vendor."""
    body = f"<!DOCTYPE html><html><head><title>{status}</title></head><body>{MARKER}</body></html>".encode()
    return Row(
        name=f"page-{status}",
        words=f"a page of HTML with the status {status}; the status says what it is, the page is not shown",
        source=source,
        act=lambda _: (response(status, body, HTML),),
        expect=expect,  # type: ignore[arg-type]
        hides=True,
    )


def bare(status: int, expect: object, source: str = "RFC 9110, 15", **more: object) -> Row:
    """A status without a body."""
    return Row(
        name=f"bare-{status}",
        words=f"the status {status} and nothing else",
        source=source,
        act=lambda _: (response(status, b""),),
        expect=expect,  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def hinted(**headers: str) -> Sequence[Refusal]:
    """A rate limit that says how long to wait by a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return (Refusal(429, b'{"error":{"message":"too many requests"},"message":"too many requests"}', named),)


def _short_hints(answers: Answers) -> Sequence[Refusal]:
    forms = [
        *hinted(retry_after_ms="60"),
        *hinted(retry_after="0.06"),
        *hinted(x_ms_retry_after_ms="60"),
        # Both by the server's clock, which may be years away from ours.
        *hinted(date="Mon, 01 Jan 2001 00:00:00 GMT", retry_after="Mon, 01 Jan 2001 00:00:01 GMT"),
    ]
    if answers.dialect == "gemini":
        info = '{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"0.06s"}'
        body = f'{{"error":{{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{info}]}}}}'
        forms.append(Refusal(429, body.encode()))
    if answers.dialect == "replicate":
        forms.append(Refusal(429, b'{"detail":"Request was throttled. Your rate limit resets in ~1s."}'))
    return forms


_HINTLESS = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama", "hf-features")
_LARGER = {"context_window": 1_000_000}
_SMALLER = {"context_window": 1_000}

ROWS = (
    own("server", "the vendor failed inside", _SERVER_ERROR),
    own("overloaded", "the vendor is over capacity", _OVERLOADED),
    own(
        "rate_limit",
        "too many requests, and no word on how long to wait: the next target at once",
        replaced(K.RATE_LIMITED, 3, u.RateLimited, basis=B.REFUSED),
        dialects=only(*_HINTLESS),
    ),
    Row(
        name="rate-limit-short",
        words="too many requests, wait a moment: the same target after that moment",
        source="RFC 9110, 10.2.3; OpenAI's clients obey retry-after-ms",
        act=refuse,
        variants=_short_hints,
        once=True,
        expect=retried(K.RATE_LIMITED, 1, u.RateLimited, basis=B.REFUSED, recovers=True),
    ),
    Row(
        name="rate-limit-long",
        words="too many requests, wait an hour: no further request there, and the error says when",
        source="RFC 9110, 10.2.3",
        act=refuse,
        variants=lambda _: (*hinted(retry_after="3600"), *hinted(retry_after_ms="3600000")),
        expect=given_up(K.RATE_LIMITED, u.RateLimited, basis=B.REFUSED, retry_after=3600.0),
    ),
    Row(
        name="rate-limit-never",
        words="a negative wait asks not to be asked again",
        source="gRPC's retry design: negative pushback",
        act=refuse,
        variants=lambda _: hinted(retry_after="-5"),
        expect=given_up(K.RATE_LIMITED, u.RateLimited, basis=B.REFUSED),
    ),
    own(
        "billing",
        "the credit is used up: never again there",
        given_up(K.BILLING, u.QuotaExhausted, basis=B.REFUSED),
    ),
    own("daily", "the day's quota is used up", given_up(K.DAILY_QUOTA, u.QuotaExhausted, basis=B.REFUSED)),
    own("authentication", "the key is wrong", given_up(K.AUTHENTICATION, u.AuthenticationFailed, basis=B.REFUSED)),
    own("permission", "the key may not do this", given_up(K.PERMISSION, u.PermissionDenied, basis=B.REFUSED)),
    own(
        "not_found",
        "the model is unknown",
        given_up(K.NOT_FOUND, u.ModelNotFound, basis=B.REFUSED),
        operations=PAID,
    ),
    own(
        "invalid",
        "the request is invalid: it would be so anywhere",
        told(K.INVALID_REQUEST, u.InvalidRequest, basis=B.REFUSED),
        operations=PAID,
    ),
    Row(
        name="invalid-after-alteration",
        words="the request is invalid here, where it had to be altered: another may take it as it was",
        source=_DOCS,
        act=refuse,
        variants=lambda answers: answers.refusals.get("invalid", ())[:1],
        options=lambda answers: answers.untranslatable,
        expect=given_up(K.INVALID_REQUEST, u.InvalidRequest, basis=B.REFUSED),
        operations=CHATS,
        dialects=lambda answers: bool(answers.untranslatable),
    ),
    own(
        "context",
        "the prompt does not fit; a larger window may hold it",
        given_up(K.CONTEXT_LENGTH, u.ContextLengthExceeded, basis=B.REFUSED),
        operations=CHATS,
        entry={"context_window": 100_000},
        backup=_LARGER,
    ),
    Row(
        name="says-context-to-smaller",
        words="the prompt does not fit, and the other window is smaller",
        source=_DOCS,
        act=refuse,
        variants=refusals("context"),
        expect=told(K.CONTEXT_LENGTH, u.ContextLengthExceeded, basis=B.REFUSED),
        operations=CHATS,
        entry={"context_window": 100_000},
        backup=_SMALLER,
    ),
    own(
        "too_large",
        "the body of the request is too large",
        given_up(K.REQUEST_TOO_LARGE, u.RequestTooLarge, basis=B.REFUSED),
        operations=CHATS,
    ),
    own(
        "filter",
        "a content filter refuses the prompt: the owner's choice whether another is asked",
        told(K.CONTENT_FILTER, u.ContentFiltered, basis=B.REFUSED),
        operations=CHATS,
    ),
    Row(
        name="says-filter-elsewhere",
        words="a content filter refuses the prompt, and the owner lets another be asked",
        source=_DOCS,
        act=refuse,
        variants=refusals("filter"),
        fallback={"fallback_on_filter": True},
        expect=given_up(K.CONTENT_FILTER, u.ContentFiltered, basis=B.REFUSED),
        operations=CHATS,
    ),
    own("conflict", "the vendor's own word for a cancelled request", _CONFLICT),
    *(page(status, _SERVER_ERROR, "nginx's error page") for status in (502, 504)),
    page(503, _OVERLOADED, "nginx's error page"),
    *(page(status, _SERVER_ERROR, "Cloudflare's 5xx errors") for status in (520, 522, 524, 530)),
    *(bare(status, _SERVER_ERROR) for status in (500, 502)),
    bare(503, _OVERLOADED),
    bare(529, _OVERLOADED, "Anthropic's errors"),
    *(bare(status, _CONFLICT) for status in (408, 409, 425, 499)),
    bare(401, given_up(K.AUTHENTICATION, u.AuthenticationFailed, basis=B.REFUSED)),
    bare(402, given_up(K.BILLING, u.QuotaExhausted, basis=B.REFUSED)),
    bare(413, given_up(K.REQUEST_TOO_LARGE, u.RequestTooLarge, basis=B.REFUSED), operations=CHATS),
    Row(
        name="no-such-route",
        words="a server that has no list of models: it is said to be unsupported, not to lack a model",
        source="llama.cpp's server and FastAPI answer so",
        act=refuse,
        variants=lambda _: (
            Refusal(404, b'{"detail":"Not Found"}'),
            Refusal(404, b"404 page not found", media_type="text/plain"),
            Refusal(405, b'{"detail":"Method Not Allowed"}'),
            Refusal(501, b""),
        ),
        expect=given_up(K.UNSUPPORTED, u.Unsupported, basis=B.REFUSED),
        operations=frozenset({LIST}),
        dialects=lambda answers: answers.dialect != "replicate",  # it says so of a collection that it does not know
    ),
    bare(418, told(K.UNKNOWN_STATUS, u.InvalidResponse, basis=B.REFUSED), operations=PAID),
    bare(202, _PROTOCOL, dialects=lambda answers: answers.dialect != "replicate"),
    *(bare(status, _PROTOCOL) for status in (203, 206, 299, 304, 600, 999)),
    Row(
        name="switching-protocols",
        words="the status 101, which was not asked for",
        source="RFC 9110, 15.2.2",
        act=lambda _: (head(101, {"Connection": "Upgrade", "Upgrade": "h2c"}), Close()),
        expect=_PROTOCOL,
    ),
    Row(
        name="informed-first",
        words="1xx responses ahead of the real one are passed over",
        source="RFC 9110, 15.2; RFC 8297",
        act=lambda scene: (
            head(100, {}) + head(103, {"Link": "</x>; rel=preload"}),
            *scene.answers.good(scene.operation, scene.request),
        ),
        expect=answered(),
    ),
    Row(
        name="told-not-to-retry",
        words="the vendor forbids another try by a header",
        source="OpenAI's and Anthropic's clients obey x-should-retry",
        act=lambda _: (response(500, b"{}", headers={"x-should-retry": "false"}),),
        expect=given_up(K.SERVER_ERROR, u.ServerFailed),
    ),
)
