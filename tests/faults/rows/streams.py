"""What happens to a stream on its way: silence, breaks, floods and disorder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import understudy as u
from tests.classification.cases.base import Case
from tests.classification.playing import STREAMS
from tests.faults import laws
from tests.faults.laws import Law, asking_to_wait
from tests.faults.memory import Block, Head, Lose, Repeat, Script, Wait
from tests.faults.rows.bodies import is_healed, opening, unless_healed
from tests.faults.rows.connecting import PATIENCE
from tests.faults.rows.statuses import CASES
from tests.faults.table import STREAMED, Good, Mode, Moment, Place, Row, Scene
from tests.faults.vendors import Vendor
from tests.hostile.answers.base import SSE, TEXT, InStream
from understudy.domain.failures import FailureKind as K

_SAME = {
    K.RATE_LIMITED: laws.LIMITED,
    K.SERVER_ERROR: laws.SERVER,
    K.OVERLOADED: laws.OVERLOADED,
}


def _then(*steps: Any, pieces: int) -> Callable[[Moment], Script]:
    return lambda moment: (*opening(moment, pieces), *steps)


def _with(moment: Moment, frame: bytes, pieces: int) -> Script:
    """A stream with one frame more after so many pieces, that would go on to its good end."""
    answers = moment.vendor.answers
    return (*opening(moment, pieces), frame, *answers.pieces[pieces:], answers.ending, answers.mark)


def _failing(pieces: int) -> Callable[[Moment], Script]:
    def act(moment: Moment) -> Script:
        error: InStream = moment.variant
        return (*opening(moment, pieces), error.data) if error.last else _with(moment, error.data, pieces)

    return act


def _error_law(_vendor: Vendor, _mode: Mode, error: InStream) -> Law:
    return _SAME[error.kind]


def _line(pieces: int) -> Callable[[Moment], Script]:
    def act(moment: Moment) -> Script:
        flood = b"x" * 5_000_000
        sse = moment.vendor.answers.stream_type == SSE
        return _with(moment, b"data: " + flood + b"\n\n" if sse else b'{"x":"' + flood + b'"}\n', pieces)

    return act


def _frames(moment: Moment) -> bytes:
    return b"".join(moment.vendor.answers.stream())


def _in_pieces(moment: Moment, data: bytes, size: int = 1) -> Script:
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return (Head(200, moment.vendor.answers.stream_type), *pieces)


def _after_the_end(moment: Moment) -> Script:
    answers = moment.vendor.answers
    return (Head(200, answers.stream_type), *answers.stream(), answers.pieces[0], answers.ending, answers.mark)


def _is_whole(answer: u.GenerationResponse) -> str | None:
    return None if answer.text == TEXT else f"the text is {answer.text!r}"


def _has_unknown_finish(answer: u.GenerationResponse) -> str | None:
    if answer.finish_reason is not u.FinishReason.UNKNOWN:
        return f"the finish reason is {answer.finish_reason}, which nobody said"
    return None if answer.warnings else "no warning says that the finish reason is missing"


def _marked(vendor: Vendor) -> bool:
    return bool(vendor.answers.mark)


# ---- the vendors' own words in the middle of a stream ----

_SAID = "Hi"
"""What the frames of `tests/classification` say ahead of an error."""


def _own(vendor: Vendor) -> Sequence[Case]:
    mine = (case for case in CASES if case.provider == vendor.name and case.in_stream and not case.wire)
    return [
        case
        for case in mine
        if vendor.name != "replicate" and not (isinstance(case.body, dict) and "candidates" in case.body)
    ]


def _break_off(moment: Moment) -> Script:
    media, body = STREAMS[moment.vendor.answers.dialect](moment.variant.body)
    return (Head(200, media), body)


def _meaning(_vendor: Vendor, _mode: Mode, case: Case) -> Law:
    law = laws.BY_WORDS[case.kind]
    return asking_to_wait(law, case.wait) if case.wait is not None else law


# ---- what becomes of a break after the first words ----


def _lost(vendor: Vendor, mode: Mode, _variant: Any) -> Law | None:
    return None if is_healed(vendor, mode) else laws.DISCONNECTED


def _midstream(name: str, words: str, rules: Mapping[str, Any], **more: Any) -> Sequence[Row]:
    made = []
    for kind, act, law, takes in (
        ("reset", _then(Lose(K.DISCONNECTED), pieces=2), _lost, 0.0),
        ("stall", _then(Wait(), pieces=2), lambda _vendor, _mode, _variant: laws.STALLED, PATIENCE),
        ("no-end", _then(pieces=2), lambda v, m, _: None if is_healed(v, m) else laws.TRUNCATED, 0.0),
    ):
        made.append(
            Row(
                name=f"{name}-{kind}",
                words=words,
                source="the caller's choice, `on_midstream_error`",
                act=act,
                place=Place.STREAM,
                law=law,
                shown=2,
                takes=takes,
                limits={"idle_timeout": PATIENCE},
                modes=(Mode.STREAM,),
                scenes=(Scene.BACKUP, Scene.PASSING),
                fallback=rules,
                **more,
            )
        )
    return made


ROWS: Sequence[Row] = (
    Row(
        name="no-first-event",
        words="a stream begins and has no content",
        source="a model that is being loaded",
        act=_then(Wait(), pieces=0),
        place=Place.STREAM,
        limits={"first_event_timeout": PATIENCE},
        law=laws.WITHOUT_CONTENT,
        takes=PATIENCE,
        modes=STREAMED,
    ),
    Row(
        name="pings-only",
        words="pings for ever and no content: a ping is no content",
        source="Anthropic's ping events; SSE comments",
        act=lambda moment: (*opening(moment, 0), Repeat(moment.vendor.answers.ping, 0.3)),
        place=Place.STREAM,
        limits={"first_event_timeout": PATIENCE},
        law=laws.WITHOUT_CONTENT,
        takes=PATIENCE,
        modes=STREAMED,
    ),
    Row(
        name="pings-after-content",
        words="content, then pings for ever",
        source="Anthropic's ping events; SSE comments",
        act=lambda moment: (*opening(moment, 1), Repeat(moment.vendor.answers.ping, 0.3)),
        place=Place.STREAM,
        limits={"idle_timeout": PATIENCE},
        law=laws.STALLED,
        takes=PATIENCE,
        shown=1,
        modes=STREAMED,
    ),
    Row(
        name="stall",
        words="content, then silence",
        source="a worker that hangs",
        act=_then(Wait(), pieces=1),
        place=Place.STREAM,
        limits={"idle_timeout": PATIENCE},
        law=laws.STALLED,
        takes=PATIENCE,
        shown=1,
        modes=STREAMED,
    ),
    Row(
        name="reset-before-content",
        words="a stream begins, and the connection is reset",
        source="RFC 9293, 3.5.2",
        act=_then(Lose(K.DISCONNECTED), pieces=0),
        place=Place.STREAM,
        law=unless_healed(laws.DISCONNECTED),
        modes=STREAMED,
    ),
    Row(
        name="reset-after-content",
        words="content, then the connection is reset",
        source="RFC 9293, 3.5.2",
        act=_then(Lose(K.DISCONNECTED), pieces=2),
        place=Place.STREAM,
        law=unless_healed(laws.DISCONNECTED),
        shown=2,
        modes=STREAMED,
    ),
    Row(
        name="no-end-before-content",
        words="a stream ends cleanly before its content and without its end mark",
        source="a proxy that ends streams at its time-out",
        act=_then(pieces=0),
        place=Place.STREAM,
        law=unless_healed(laws.TRUNCATED),
        modes=STREAMED,
    ),
    Row(
        name="no-end-after-content",
        words="a stream ends cleanly after some content and without its end mark",
        source="a proxy that ends streams at its time-out",
        act=_then(pieces=2),
        place=Place.STREAM,
        law=unless_healed(laws.TRUNCATED),
        shown=2,
        modes=STREAMED,
    ),
    Row(
        name="end-without-finish",
        words="an explicit [DONE] after content, but no finish reason",
        source="OpenRouter and Snowflake answer so",
        act=lambda moment: (*opening(moment, 3), moment.vendor.answers.mark),
        law=Good(check=_has_unknown_finish, exact=False),
        vendors=lambda vendor: vendor.answers.dialect == "openai",
        modes=STREAMED,
    ),
    Row(
        name="error-before-content",
        words="an error as the first event of a stream",
        source="the vendors' notes on streaming",
        act=_failing(0),
        place=Place.STREAM,
        variants=lambda vendor: vendor.answers.in_stream,
        law=_error_law,
        modes=STREAMED,
    ),
    Row(
        name="error-after-content",
        words="an error in the middle of a stream: its own kind is told",
        source="the vendors' notes on streaming",
        act=_failing(1),
        place=Place.STREAM,
        variants=lambda vendor: vendor.answers.in_stream,
        law=_error_law,
        shown=1,
        modes=STREAMED,
    ),
    Row(
        name="says-in-stream",
        words="the vendor's own error in the middle of a stream, in its own words",
        source="the vendors' lists of error codes, and bodies in users' reports",
        act=_break_off,
        variants=_own,
        law=_meaning,
        shown=1,
        said=_SAID,
        backup={"context_window": 1_000_000},
        modes=STREAMED,
    ),
    Row(
        name="broken-event-first",
        words="the JSON of the first event is broken: it is not skipped",
        source="reports of JSONDecodeError from clients of compatible servers",
        act=lambda moment: _with(moment, moment.vendor.answers.broken, 0),
        place=Place.STREAM,
        law=laws.BAD,
        modes=STREAMED,
    ),
    Row(
        name="broken-event",
        words="the JSON of an event in the middle is broken: it is not skipped",
        source="reports of JSONDecodeError from clients of compatible servers",
        act=lambda moment: _with(moment, moment.vendor.answers.broken, 1),
        place=Place.STREAM,
        law=laws.BAD,
        shown=1,
        modes=STREAMED,
    ),
    Row(
        name="byte-by-byte",
        words="the bytes arrive one by one, letters of several bytes in pieces",
        source="TCP has no messages",
        act=lambda moment: _in_pieces(moment, _frames(moment)),
        place=Place.STREAM,
        law=Good(check=_is_whole),
        modes=STREAMED,
    ),
    Row(
        name="carriage-returns",
        words="lines end with CR LF, and the two arrive apart",
        source="WHATWG HTML, 9.2.6",
        act=lambda moment: _in_pieces(moment, _frames(moment).replace(b"\n", b"\r\n")),
        place=Place.STREAM,
        law=Good(check=_is_whole),
        modes=STREAMED,
    ),
    Row(
        name="endless-line",
        scenes=(Scene.BACKUP,),
        words="a line of 5 MB as the first event",
        source="no vendor writes lines of megabytes",
        act=_line(0),
        place=Place.STREAM,
        law=laws.TOO_LARGE,
        modes=STREAMED,
    ),
    Row(
        name="endless-line-after-content",
        scenes=(Scene.BACKUP,),
        words="content, then a line of 5 MB",
        source="no vendor writes lines of megabytes",
        act=_line(1),
        place=Place.STREAM,
        law=laws.TOO_LARGE,
        shown=1,
        modes=STREAMED,
    ),
    Row(
        name="after-the-end",
        words="content and a second end after the end mark are dropped",
        source="reports of compatible servers that send a second finish",
        act=_after_the_end,
        place=Place.STREAM,
        law=Good(check=_is_whole),
        vendors=_marked,
        modes=STREAMED,
    ),
    Row(
        name="open-after-the-end",
        words="the connection stays open after the end mark: nobody waits for it to close",
        source="a proxy that keeps connections open",
        act=lambda moment: (Head(200, moment.vendor.answers.stream_type), *moment.vendor.answers.stream(), Wait()),
        place=Place.STREAM,
        law=Good(check=_is_whole),
        vendors=_marked,
        modes=STREAMED,
    ),
    Row(
        name="blocked-loop",
        words="the event loop is kept from its timers for longer than any limit, and the answer waits to be read",
        source="a program that computes between two awaits",
        act=lambda moment: (*opening(moment, 1), Block(100.0), *_with(moment, b"", 1)[3:]),
        place=Place.STREAM,
        law=Good(check=_is_whole),
        modes=STREAMED,
    ),
    Row(
        name="blocked-before-head",
        words="the event loop is kept from its timers while the answer arrives as a whole",
        source="a program that computes between two awaits",
        act=lambda moment: (Block(100.0), *moment.vendor.good(moment.request)),
        limits={"first_event_timeout": PATIENCE, "timeout": 600.0},
        law=Good(check=_is_whole),
    ),
    *_midstream("hold", "nothing is shown before all is there", {"on_midstream_error": "hold"}),
    *_midstream("restart", "an event says that the answer begins anew", {"on_midstream_error": "restart"}),
    *_midstream(
        "continue",
        "another target continues the text, as its model is declared to do; what it repeats is not shown twice",
        {"on_midstream_error": "continue"},
        backup={"capabilities": {"prefill": True}},
    ),
)  # fmt: skip
