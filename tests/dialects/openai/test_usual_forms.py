"""What most requests and answers look like is read in a short way; any other in the general way. Here both read the
same bytes, recorded ones and those with changes, so each judges the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.conftest import RECORDINGS
from tests.contract.recordings import Recording, load
from tests.contract.scope import exclusion
from tests.contract.targets import dialect_name
from tests.dialects.openai.talking import answer, chunk, completion, sse, stream, whole
from tests.dialects.short_ways import taken
from tests.fuzz.spoiling import LITERALS, ODD, Body, paths, replaced, structural
from understudy.dialects.openai import decode_stream, parse, parse_messages
from understudy.dialects.openai.parse import parse_chat
from understudy.dialects.openai.parse_messages import read_messages
from understudy.dialects.server import BadRequest
from understudy.domain.errors import Misuse
from understudy.domain.requests import WireOrigin

_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
_DELTA = {"content": "Hello"}
_WHOLES = (
    completion({"content": "Hello"}, usage=_USAGE),
    completion({"content": "Hello", "refusal": None, "annotations": []}, "length", usage=None, service_tier="default"),
    completion({"content": ""}, "stop", usage={**_USAGE, "total_tokens": 14}, system_fingerprint="fp"),
    completion({"content": None, "tool_calls": []}, "stop", id="", model="", created=0),
)


def _begun(index: int) -> dict[str, Any]:
    call = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": "f", "arguments": ""}}
    return chunk({"role": "assistant", "content": None, "tool_calls": [call]})


def _more(index: Any = 0, text: str = "12", **more: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": index, "function": {"arguments": text}, **more}]})


_BOTH = chunk({"tool_calls": [{"index": index, "function": {"arguments": "3"}} for index in (0, 1)]})
_THOUGHT = chunk({"reasoning_content": "Hm", "content": None})
_STREAMS = (
    sse(chunk({"role": "assistant", "content": ""}), *[chunk(_DELTA)] * 4, chunk(finish="stop")),
    sse(*[chunk(_DELTA, service_tier="default")] * 3, chunk(_DELTA, service_tier="flex"), chunk(_DELTA, finish="stop")),
    sse(*[chunk(_DELTA) | {"usage": _USAGE}] * 3, chunk(_DELTA), chunk(_DELTA), chunk(finish="stop"), chunk(_DELTA)),
    sse(
        chunk(_DELTA), chunk(_DELTA), chunk({"reasoning": "Hm"}), *[chunk(_DELTA)] * 3, chunk(finish="stop"), done=False
    ),
    sse(chunk(_DELTA), chunk(_DELTA), chunk(_DELTA, index=1), *[chunk(_DELTA)] * 3, chunk(finish="length")),
    sse(*[chunk(_DELTA)] * 3, {"error": {"message": "broken"}}),
    sse(*[chunk(_DELTA)] * 3, chunk({"content": "x" * 600}), *[chunk(_DELTA)] * 3),
    sse(_begun(0), *[_more()] * 4, chunk(finish="tool_calls")),
    sse(_begun(0), _more(), _begun(1), *[_more(1), _more(0), _more(0), _more(1)] * 2, chunk(finish="tool_calls")),
    sse(_begun(0), *[_more()] * 2, _more(1), _more(1, id="call_1"), _more(2), _more(), chunk(finish="tool_calls")),
    sse(_begun(0), *[_more()] * 2, _more(None), _more(0.0), _more(-1), _more(id="other"), *[_more()] * 2, _begun(0)),
    sse(_begun(0), *[_more()] * 2, _more(1), *[_more()] * 2, chunk(_DELTA), _more(), _more(), done=False),
    sse(_begun(0), _begun(1), _more(), _more(), _more(1), _more(1), _more(None), chunk(finish="tool_calls")),
    sse(_begun(0), *[_more()] * 2, _more() | {"usage": _USAGE}, *[_more()] * 2, chunk(finish="stop"), _more(), _more()),
    *(
        sse(_begun(0), _begun(1), *[_more()] * 3, odd, *[_more(1)] * 2, _more(2), chunk(finish="tool_calls"))
        for odd in (
            _more(id="call_1"),
            _more(type="custom"),
            _more(1),
            _more(2),
            _more(),
            _begun(0),
            chunk(_DELTA),
            _BOTH,
        )
    ),
    sse(_begun(0), _begun(1), _more(), _more(), _more(1), _more(2), chunk(finish="tool_calls")),
    sse(*[_THOUGHT] * 4, chunk(_DELTA), chunk(_DELTA), _THOUGHT, chunk({"reasoning": "So"}), _begun(0), _more()),
    sse(_THOUGHT, _THOUGHT, chunk({"reasoning": "A", "reasoning_content": "B"}), chunk({"reasoning": ""}), _THOUGHT),
)


def _unread(*_: Any) -> None:
    """No form is usual."""


def check(monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any]) -> None:
    short = read()
    with monkeypatch.context() as patch:
        patch.setattr(decode_stream, "plain_whole", _unread)
        patch.setattr(decode_stream.StreamReader, "plain", _unread)
        patch.setattr(parse, "_USUAL", frozenset())
        patch.setattr(parse_messages, "_PLAIN_ROLES", {})
        general = read()
    assert short == general


def is_in_scope(recording: Recording) -> bool:
    is_chat = recording.operation.startswith("chat") and exclusion(recording) is None
    return is_chat and dialect_name(recording) == "openai"


def _recorded(config: pytest.Config, *, streamed: bool) -> list[bytes]:
    return [
        each.body
        for each in load(config.stash[RECORDINGS])
        if is_in_scope(each) and each.streamed is streamed and each.response.status == 200
    ]


def _changed(bodies: list[bytes], times: int) -> Iterator[bytes]:
    """Yield bodies as they are, and with odd values and events lost, repeated or out of order."""
    for number, data in enumerate(bodies):
        yield data
        body, dice = Body(data), random.Random(f"usual {number}")
        for _ in range(times):
            yield structural(body, dice)


def test_whole_answers(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config, deep: bool) -> None:
    for data in _changed([*_WHOLES, *_recorded(pytestconfig, streamed=False)], 200 if deep else 20):
        check(monkeypatch, partial(whole, data))


def test_each_value_of_a_whole_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for body in map(Body, _WHOLES):
        for at, path in body.places:
            for odd in (*ODD, *LITERALS):
                check(monkeypatch, partial(whole, body.spoiled(at, path, odd)))


@pytest.mark.parametrize("keep_wire", [False, True])
def test_streams(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config, keep_wire: bool, deep: bool) -> None:
    dice = random.Random(f"split {keep_wire}")
    for data in _changed([*_STREAMS, *_recorded(pytestconfig, streamed=True)], 60 if deep else 6):
        at = dice.randrange(len(data) + 1)
        check(monkeypatch, partial(stream, data[:at], data[at:], keep_wire=keep_wire))


@pytest.mark.parametrize(
    ("begun", "delta"),
    [
        (_DELTA, {**_DELTA, "role": "assistant", "refusal": None}),
        (_DELTA, {"content": None, "reasoning": "Hm", "reasoning_content": "Hm", "refusal": None}),
        (
            _begun(0)["choices"][0]["delta"],
            {
                "content": None,
                "reasoning": None,
                "tool_calls": [
                    {
                        "index": 0,
                        "id": None,
                        "type": "function",
                        "custom": None,
                        "function": {"name": None, "arguments": "1"},
                    }
                ],
            },
        ),
    ],
    ids=["text", "thinking", "arguments"],
)
def test_each_value_of_a_chunk_behind_one_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, begun: dict[str, Any], delta: dict[str, Any]
) -> None:
    value = chunk(delta, service_tier="default", usage=None)
    body = Body(sse(chunk(begun), *[value] * 4, chunk(finish="stop")))
    for at, path in body.places:
        for odd in (*ODD, *LITERALS) if at == 3 else ():
            check(monkeypatch, partial(stream, body.spoiled(at, path, odd), keep_wire=True))


def _parsed(value: Any) -> Any:
    origin = WireOrigin("openai", b"")
    try:
        return parse_chat(value, origin)
    except (BadRequest, Misuse) as error:
        return error.failure


_REQUEST = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": ""},
        {"role": "developer", "content": "x", "name": "n"},
        {"role": "tool", "content": "x", "tool_call_id": "c"},
    ],
    "temperature": 1,
    "max_tokens": 5,
    "max_completion_tokens": 6,
    "user": "u",
    "stream": True,
    "seed": None,
    "tools": [{"type": "function", "function": {"name": "f"}}],
}


def test_requests(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    recorded = [
        each.request.body
        for each in load(pytestconfig.stash[RECORDINGS])
        if is_in_scope(each) and each.request is not None and isinstance(each.request.body, dict)
    ]
    assert recorded
    for value in recorded:
        check(monkeypatch, partial(_parsed, value))


def test_each_value_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = {name: value for name, value in _REQUEST.items() if name != "tools"}
    for request in (_REQUEST, usual, {**usual, "stop": "x"}, {**usual, "temperature": "x", "user": 1}):
        for path in paths(request):
            for odd in ODD:
                value = replaced(request, path, odd)
                if isinstance(value, dict):
                    check(monkeypatch, partial(_parsed, value))


def test_what_is_wrong_with_a_message_names_its_place() -> None:
    with pytest.raises(Misuse, match=r"messages\[7\]"):
        read_messages([{"role": "user", "content": "a"}, {"role": "user", "content": 1}], first=6)


@pytest.mark.parametrize(
    ("body", "times"),
    [
        (_STREAMS[0], 3),
        (sse(_begun(0), *[_more()] * 4, chunk(finish="tool_calls")), 3),
        (sse(_begun(0), _begun(1), *[_more(0), _more(1)] * 3, chunk(finish="tool_calls")), 5),
        (sse(*[_THOUGHT] * 4, chunk(_DELTA), chunk(_DELTA)), 3),
    ],
    ids=["text", "arguments", "parallel arguments", "thinking"],
)
def test_the_short_way_is_taken(monkeypatch: pytest.MonkeyPatch, body: bytes, times: int) -> None:
    assert taken(monkeypatch, decode_stream.StreamReader, lambda: stream(body, keep_wire=True)) == times


def test_arguments_read_in_short_are_those_of_their_calls() -> None:
    pieces = [_more(0, "1"), _more(0, "2"), _more(1, "3"), _more(1, "4"), _more(0, "5")]
    found = answer([*stream(sse(_begun(0), _begun(1), *pieces, chunk(finish="tool_calls")))])
    assert [(call.id, call.arguments) for call in found.tool_calls] == [("call_0", "125"), ("call_1", "34")]
