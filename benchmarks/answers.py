"""The answers of the stub, as bytes, and how a request asks for one of them. Uses the standard library alone.

A request asks by a line in its first message, which every client and gateway hands on as it is, while they rename and
drop parameters. Without that line a whole answer is one sentence, and a stream has `CHUNKS`
chunks, one in each turn of the stub's loop.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NamedTuple

CHUNKS = 200
"""Chunks of a stream, unless the request asks for another number."""
MODEL = "gpt-4o-mini"
PROMPT = "Why is the sky blue?"
ANSWER = "The sky is blue because of Rayleigh scattering."

_LINE = re.compile(rb"\[answer ([a-z]+) ([0-9]+) every ([0-9]+) ms\]")
_USAGE = {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21}
_HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": MODEL}


class Wanted(NamedTuple):
    """Which answer a request asks for."""

    kind: str = "words"
    """`words` or `tools`: text, or a tool call with its arguments in pieces."""
    size: int = CHUNKS
    """Chunks of a stream, or characters of a whole answer."""
    pause_ms: int = 0
    """Milliseconds between two chunks; 0: all are written at once."""

    @property
    def line(self) -> str:
        """The line that asks for it."""
        return f"[answer {self.kind} {self.size} every {self.pause_ms} ms]"


def wanted_by(body: bytes | bytearray) -> Wanted | None:
    """Return what a request asks for, if it does."""
    found = _LINE.search(body)
    return Wanted(found[1].decode(), int(found[2]), int(found[3])) if found else None


def text_of(characters: int) -> str:
    """Return the text of a whole answer."""
    return ("The sky is blue. " * (characters // 17 + 1))[:characters]


@cache
def whole(characters: int | None) -> bytes:
    """Return a whole answer of so many characters, or of the one sentence, as an HTTP response."""
    text = ANSWER if characters is None else text_of(characters)
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return _response({**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE})


@cache
def whole_of_responses(characters: int) -> bytes:
    """Return the same as the Responses API answers: LiteLLM's proxy translates Anthropic's format into that one."""
    content = {"type": "output_text", "text": text_of(characters), "annotations": []}
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [content]}
    usage = {"input_tokens": 12, "output_tokens": 9, "total_tokens": 21}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    head = {"id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": MODEL, "status": "completed"}
    settings: dict[str, Any] = {
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "tools": [],
    }
    choices = {"parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "top_p": 1.0}
    return _response({**head, **settings, **choices, "output": [message], "usage": {**usage, **details}})


def _response(value: dict[str, Any]) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@cache
def pieces(kind: str, count: int) -> tuple[bytes, ...]:
    """Return the chunks of a streamed answer, framed: `count` with content, and those before and after."""
    deltas = tool_deltas(count) if kind == "tools" else word_deltas(count)
    events = [_event(delta) for delta in deltas]
    events.append(_event({}, "tool_calls" if kind == "tools" else "stop"))
    events.append(b"data: " + json.dumps({**_HEAD, "choices": [], "usage": _USAGE}).encode() + b"\n\n")
    return (*map(_framed, [*events, b"data: [DONE]\n\n"]), b"0\r\n\r\n")


def word_deltas(count: int) -> list[dict[str, Any]]:
    """Return the deltas of a text that comes in `count` pieces."""
    return [{"role": "assistant", "content": ""}, *({"content": f" word{number}"} for number in range(count))]


def tool_deltas(count: int) -> list[dict[str, Any]]:
    """Return the deltas of one call, whose arguments come in `count` pieces that are valid JSON together."""
    begun = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "read_file_1", "arguments": ""}}
    parts = ['{"path": "', *(f"word{number} " for number in range(count - 2)), '"}']
    rest = ({"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts)
    return [{"role": "assistant", "content": None, "tool_calls": [begun]}, *rest]


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


def _framed(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
