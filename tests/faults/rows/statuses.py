"""What a server says no with: the vendors' own words, the pages of whatever stands before them, and bare statuses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import msgspec

from tests.classification.cases.base import Case
from tests.faults import laws
from tests.faults.laws import Law, asking_to_wait, but, never_again
from tests.faults.memory import Head, Script, Wait
from tests.faults.rows.connecting import EVERY_REASON
from tests.faults.table import Good, Mode, Moment, Row, Scene
from tests.faults.vendors import Vendor
from understudy.domain.failures import FailureKind as K

_FILES = ("openai", "anthropic", "google", "azure", "groq", "together", "replicate", "huggingface", "cohere", "ollama")
CASES: Sequence[Case] = [
    case for name in _FILES for case in import_module(f"tests.classification.cases.{name}_cases").CASES
]
"""The vendors' refusals and their meanings, written by hand from the vendors' documents."""
_LARGER = {"context_window": 1_000_000}
_SHARED: Mapping[str, Any] = {
    "limits": {"rate_limit_domain": "shared"},
    "shares_quota": True,
    "scenes": (Scene.BACKUP, Scene.PASSING),
}
PAGE = b"<!DOCTYPE html><html><head><title>@</title></head><body>xyzzy-page</body></html>"
HTML = "text/html; charset=utf-8"


class Reply(msgspec.Struct, frozen=True):
    """A response that says no."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}
    media_type: str = "application/json"


def _reply(moment: Moment) -> Script:
    reply: Reply = moment.variant
    return (Head(reply.status, reply.media_type, reply.headers), *((reply.body,) if reply.body else ()))


def refusing(name: str, words: str, source: str, law: Law, *replies: Reply, **more: Any) -> Row:
    """A fault that is one of these responses."""
    return Row(name=name, words=words, source=source, act=_reply, law=law, variants=lambda _: replies, **more)


# ---- the vendors' own words ----


def _own(kind: K) -> Any:
    def variants(vendor: Vendor) -> Sequence[Case]:
        return [
            case
            for case in CASES
            if case.provider == vendor.name and case.kind is kind and not case.in_stream and not case.wire
        ]

    return variants


def _say(moment: Moment) -> Script:
    case: Case = moment.variant
    status = 201 if case.status == 200 and moment.vendor.name == "replicate" else case.status
    if isinstance(case.body, bytes):
        media_type = HTML if case.body.startswith(b"<") else "text/plain"
        return (Head(status, media_type, case.headers), case.body)
    return (Head(status, headers=case.headers), json.dumps(case.body).encode())


def _meaning(vendor: Vendor, mode: Mode, case: Case) -> Law | None:
    law = laws.BY_WORDS[case.kind]
    if (
        mode is Mode.COLLECTED
        and case.kind in (K.INVALID_REQUEST, K.UNSUPPORTED)
        and b"stream" in _bytes(case.body).lower()
    ):
        return None  # it is asked again without a stream: a row of its own
    if vendor.name == "replicate" and case.status >= 500:
        return None  # whether the prediction exists is looked up first: a row of its own
    if case.wait is not None and law.harm.name not in ("KEY", "MODEL"):
        law = asking_to_wait(law, case.wait)
    elif case.wait is not None:
        law = but(law, hint=case.wait)
    return never_again(law) if case.retry is False else law


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def own(kind: K, words: str) -> Row:
    """The vendor's own refusals of one meaning."""
    return Row(
        name=f"says-{str(kind).replace('_', '-')}",
        words=words,
        source="the vendors' lists of error codes, and bodies in users' reports",
        act=_say,
        law=_meaning,
        variants=_own(kind),
        backup=_LARGER if kind in (K.CONTEXT_LENGTH, K.REQUEST_TOO_LARGE) else {},
    )


# ---- hints ----

_TOO_MANY = b'{"error":{"message":"too many requests"},"message":"too many requests"}'
_YEARS_AGO = "Mon, 01 Jan 2001 00:00:00 GMT"
_HALF_A_MINUTE_ON = "Mon, 01 Jan 2001 00:00:10 GMT"


def _hinted(name: str, seconds: float, words: str, *headers: Mapping[str, str], law: Law = laws.LIMITED) -> Row:
    status = 429 if law is laws.LIMITED else 503
    body = _TOO_MANY if law is laws.LIMITED else b'{"error":{"message":"busy"},"message":"busy"}'
    return refusing(
        name,
        words,
        "RFC 9110, 10.2.3; OpenAI's clients obey retry-after-ms",
        asking_to_wait(law, seconds),
        *(Reply(status, body, each) for each in headers),
        vendors=lambda vendor: law is laws.LIMITED or vendor.name != "replicate",
    )


