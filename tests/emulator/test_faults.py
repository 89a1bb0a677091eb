"""Faults as data: how they are written, handed out and staged."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import msgspec
import pytest

from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.emulator.faults import Fault, FaultKind, parse
from understudy.emulator.script import Script
from understudy.emulator.staging import (
    Act,
    Close,
    EmulatedAnswer,
    Frame,
    Head,
    Reset,
    StreamedAnswer,
    Wait,
    Write,
    stage,
)
from understudy.wire.http import HttpReply

JSON = (("content-type", "application/json"),)
SSE = (("content-type", "text/event-stream"),)
NDJSON = (("content-type", "application/x-ndjson"),)
WHOLE = HttpReply(200, JSON, b'{"a": "bcdef"}')
STREAM = StreamedAnswer(
    SSE,
    (
        Frame(b"data: begin\n\n"),
        *(Frame(b"data: %d\n\n" % n, content=True) for n in (1, 2, 3)),
        Frame(b"data: end\n\n"),
    ),
    b"data: error\n\n",
)


def acts(answer: EmulatedAnswer, fault: Fault | None, most: int = 50) -> list[Act]:
    return list(islice(stage(answer, fault), most))


def body(answer: EmulatedAnswer, fault: Fault | None, most: int = 50) -> bytes:
    return b"".join(act.data for act in acts(answer, fault, most) if isinstance(act, Write))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stall", Fault(kind=FaultKind.STALL)),
        ("stall=2", Fault.stall(2)),
        ("stall; after=2; seconds=0.5", Fault.stall(2, seconds=0.5)),
        ("status=429; retry_after=1.5", Fault.status(429, retry_after=1.5)),
        ("error=billing", Fault.error(FailureKind.BILLING)),
        ("slow_headers=0.1", Fault.slow_headers(0.1)),
        ("reset", Fault.reset()),
        ('{"kind": "cut", "after": 1, "clean": true}', Fault.cut(1, clean=True)),
    ],
)
def test_the_header_is_read(text: str, fault: Fault) -> None:
    assert parse(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        *("", "explode", "stall=soon", "stall;wait=3", '{"kind": "cut"', "error=boredom", "status=99", "status=600"),
        *("stall=-1", "slow_headers=-1", "slow_headers=nan", "drip=0"),
    ],
)
def test_a_header_that_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid fault"):
        parse(text)


def test_a_fault_survives_json() -> None:
    fault = Fault.error(FailureKind.RATE_LIMITED, retry_after=3)
    assert parse(msgspec.json.encode(fault).decode()) == fault


def test_a_script_hands_out_its_queue_then_the_standing_fault() -> None:
    script = Script([Fault.empty(), None], always=Fault.reset(), every=2)
    assert script.remaining == 2
    drawn = [script.next(Operation.CHAT) for _ in range(6)]
    assert drawn == [Fault.empty(), None, None, Fault.reset(), None, Fault.reset()]
    with pytest.raises(ValueError, match="every"):
        Script(every=0)


def test_a_script_for_one_operation_leaves_the_others_alone() -> None:
    script = Script([Fault.empty()], on=Operation.CHAT)
    assert script.next(Operation.MODELS) is None
    assert script.next(None) is None
    assert script.next(Operation.CHAT) == Fault.empty()


def test_a_healthy_answer_is_sent_as_it_is() -> None:
    assert acts(WHOLE, None) == [Head(200, JSON, len(WHOLE.body)), Write(WHOLE.body)]
    assert acts(STREAM, None) == [Head(200, SSE), *(Write(frame.data) for frame in STREAM.frames)]
    paced = list(stage(STREAM, pace=0.5))
    assert [act for act in paced if isinstance(act, Wait)] == [Wait(0.5)] * 3


@pytest.mark.parametrize("answer", [WHOLE, STREAM])
def test_faults_before_the_headers(answer: EmulatedAnswer) -> None:
    assert acts(answer, Fault.reset()) == [Reset()]
    assert acts(answer, Fault.slow_headers(0.2)) == [Wait(0.2), *acts(answer, None)]
    moved = acts(answer, Fault.redirect("http://x.invalid/"))
    assert isinstance(moved[0], Head)
    assert moved[0].status == 307
    assert ("location", "http://x.invalid/") in moved[0].headers
    page = acts(answer, Fault.wrong_content_type())
    assert isinstance(page[0], Head)
    assert page[0].status == 200
    assert b"<html>" in body(answer, Fault.wrong_content_type())


def test_faults_in_a_stream_strike_after_so_many_content_events() -> None:
    begun = b"data: begin\n\ndata: 1\n\ndata: 2\n\n"
    assert body(STREAM, Fault.cut(2)) == begun
    assert acts(STREAM, Fault.cut(2))[-1] == Close()
    assert acts(STREAM, Fault.cut(2, clean=True))[-1] == Write(b"data: 2\n\n")
    assert acts(STREAM, Fault.reset(0)) == [Head(200, SSE), Write(b"data: begin\n\n"), Reset()]
    assert body(STREAM, Fault.error_event(after=2)) == begun + STREAM.error
    assert body(STREAM, Fault.malformed_event(2)) == begun + b'data: {"broken": \n\ndata: 3\n\ndata: end\n\n'
    assert body(STREAM, Fault.truncated_json(2)) == begun + b"data: "
    assert body(STREAM, Fault.huge_line(5, after=2)).startswith(begun + b'data: "xxxxx"\n\ndata: 3')
    assert body(STREAM, Fault.cut(99)) == begun + b"data: 3\n\n"


def test_waiting_in_a_stream() -> None:
    stalled = acts(STREAM, Fault.stall(1))
    assert stalled.index(Wait(None)) == 3
    assert body(STREAM, Fault.stall(1)) == body(STREAM, None)
    assert acts(STREAM, Fault.slow_first_event(0.1))[1:3] == [Write(b"data: begin\n\n"), Wait(0.1)]
    assert acts(STREAM, Fault.slow_events(0.1)).count(Wait(0.1)) == len(STREAM.frames)


def test_streams_without_an_end() -> None:
    pings = acts(STREAM, Fault.pings(1, seconds=0.1), most=9)
    assert pings[-1] == Wait(0.1)
    assert pings[-2] == Write(b": ping\n\n")
    lines = StreamedAnswer(NDJSON, (Frame(b"1\n", content=True), Frame(b"2\n")))
    assert body(lines, Fault.pings(0), most=7) == b"\n\n\n"
    endless = body(STREAM, Fault.endless(), most=20)
    assert endless.startswith(b"data: begin\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 1\n\n")
    assert b"end" not in endless


def test_a_stream_without_marked_content_is_still_cut_before_its_end() -> None:
    unmarked = StreamedAnswer(NDJSON, (Frame(b"calls\n"), Frame(b"done\n")))
    assert body(unmarked, Fault.cut(1)) == b"calls\n"
    assert body(unmarked, Fault.cut(0)) == b""


def test_dripping_changes_nothing_but_the_writes() -> None:
    assert body(STREAM, Fault.drip(3), most=500) == body(STREAM, None)
    assert all(len(act.data) <= 3 for act in acts(STREAM, Fault.drip(3), 500) if isinstance(act, Write))


def test_a_whole_body_suffers_in_its_middle() -> None:
    half = WHOLE.body[:7]
    assert acts(WHOLE, Fault.cut()) == [Head(200, JSON, 14), Write(half), Close()]
    assert acts(WHOLE, Fault.cut(clean=True)) == [Head(200, JSON, None), Write(half)]
    assert acts(WHOLE, Fault.reset(1)) == [Head(200, JSON, 14), Write(half), Reset()]
    assert acts(WHOLE, Fault.truncated_json()) == [Head(200, JSON, 7), Write(half)]
    assert acts(WHOLE, Fault.stall()) == [Head(200, JSON, 14), Write(half), Wait(None), Write(WHOLE.body[7:])]
    assert body(WHOLE, Fault.huge_line(9)) == b" " * 9 + WHOLE.body
    assert body(WHOLE, Fault.drip(2)) == WHOLE.body
    assert body(WHOLE, Fault.slow_events(0.1)) == WHOLE.body
    assert body(WHOLE, Fault.pings(), most=5) == b"\n\n"
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body(WHOLE, Fault.malformed_event()))


def test_the_documentation_names_every_kind() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "emulators.md").read_text(encoding="utf-8")
    table = page[page.index("| kind |") :]
    assert {kind for kind in FaultKind if f"`{kind}`" not in table} == set()
