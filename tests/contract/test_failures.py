"""An error that a server half writes is read as the same kind by the client half of that dialect."""

from __future__ import annotations

import msgspec
import pytest

from tests.contract.driving import drive, drive_reply
from tests.contract.native import CHATTING, endpoint, inbound
from tests.contract.streams import HELLO
from tests.contract.targets import server_of
from understudy import dialects
from understudy.domain import events as e
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.wire.http import HttpHead

K = FailureKind

SAYABLE = (
    K.RATE_LIMITED,
    K.BILLING,
    K.DAILY_QUOTA,
    K.OVERLOADED,
    K.SERVER_ERROR,
    K.CONFLICT,
    K.RESAMPLE,
    K.INVALID_REQUEST,
    K.AUTHENTICATION,
    K.PERMISSION,
    K.NOT_FOUND,
    K.CONTEXT_LENGTH,
    K.REQUEST_TOO_LARGE,
    K.CONTENT_FILTER,
    K.UNSUPPORTED,
)
"""What a provider can say of itself or of the request."""

NO_WORDS = {K.DAILY_QUOTA: K.RATE_LIMITED, K.RESAMPLE: K.SERVER_ERROR, K.UNSUPPORTED: K.INVALID_REQUEST}

NEAREST: dict[str, dict[FailureKind, FailureKind]] = {
    "openai": NO_WORDS,
    "responses": NO_WORDS,
    "anthropic": NO_WORDS,
    "replicate": NO_WORDS,
    "gemini": {K.RESAMPLE: K.SERVER_ERROR, K.UNSUPPORTED: K.INVALID_REQUEST},
    # Ollama's errors are a status and words.
    "ollama": {
        **NO_WORDS,
        K.CONFLICT: K.SERVER_ERROR,
        K.CONTEXT_LENGTH: K.INVALID_REQUEST,
        K.CONTENT_FILTER: K.INVALID_REQUEST,
    },
    # Cohere's too.
    "cohere": NO_WORDS,
}
"""Where a wire has no word for a kind: the kind that its nearest word means."""

NEAREST_IN_STREAM: dict[str, dict[FailureKind, FailureKind]] = {
    # In the middle of a stream there is no status, and the status tells all.
    "ollama": dict.fromkeys(SAYABLE, K.SERVER_ERROR),
    "cohere": {**dict.fromkeys(SAYABLE, K.SERVER_ERROR), K.CONTEXT_LENGTH: K.CONTEXT_LENGTH},
}


def nearest(dialect: str, kind: FailureKind, *, stream: bool = False) -> FailureKind:
    table = NEAREST_IN_STREAM if stream and dialect in NEAREST_IN_STREAM else NEAREST
    return table.get(dialect, {}).get(kind, kind)


UPSTREAM = (
    K.DNS, K.CONNECT, K.CONNECT_TIMEOUT, K.TLS, K.PROXY, K.WRITE_FAILED, K.DISCONNECTED, K.PROTOCOL, K.REDIRECT,
    K.TIMEOUT_HEADERS, K.TIMEOUT_BODY, K.TIMEOUT_FIRST_EVENT, K.STALLED, K.TRUNCATED, K.BAD_RESPONSE, K.TOO_LARGE,
    K.EMPTY, K.DEADLINE, K.NOT_SIGNED,
)  # fmt: skip
"""What happens on our way to a provider; to a caller of the gateway it is the server that failed."""


@pytest.mark.parametrize("kind", SAYABLE)
@pytest.mark.parametrize("dialect", CHATTING)
def test_an_error_reply_keeps_its_kind(dialect: str, kind: FailureKind) -> None:
    reply = server_of(dialect).render_error(Failure(kind=kind, message='It went "wrong"\nat \x00 last.'))
    assert reply.status >= 400
    for stream in (False, True):
        failure = drive_reply(
            dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect), stream=stream), reply
        ).failure
        assert failure is not None
        assert failure.kind is nearest(dialect, kind)
        assert "wrong" in failure.message


@pytest.mark.parametrize("dialect", CHATTING)
def test_a_byte_order_mark_ahead_of_an_error_changes_nothing(dialect: str) -> None:
    reply = server_of(dialect).render_error(Failure(kind=K.BILLING, message="No credit is left."))
    marked = msgspec.structs.replace(reply, body=b"\xef\xbb\xbf" + reply.body)
    read = [
        drive_reply(dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect)), r) for r in (reply, marked)
    ]
    assert read[0].failure is not None
    assert read[0] == read[1]