def page(status: int, law: Law, source: str) -> Row:
    """A page of HTML from something that stands before the vendor."""
    reply = Reply(status, PAGE.replace(b"@", str(status).encode()), media_type=HTML)
    words = f"a page of HTML with the status {status}: the status says what it is, and the page is not shown"
    return refusing(f"page-{status}", words, source, law, reply)


def bare(status: int, law: Law, source: str = "RFC 9110, 15", **more: Any) -> Row:
    """A status and nothing else."""
    return refusing(f"bare-{status}", f"the status {status} and nothing else", source, law, Reply(status), **more)


def _not(*names: str) -> Any:
    return lambda vendor: vendor.name not in names


ROWS: Sequence[Row] = (
    own(K.RATE_LIMITED, "too many requests: the next target, or the same one after the moment that is asked for"),
    own(K.BILLING, "the credit is used up: never again with this key"),
    own(K.DAILY_QUOTA, "the day's quota is used up: not again before it is renewed"),
    own(K.OVERLOADED, "over capacity: once or twice more, then the next target"),
    own(K.SERVER_ERROR, "the vendor failed inside: once or twice more, then the next target"),
    own(K.CONFLICT, "a time-out or a cancellation of the vendor: once more, then the next target"),
    own(K.AUTHENTICATION, "the key is wrong: never again with it"),
    own(K.PERMISSION, "the key may not use the model"),
    own(K.NOT_FOUND, "the model is unknown"),
    own(K.CONTEXT_LENGTH, "the prompt does not fit: only a larger window may hold it"),
    own(K.REQUEST_TOO_LARGE, "the body of the request is too large"),
    own(K.CONTENT_FILTER, "a content filter refuses the prompt"),
    own(K.INVALID_REQUEST, "the request is invalid: it would be so anywhere"),
    own(K.RESAMPLE, "the model wrote what its server cannot use: once more"),
    own(K.UNSUPPORTED, "the model cannot do this: another may"),
    _hinted(
        "wait-a-moment", 3.0, "too many requests, wait a moment: the same target after that moment",
        {"retry-after-ms": "3000"}, {"retry-after": "3"}, {"x-ms-retry-after-ms": "3000"}, {"retry-after": "3.0"},
    ),
    _hinted(
        "wait-by-date", 10.0, "the wait is a date by the server's clock, which is years away from ours",
        {"date": _YEARS_AGO, "retry-after": _HALF_A_MINUTE_ON},
    ),
    _hinted(
        "wait-an-hour", 3600.0, "too many requests, wait an hour: not again before that",
        {"retry-after": "3600"}, {"retry-after-ms": "3600000"},
    ),
    _hinted(
        "busy-for-a-moment", 2.0, "over capacity, wait a moment", {"retry-after": "2"}, law=laws.OVERLOADED,
    ),
    _hinted(
        "busy-for-an-hour", 3600.0, "over capacity, wait an hour: not again before that", {"retry-after": "3600"},
        law=laws.OVERLOADED,
    ),
    refusing(
        "no-usable-wait", "a wait that is no wait counts as none", "RFC 9110, 10.2.3", laws.LIMITED,
        *(Reply(429, _TOO_MANY, {"retry-after": value}) for value in ("0", "nan", "inf", "1e9", "soon", "90000")),
    ),
    refusing(
        "wait-for-ever", "a negative wait forbids to ask again", "gRPC's retry design: negative pushback",
        never_again(laws.LIMITED), Reply(429, _TOO_MANY, {"retry-after": "-5"}),
    ),
    refusing(
        "told-not-to-retry", "the vendor forbids another try by a header",
        "OpenAI's and Anthropic's clients obey x-should-retry", never_again(laws.SERVER),
        Reply(500, b"{}", {"x-should-retry": "false"}),
    ),
    refusing(
        "told-to-retry", "the vendor allows another try that its kind would not have", "as above",
        but(laws.OVERSIZED, alone=2, before=2), Reply(413, b"{}", {"x-should-retry": "true"}),
        scenes=(Scene.ALONE, Scene.ONCE, Scene.PASSING), backup=_LARGER,
    ),
    refusing(
        "told-to-retry-in-vain", "no header lets a request be repeated that fails the same way", "as above",
        laws.AUTHENTICATION, Reply(401, b"{}", {"x-should-retry": "true"}),
    ),
    refusing(
        "told-to-retry-unpaid", "no header lets a key be used again that has no credit", "as above", laws.BILLING,
        Reply(402, b"{}", {"x-should-retry": "true"}),
        Reply(429, b'{"error":{"message":"x","type":"insufficient_quota","code":"insufficient_quota"}}',
              {"x-should-retry": "true"}),
        vendors=lambda vendor: vendor.answers.dialect == "openai",
    ),
    Row(
        name="no-streams-here",
        words="a server that does not stream is asked once more for the whole answer",
        source="OpenAI's users: unverified organizations must not stream some models",
        act=lambda moment: (
            (Head(400), b'{"error":{"message":"Your organization must be verified to stream this model.",'
             b'"type":"invalid_request_error","param":"stream","code":"unsupported_value"}}')
            if moment.streamed else moment.vendor.good(moment.request)
        ),
        law=Good(twice=True),
        modes=(Mode.COLLECTED,),
        vendors=lambda vendor: vendor.answers.dialect == "openai",
    ),
    *(page(status, laws.SERVER, "nginx's error page") for status in (502, 504)),
    page(503, laws.OVERLOADED, "nginx's error page"),
    *(page(status, laws.SERVER, "Cloudflare's 5xx errors") for status in (520, 521, 522, 523, 524, 525, 530)),
    *(bare(status, laws.SERVER) for status in (500, 502, 504)),
    bare(503, laws.OVERLOADED),
    bare(529, laws.OVERLOADED, "Anthropic's errors"),
    *(bare(status, laws.CONFLICT) for status in (408, 409, 425, 499)),
    bare(400, laws.INVALID),
    bare(401, laws.AUTHENTICATION),
    bare(402, laws.BILLING),
    bare(403, laws.PERMISSION, vendors=_not("together")),
    bare(404, laws.NOT_FOUND),
    bare(413, laws.OVERSIZED, backup=_LARGER),
    bare(422, laws.INVALID, vendors=_not("groq")),
    bare(429, laws.LIMITED),
    *(bare(status, laws.ODD_STATUS) for status in (418, 444)),
    refusing(
        "odd-status-stays", "a status that nobody knows is told, whatever else would let another be asked",
        "RFC 9110, 15.5", laws.ODD_STATUS, Reply(418), **EVERY_REASON,
    ),
    refusing(
        "too-large-for-all", "the body is too large, and no other window is larger", "RFC 9110, 15.5.14",
        but(laws.OVERSIZED, before=None), Reply(413),
    ),
    bare(451, laws.PERMISSION, "RFC 7725"),
    bare(202, laws.PROTOCOL, vendors=_not("replicate")),
    *(bare(status, laws.PROTOCOL) for status in (203, 206, 299, 304, 600)),
    refusing(
        "shared-quota", "a limit of a quota that another entry shares", "RFC 9110, 10.2.3",
        asking_to_wait(laws.LIMITED, 3600.0), Reply(429, _TOO_MANY, {"retry-after": "3600"}), **_SHARED,
    ),
    Row(
        name="shared-daily-quota",
        words="a daily quota that another entry shares",
        source="the vendors' pages on limits",
        act=_say,
        law=_meaning,
        variants=lambda vendor: _own(K.DAILY_QUOTA)(vendor)[:1],
        **_SHARED,
    ),
    Row(
        name="late-refusal",
        words="over capacity, after six seconds: what took so long to fail is asked again only after the others",
        source="a queue in front of a model",
        act=lambda _: (Wait(6.0), Head(503)),
        law=but(laws.OVERLOADED, before=1),
        vendors=_not("replicate"),
        takes=6.0,
    ),
    Row(
        name="late-failure",
        words="an error of the server after six seconds: likewise",
        source="a queue in front of a model",
        act=lambda _: (Wait(6.0), Head(500)),
        law=but(laws.SERVER, before=1),
        vendors=_not("replicate"),
        takes=6.0,
    ),
    Row(
        name="invalid-after-alteration",
        words="the request is invalid here, where it had to be altered: another may take it as it was",
        source="the vendors' references on parameters",
        act=lambda _: (Head(400), b'{"error":{"message":"Invalid request"},"message":"Invalid request"}'),
        law=but(laws.INVALID, before=1),
        options=lambda vendor: vendor.answers.untranslatable,
    ),
    Row(
        name="filtered-elsewhere",
        words="a content filter refuses the prompt, and the owner lets another be asked",
        source="the owner's choice",
        act=_say,
        law=lambda _vendor, _mode, _case: but(laws.FILTERED, before=1),
        variants=lambda vendor: _own(K.CONTENT_FILTER)(vendor)[:1],
        fallback={"fallback_on_filter": True},
    ),
    Row(
        name="too-long-for-all",
        words="the prompt does not fit, and no other window is larger",
        source="the models' pages",
        act=_say,
        law=lambda _vendor, _mode, _case: but(laws.CONTEXT, before=None),
        variants=lambda vendor: _own(K.CONTEXT_LENGTH)(vendor)[:1],
    ),
)  # fmt: skip
