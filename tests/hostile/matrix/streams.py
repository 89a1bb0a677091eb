"""What happens to an answer on its way: silence, breaks, floods and disorder."""

from __future__ import annotations

from typing import Any

import understudy as u
from tests.hostile.answers.base import PIECES, SSE, TEXT, InStream
from tests.hostile.framing import LAST, chunk, chunked_head, cut_response
from tests.hostile.matrix.rows import (
    CHATS,
    GENERATE,
    LIMIT,
    STREAM,
    B,
    Expect,
    Row,
    Scene,
    answered,
    begun,
    given_up,
    half,
    only,
    replaced,
    retried,
)
from tests.hostile.server import Close, Hang, Pause, Repeat, Reset, Script
from understudy.domain.failures import FailureKind as K

_STREAM = frozenset({STREAM})
_SHOWN: dict[str, Any] = {"shown": True, "basis": B.ESTIMATED}
_LOST = (K.DISCONNECTED, K.TRUNCATED)
_CUT_PLAIN = retried(_LOST, 3, u.StreamInterrupted)


def _then(*steps: Any, pieces: int, ended: bool = False) -> Any:
    """The beginning of a stream with so many pieces, then these steps; a plain answer is halved first."""

    def act(scene: Scene) -> Script:
        return (begun(scene, pieces, ended=ended) if scene.streamed else half(scene), *steps)

    return act


def _ping(scene: Scene, pieces: int) -> Script:
    return (begun(scene, pieces), Repeat(chunk(scene.answers.ping), 0.03))


def _with(scene: Scene, frame: bytes, pieces: int) -> Script:
    """A stream with one frame more after so many pieces, that would go on to its good end."""
    answers = scene.answers
    rest = (frame, *answers.pieces[pieces:], answers.ending, answers.mark)
    return (begun(scene, pieces) + b"".join(map(chunk, rest)) + LAST,)


def _failing(scene: Scene, pieces: int) -> Script:
    """A stream with an error after so many pieces, that would go on to its good end unless nothing can follow."""
    if scene.variant.last:
        return (begun(scene, pieces) + chunk(scene.variant.data) + LAST,)
    return _with(scene, scene.variant.data, pieces)


def _error_expected(shown: bool) -> Any:
    more: dict[str, Any] = _SHOWN if shown else {}

    def expect(error: InStream) -> Expect:
        refused = {} if shown else {"basis": B.REFUSED}
        table = {
            K.RATE_LIMITED: replaced(K.RATE_LIMITED, 3, u.RateLimited, **{**more, **refused}),
            K.SERVER_ERROR: retried(K.SERVER_ERROR, 3, u.ServerFailed, **more),
            K.OVERLOADED: retried(K.OVERLOADED, 3, u.Overloaded, **{**more, **refused}),
        }
        return table[error.kind]

    return expect


def _line(scene: Scene, pieces: int) -> Script:
    flood = b"x" * 5_000_000
    frame = b"data: " + flood + b"\n\n" if scene.answers.stream_type == SSE else b'{"x":"' + flood + b'"}\n'
    return _with(scene, frame, pieces)


def _long(scene: Scene) -> bytes:
    """Write a frame of content as large as no vendor's."""
    return scene.answers.pieces[1].replace(PIECES[1].encode(), PIECES[1].encode() * 2000)


def _split(size: int) -> Any:
    def act(scene: Scene) -> Script:
        whole = chunked_head(scene.answers.stream_type)
        frames = b"".join(scene.answers.stream())
        pieces = [frames[at : at + size] for at in range(0, len(frames), size)]
        return (whole, *(step for each in pieces for step in (chunk(each),)), LAST)

    return act


def _carriage_returns(scene: Scene) -> Script:
    frames = b"".join(scene.answers.stream()).replace(b"\n", b"\r\n")
    return (
        chunked_head(scene.answers.stream_type) + b"".join(chunk(frames[n : n + 1]) for n in range(len(frames))) + LAST,
    )


def _after_the_end(scene: Scene) -> Script:
    answers = scene.answers
    frames = (*answers.stream(), answers.pieces[0], answers.ending, answers.mark)
    return (chunked_head(answers.stream_type) + b"".join(chunk(f) for f in frames if f) + LAST,)


def _silent_tail(scene: Scene) -> Script:
    """All is said, the end mark too, but the connection stays open."""
    return (chunked_head(scene.answers.stream_type) + b"".join(map(chunk, scene.answers.stream())), Hang())


def _without_finish(scene: Scene) -> Script:
    answers = scene.answers
    frames = (answers.opening, *answers.pieces, answers.mark)
    return (chunked_head(answers.stream_type) + b"".join(map(chunk, frames)) + LAST,)