@pytest.mark.parametrize("kind", SAYABLE)
@pytest.mark.parametrize("dialect", CHATTING)
def test_an_error_in_the_middle_of_a_stream_keeps_its_kind(dialect: str, kind: FailureKind) -> None:
    renderer = server_of(dialect).renderer(inbound(dialect, stream=True))
    head = HttpHead(200, {name.lower(): value for name, value in renderer.headers})
    body = renderer.feed(e.Started(id="1", model="m")) + renderer.feed(e.TextDelta(0, "so far"))
    body += renderer.fail(Failure(kind=kind, message="It broke."))
    outcome = drive(dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect), stream=True), head, [body])
    assert outcome.failure is not None, "an error in a stream is no success"
    assert "It broke." in outcome.failure.message
    assert not any(isinstance(step, e.Finished) for step in outcome.steps)
    assert outcome.failure.kind is nearest(dialect, kind, stream=True)


@pytest.mark.parametrize("kind", UPSTREAM)
@pytest.mark.parametrize("dialect", CHATTING)
def test_what_went_wrong_upstream_is_the_servers_failure_and_no_fault_of_the_caller(
    dialect: str, kind: FailureKind
) -> None:
    reply = server_of(dialect).render_error(Failure(kind=kind, message="upstream"))
    assert reply.status >= 500
    failure = drive_reply(dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect)), reply).failure
    assert failure is not None
    assert failure.kind in (K.SERVER_ERROR, K.OVERLOADED)


@pytest.mark.parametrize("dialect", CHATTING)
def test_a_wait_that_the_provider_asks_for_is_passed_on(dialect: str) -> None:
    reply = server_of(dialect).render_error(Failure(kind=K.RATE_LIMITED, message="Slow down.", retry_after=7.0))
    failure = drive_reply(dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect)), reply).failure
    assert failure is not None
    assert failure.retry_after == 7.0


@pytest.mark.parametrize("status", [301, 404, 429, 500, 502, 503, 520])
@pytest.mark.parametrize("dialect", CHATTING)
def test_a_page_of_a_proxy_is_never_shown_as_an_answer(dialect: str, status: int) -> None:
    head = HttpHead(status, {"content-type": "text/html"})
    for stream in (False, True):
        exchange = dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect), stream=stream)
        outcome = drive(exchange, head, [b"<html><body>Bad gateway</body></html>"])
        assert outcome.failure is not None
        assert outcome.failure.status == status
        assert outcome.steps == []


UNREADABLE: dict[str, tuple[bytes, str, str]] = {
    "deep": (b'{"error":' * 5000 + b"1" + b"}" * 5000, "", "the body is too large to read"),
    "brackets": (b"[" * 100_000, "", "the body is too large to read"),
    "cut": (b'{"error":{"message":"' + b"x" * 100_000, "", "the body is too large to read"),
    "zeros": (b"\0" * 100, "", "a blank body"),
    "spaces": (b" " * 100, "", "a blank body"),
    "another coding": (b"", "br", "a body that cannot be decompressed"),
    "none": (b"", "", "no body"),
    "words": (b"upstream is gone", "", "upstream is gone"),
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("dialect", CHATTING)
def test_an_error_body_that_cannot_be_read_is_not_called_missing(dialect: str, case: str) -> None:
    body, coding, said = UNREADABLE[case]
    head = HttpHead(422, {"content-type": "application/json"} | ({"content-encoding": coding} if coding else {}))
    kept = body[: endpoint(dialect).bounds.error]
    outcome = drive(dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect)), head, [kept])
    assert outcome.failure is not None
    assert outcome.failure.message.startswith(f"HTTP 422: {said}")
    assert len(outcome.failure.message) < 300


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b"null", b"[]", b"{}", b'"ok"', b"\xff\xfe", b'{"a":'])
@pytest.mark.parametrize("dialect", CHATTING)
def test_a_success_in_the_wrong_shape_is_a_failure(dialect: str, body: bytes) -> None:
    for head in (HttpHead(200, {}), HttpHead(200, {"content-type": "application/json"})):
        exchange = dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect))
        outcome = drive(exchange, head, [body])
        assert outcome.failure is not None
        assert outcome.failure.kind in (K.BAD_RESPONSE, K.TRUNCATED)
    html = HttpHead(200, {"content-type": "text/html"})
    for stream in (False, True):
        exchange = dialects.load(dialect).open(Operation.CHAT, HELLO, endpoint(dialect), stream=stream)
        assert drive(exchange, html, [body]).failure is not None
