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
from understudy.dialects.anthropic import decode_stream
from understudy.dialects.anthropic.client import DIALECT
from understudy.dialects.base import Endpoint, Send
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpHead

_ASKED = GenerationRequest(messages=(Message.user("hello"),), max_tokens=9)
_EVENT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
_TOOL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
_DELTAS = {
    "text": {"type": "text_delta", "text": "Hi"},
    "tool_use": {"type": "input_json_delta", "partial_json": "12"},
    "thinking": {"type": "thinking_delta", "thinking": "Hm"},
}


def _frame(value: Any) -> bytes:
    return b"event: content_block_delta\ndata: %b\n\n" % json.dumps(value).encode()  # the name is not read


def _begun(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def _grown(kind: str, index: int = 1) -> dict[str, Any]:
    return {**_EVENT, "index": index, "delta": _DELTAS[kind]}


def _stream(*values: Any) -> bytes:
    message = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": {}}
    begin: list[Any] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    end = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
    return b"".join(map(_frame, (*begin, *values, *end)))


def read(keep_wire: bool, *pieces: bytes) -> list[Any]:
    endpoint = Endpoint(provider="anthropic", base_url="http://upstream.invalid", model="m", keep_wire=keep_wire)
    exchange = DIALECT.open(Operation.CHAT, _ASKED, endpoint, stream=True)
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


_STREAMS = (
    _stream(*[_EVENT] * 4),
    _stream(*[_EVENT] * 2, {**_EVENT, "index": 1}, _EVENT),
    _stream(_EVENT, _EVENT, {"type": "ping"}, _EVENT, _EVENT, {"type": "content_block_stop", "index": 0}, _EVENT),
    _stream(
        *[_EVENT] * 2,
        {"type": "content_block_start", "index": 1, "content_block": _TOOL},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
        {**_EVENT, "index": 1},
    ),
    _stream(*[_EVENT] * 2, {"type": "content_block_start", "index": 0, "content_block": _TOOL}, _EVENT),
    _stream(
        _begun(1, **_TOOL), *[_grown("tool_use")] * 4, {"type": "content_block_stop", "index": 1}, _grown("tool_use")
    ),
    _stream(
        _begun(1, **{**_TOOL, "input": {"a": 1}}),
        _begun(2, **{**_TOOL, "id": "u"}),
        *[_grown("tool_use"), _grown("tool_use", 2), _grown("tool_use", 2)] * 2,
        {**_grown("tool_use"), "index": None},
        {"type": "content_block_stop", "index": 1},
    ),
    _stream(_begun(1, type="server_tool_use", id="s", name="web_search", input={}), *[_grown("tool_use")] * 3),
    _stream(
        _begun(1, type="thinking", thinking=""),
        *[_grown("thinking")] * 3,
        {"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "s"}},
        *[_grown("thinking")] * 2,
        _grown("text"),
    ),
    _stream(_begun(1, **_TOOL), *[_grown("tool_use")] * 2, _grown("thinking"), _grown("tool_use")),
    _stream(*[_EVENT] * 2, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}),
)


@pytest.mark.parametrize("keep_wire", [False, True])
def test_streams(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config, keep_wire: bool, deep: bool) -> None:
    recorded = [
        each.body
        for each in load(pytestconfig.stash[RECORDINGS])
        if exclusion(each) is None and each.streamed and each.response.status == 200
        if dialect_name(each) == "anthropic"
    ]
    assert recorded
    for number, whole in enumerate([*_STREAMS, *recorded]):
        dice, body = random.Random(f"usual {number}"), Body(whole)
        for data in (whole, *(structural(body, dice) for _ in range(60 if deep else 6))):
            at = dice.randrange(len(data) + 1)
            check(monkeypatch, keep_wire, data[:at], data[at:])


_BLOCKS = (
    {"type": "text", "text": ""},
    {"type": "thinking", "thinking": ""},
    _TOOL,
)


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda block: block["type"])
def test_each_value_of_an_event_behind_one_of_its_kind(monkeypatch: pytest.MonkeyPatch, block: dict[str, Any]) -> None:
    grown = _grown(block["type"])
    delta = {"text": None, "thinking": None, "partial_json": None, "citation": None, **grown["delta"]}
    value = {**grown, "message": None, "delta": delta}
    body = Body(_stream(_begun(1, **block), grown, value, grown))
    for at, path in body.places:
        for odd in (*ODD, *LITERALS) if at == 4 else ():
            check(monkeypatch, True, body.spoiled(at, path, odd))


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda block: block["type"])
def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch, block: dict[str, Any]) -> None:
    body = _stream(_begun(1, **block), *[_grown(block["type"])] * 4)
    assert taken(monkeypatch, decode_stream.StreamReader, lambda: read(True, body)) == 3


@pytest.mark.parametrize(("pieces", "arguments"), [(0, '{"a":1}'), (1, "12"), (4, "12121212")])
def test_the_input_at_the_start_of_a_call_counts_only_without_a_streamed_one(pieces: int, arguments: str) -> None:
    begun = _begun(0, **{**_TOOL, "input": {"a": 1}})
    found = fold(read(False, _stream(begun, *[_grown("tool_use", 0)] * pieces)))
    assert [call.arguments for call in found.tool_calls] == [arguments]