def _is_whole(answer: Any) -> str | None:
    return None if answer.text == TEXT else f"the text is {answer.text!r}"


def _has_unknown_finish(answer: Any) -> str | None:
    if answer.finish_reason is not u.FinishReason.UNKNOWN:
        return f"the finish reason is {answer.finish_reason}, which nobody said"
    return None if answer.warnings else "no warning says that the finish reason is missing"


ROWS = (
    Row(
        name="no-first-event",
        words="a stream begins and has no content",
        source="a model that is being loaded",
        act=lambda scene: (begun(scene, 0), Hang()),
        place="stream",
        limits={"first_event_timeout": LIMIT},
        expect=replaced(K.TIMEOUT_FIRST_EVENT, 2, u.TimedOut),
        operations=_STREAM,
        fresh=True,
    ),
    Row(
        name="pings-only",
        words="pings for ever and no content: a ping is no content",
        source="Anthropic's ping events; SSE comments",
        act=lambda scene: _ping(scene, 0),
        place="stream",
        limits={"first_event_timeout": LIMIT},
        expect=replaced(K.TIMEOUT_FIRST_EVENT, 2, u.TimedOut),
        operations=_STREAM,
    ),
    Row(
        name="pings-after-content",
        words="content, then pings for ever",
        source="Anthropic's ping events; SSE comments",
        act=lambda scene: _ping(scene, 1),
        place="stream",
        limits={"idle_timeout": LIMIT},
        expect=replaced(K.STALLED, 2, u.TimedOut, **_SHOWN),
        operations=_STREAM,
    ),
    Row(
        name="stall",
        words="content, then silence",
        source="a worker that hangs",
        act=_then(Hang(), pieces=1),
        place="stream",
        limits={"idle_timeout": LIMIT, "timeout": 3 * LIMIT},
        expect=replaced(K.STALLED, 2, u.TimedOut, **_SHOWN),
        plain=replaced(K.TIMEOUT_BODY, 2, u.TimedOut),
        operations=CHATS,
        fresh=True,
    ),
    Row(
        name="reset-before-content",
        words="a stream begins, and the connection is reset",
        source="RFC 9293, 3.5.2",
        act=_then(Reset(), pieces=0),
        place="stream",
        healed=True,
        expect=retried(K.DISCONNECTED, 3, u.StreamInterrupted),
        plain=_CUT_PLAIN,
    ),
    Row(
        name="reset-after-content",
        words="content, then the connection is reset",
        source="RFC 9293, 3.5.2",
        act=_then(Pause(0.05), Reset(), pieces=2),
        place="stream",
        healed=True,
        expect=retried(K.DISCONNECTED, 3, u.StreamInterrupted, **_SHOWN),
        plain=_CUT_PLAIN,
        operations=CHATS,
    ),
    Row(
        name="closed-after-content",
        words="content, then the connection is closed in the middle of a chunked body",
        source="RFC 9112, 8",
        act=_then(Close(), pieces=2),
        place="stream",
        healed=True,
        expect=retried(_LOST, 3, u.StreamInterrupted, **_SHOWN),
        plain=_CUT_PLAIN,
        operations=CHATS,
    ),
    Row(
        name="no-end-before-content",
        words="a stream ends cleanly before its content and without its end mark",
        source="a proxy that ends streams at its time-out",
        act=_then(pieces=0, ended=True),
        place="stream",
        healed=True,
        expect=retried(K.TRUNCATED, 3, u.StreamInterrupted),
        operations=_STREAM,
    ),
    Row(
        name="no-end-after-content",
        words="a stream ends cleanly after some content and without its end mark",
        source="a proxy that ends streams at its time-out",
        act=_then(pieces=2, ended=True),
        place="stream",
        healed=True,
        expect=retried(K.TRUNCATED, 3, u.StreamInterrupted, **_SHOWN),
        operations=_STREAM,
    ),
    Row(
        name="end-without-finish",
        words="an explicit [DONE] after content, but no finish reason",
        source="OpenRouter and Snowflake answer so",
        act=_without_finish,
        expect=answered(_has_unknown_finish, won=B.ESTIMATED),
        operations=_STREAM,
        dialects=only("openai"),
    ),
    Row(
        name="error-before-content",
        words="an error as the first event of a stream",
        source="the vendors' notes on streaming",
        act=lambda scene: _failing(scene, 0),
        place="stream",
        variants=lambda answers: answers.in_stream,
        expect=_error_expected(shown=False),
        operations=_STREAM,
    ),
    Row(
        name="error-after-content",
        words="an error in the middle of a stream: its own kind is told",
        source="the vendors' notes on streaming",
        act=lambda scene: _failing(scene, 1),
        place="stream",
        variants=lambda answers: answers.in_stream,
        expect=_error_expected(shown=True),
        operations=_STREAM,
    ),
    Row(
        name="broken-event-first",
        words="the JSON of the first event is broken: it is not skipped",
        source="reports of JSONDecodeError from clients of compatible servers",
        act=lambda scene: _with(scene, scene.answers.broken, 0),
        place="stream",
        expect=retried(K.BAD_RESPONSE, 3, u.InvalidResponse),
        operations=_STREAM,
    ),
    Row(
        name="broken-event",
        words="the JSON of an event in the middle is broken: it is not skipped",
        source="reports of JSONDecodeError from clients of compatible servers",
        act=lambda scene: _with(scene, scene.answers.broken, 1),
        place="stream",
        expect=retried(K.BAD_RESPONSE, 3, u.InvalidResponse, **_SHOWN),
        operations=_STREAM,
    ),
    Row(
        name="split-everywhere",
        words="the bytes arrive one by one, letters of several bytes in pieces",
        source="TCP has no messages",
        act=_split(1),
        place="stream",
        expect=answered(_is_whole),
        operations=_STREAM,
    ),
    Row(
        name="carriage-returns",
        words="lines end with CR LF, and the two arrive apart",
        source="WHATWG HTML, 9.2.6",
        act=_carriage_returns,
        place="stream",
        expect=answered(_is_whole),
        operations=_STREAM,
    ),
    Row(
        name="endless-line",
        words="a line of 5 MB as the first event",
        source="no vendor writes lines of megabytes",
        act=lambda scene: _line(scene, 0),
        place="stream",
        expect=given_up(K.TOO_LARGE, u.InvalidResponse),
        operations=_STREAM,
    ),
    Row(
        name="endless-line-after-content",
        words="content, then a line of 5 MB",
        source="no vendor writes lines of megabytes",
        act=lambda scene: _line(scene, 1),
        place="stream",
        expect=given_up(K.TOO_LARGE, u.InvalidResponse, **_SHOWN),
        operations=_STREAM,
    ),
    Row(
        name="endless-drip",
        words="content for ever, a little at a time: the time allowed to one attempt ends it",
        source="a model that repeats itself",
        act=lambda scene: (begun(scene, 1), Repeat(chunk(scene.answers.pieces[1]), 0.03)),
        place="stream",
        limits={"timeout": 2 * LIMIT},
        expect=replaced(K.TIMEOUT_BODY, 2, u.TimedOut, **_SHOWN),
        operations=_STREAM,
    ),
    Row(
        name="endless-flood",
        words="content for ever, as fast as it goes, where a hundred tokens were asked for",
        source="a model that repeats itself",
        act=lambda scene: (begun(scene, 1), Repeat(chunk(_long(scene)))),
        place="stream",
        options=lambda _: {"max_tokens": 100},
        expect=given_up(K.TOO_LARGE, u.InvalidResponse, **_SHOWN),
        operations=_STREAM,
    ),
    Row(
        name="after-the-end",
        words="content and a second end after the end mark are dropped",
        source="reports of compatible servers that send a second finish",
        act=_after_the_end,
        place="stream",
        expect=answered(_is_whole),
        operations=_STREAM,
        dialects=lambda answers: bool(answers.mark),
    ),
    Row(
        name="open-after-the-end",
        words="the connection stays open after the end mark: nobody waits for it to close",
        source="a proxy that keeps connections open",
        act=_silent_tail,
        place="stream",
        limits={"timeout": 20.0, "idle_timeout": 10.0},
        expect=answered(_is_whole),
        operations=_STREAM,
        dialects=lambda answers: bool(answers.mark),
        deadline=15.0,
    ),
    Row(
        name="deadline",
        words="silence that lasts longer than the whole request may: the deadline ends it",
        source="the caller's own time-out",
        act=lambda _: (Hang(),),
        deadline=LIMIT,
        expect=Expect(kinds=(K.DEADLINE,), alone=1, before=None, error=u.DeadlineExceeded),
        operations=frozenset({GENERATE, STREAM, "embed"}),
    ),
    Row(
        name="deadline-in-content",
        words="content for ever, and the deadline of the whole request ends it",
        source="the caller's own time-out",
        act=lambda scene: (
            (begun(scene, 1), Repeat(chunk(scene.answers.pieces[1]), 0.03))
            if scene.streamed
            else (cut_response(scene.body, 10), Repeat(b" ", 0.03))
        ),
        place="stream",
        deadline=2 * LIMIT,
        expect=Expect(kinds=(K.DEADLINE,), alone=1, before=None, error=u.DeadlineExceeded, **_SHOWN),
        plain=Expect(kinds=(K.DEADLINE,), alone=1, before=None, error=u.DeadlineExceeded),
        operations=CHATS,
    ),
)
