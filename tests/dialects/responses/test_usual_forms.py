"""Events that add to a part as the one before did are read in a short way, all others in the general way.
Here both read the same bytes, recorded ones and those with changes, so each judges the other."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.conftest import RECORDINGS
from tests.contract.recordings import load
from tests.contract.scope import exclusion
from tests.contract.targets import dialect_name
from tests.dialects.short_ways import taken
from tests.fuzz.spoiling import LITERALS, ODD, Body, structural
from understudy import dialects
from understudy.dialects.base import Endpoint, Send
from understudy.dialects.responses import decode_stream
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpHead

_ASKED = GenerationRequest(messages=(Message.user("hello"),))
_RESPONSE = {"id": "r", "object": "response", "model": "m", "status": "in_progress", "output": []}
_ITEM = {"id": "i", "type": "message", "status": "in_progress", "role": "assistant", "content": []}


def _event(number: Any, kind: str, **more: Any) -> bytes:
    value = {"type": kind, "sequence_number": number, **more}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps(value).encode())


def _text(number: Any, text: str = "Hi", item: str = "i") -> bytes:
    return _event(number, "response.output_text.delta", item_id=item, output_index=0, content_index=0, delta=text)


def _more(
    number: Any, text: Any = "12", item: Any = "f", index: Any = 1, kind: str = "function_call_arguments"
) -> bytes:
    return _event(number, f"response.{kind}.delta", item_id=item, output_index=index, delta=text)


def _added(number: int, item: str = "f", index: int = 1, kind: str = "function_call", call_id: str = "c") -> bytes:
    call = {"id": item, "type": kind, "call_id": call_id + item, "name": "f", "arguments": ""}
    return _event(number, "response.output_item.added", output_index=index, item=call)


def _done(number: int, text: str) -> bytes:
    call = {"id": "f", "type": "function_call", "call_id": "cf", "name": "f", "arguments": text}
    return _event(number, "response.output_item.done", output_index=1, item=call)


def _thought(number: Any, place: Any = 0, text: Any = "Hm", **more: Any) -> bytes:
    fields = {"item_id": "t", "output_index": 1, "summary_index": place, "delta": text, **more}
    return _event(number, "response.reasoning_summary_text.delta", **fields)


def _reasoned(number: Any, place: Any = 0) -> bytes:
    return _event(number, "response.reasoning_text.delta", item_id="t", output_index=1, content_index=place, delta="So")


_THINKING = {"id": "t", "type": "reasoning", "summary": []}
_BEGIN = _event(0, "response.created", response=_RESPONSE) + _event(
    1, "response.output_item.added", output_index=0, item=_ITEM
)
_DONE = {**_ITEM, "status": "completed", "content": [{"type": "output_text", "text": "HiHiHi", "annotations": []}]}
_STREAMS = tuple(
    _BEGIN + b"".join(pieces) + _event(9, "response.completed", response={**_RESPONSE, "output": [_DONE]})
    for pieces in (
        [_text(number) for number in range(2, 8)],
        [_text(None) for _ in range(4)],
        [_text(2), _text(3), _text(3), _text(5), _text(5, "other"), _text(6)],
        [_text(2), _text(3, ""), _text(4), _text(5, item="j"), _text(6)],
        [_text(2), _text(3), _event(4, "response.refusal.delta", item_id="i", delta="No"), _text(5), _text(True)],
        [_text(2), _text(3), _text(4, "x" * 600), _text(5), _text(6)],
        [_added(2), _added(3, index=2, call_id="d"), _more(4), _more(5), _more(6, index=True), _more(7)],
        [_added(2), _added(3, index=2, call_id="d"), _more(4), _more(5), _more(6, index=2), _more(7)],
        [_added(2), _added(3, "g", 2), _more(4), _more(5), _more(6, item="g"), _more(7)],
        [_added(2), *[_more(number) for number in range(3, 7)], _done(7, "12121212")],
        [_added(2), *[_more(number) for number in range(3, 7)], _done(7, "1212121234"), _more(8)],
        [_added(2), _added(3, "g", 2), *[_more(n, "1", *(("f", 1), ("g", 2))[n // 2 % 2]) for n in range(4, 9)]],
        [_added(2), _more(3), _more(4), _more(4), _more(4, "other"), _more(6), _more(7, ""), _more(8)],
        [_added(2), _more(3), _more(4), _more(5, item=None), _more(6, item=None), _more(7, item="?"), _more(8)],
        [_added(2), _more(3), _more(4), _more(5, index=None), _more(6, index=None), _more(7, index=True), _more(8)],
        [_more(2), _more(3), _added(4), _more(5), _more(6), _text(7), _more(8)],
        [_added(2, kind="custom_tool_call"), *[_more(number, kind="custom_tool_call_input") for number in (3, 4, 5)]],
        [
            *[_thought(number) for number in (2, 3, 4)],
            *[_thought(number, 1) for number in (5, 6)],
            _thought(7),
            _more(8),
        ],
        [_thought(2), _thought(3), _thought(4, ""), _thought(5, True), _thought(6, 1.0), _reasoned(7), _reasoned(8)],
        [_thought(2), _thought(3, item_id="u"), *[_thought(number, output_index=2) for number in (4, 5)], _thought(6)],
        [*[_reasoned(number) for number in (2, 3, 4)], _reasoned(5, 1), _reasoned(6, None), _thought(7), _text(8)],
        [_added(2), _more(3), _more(4), _more(5, "x" * 600), _more(6), _added(7, "g"), _more(8)],
    )
)


def read(keep_wire: bool, *pieces: bytes) -> list[Any]:
    endpoint = Endpoint(provider="openai", base_url="http://upstream.invalid", model="m", keep_wire=keep_wire)
    exchange = dialects.load("responses").open(Operation.CHAT, _ASKED, endpoint, stream=True)
    steps = [step for step in exchange.start() if not isinstance(step, Send)]
    steps += exchange.head(HttpHead(200, {"content-type": "text/event-stream"}))
    for piece in pieces:
        steps += exchange.feed(piece)
    return steps + exchange.close()


def check(monkeypatch: pytest.MonkeyPatch, keep_wire: bool, *pieces: bytes) -> None:
    short = read(keep_wire, *pieces)
    with monkeypatch.context() as patch:
        patch.setattr(decode_stream.StreamReader, "plain", lambda *_: None)
        general = read(keep_wire, *pieces)
    assert short == general


@pytest.mark.parametrize("keep_wire", [False, True])
def test_streams(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config, keep_wire: bool, deep: bool) -> None:
    recorded = [
        each.body
        for each in load(pytestconfig.stash[RECORDINGS])
        if exclusion(each) is None and each.streamed and each.response.status == 200
        if dialect_name(each) == "responses"
    ]
    for number, whole in enumerate([*_STREAMS, *recorded]):
        dice, body = random.Random(f"usual {number}"), Body(whole)
        for data in (whole, *(structural(body, dice) for _ in range(60 if deep else 6))):
            at = dice.randrange(len(data) + 1)
            check(monkeypatch, keep_wire, data[:at], data[at:])


_CALL = _BEGIN + _added(2) + b"".join(_more(number) for number in range(3, 9))
_INPUT = (
    _BEGIN
    + _added(2, kind="custom_tool_call")
    + b"".join(_more(number, kind="custom_tool_call_input") for number in range(3, 9))
)
_SUMMARY = (
    _BEGIN
    + _event(2, "response.output_item.added", output_index=1, item=_THINKING)
    + b"".join(map(_thought, range(3, 9)))
)
_REASONING = _BEGIN + b"".join(map(_reasoned, range(2, 8)))
_KINDS = {"text": _STREAMS[0], "arguments": _CALL, "input": _INPUT, "summary": _SUMMARY, "reasoning": _REASONING}


@pytest.mark.parametrize(
    ("whole", "behind"), [(_KINDS[kind], 4 if kind in ("text", "reasoning") else 5) for kind in _KINDS], ids=_KINDS
)
def test_each_value_of_an_event_behind_one_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, whole: bytes, behind: int
) -> None:
    body = Body(whole)
    for at, path in body.places:
        for odd in (*ODD, *LITERALS) if at == behind else ():
            check(monkeypatch, True, body.spoiled(at, path, odd))


@pytest.mark.parametrize("whole", _KINDS.values(), ids=_KINDS)
def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch, whole: bytes) -> None:
    assert taken(monkeypatch, decode_stream.StreamReader, lambda: read(True, whole)) == 5
