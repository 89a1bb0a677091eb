"""The short ways of calm requests and usual bodies, switched off: everything is read and decided in the general way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from understudy.dialects.anthropic.decode_stream import StreamReader as AnthropicStream
from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.openai import decode_stream, encode, encode_messages, parse, parse_messages
from understudy.dialects.openai.decode_stream import StreamReader as OpenAIStream
from understudy.dialects.responses.decode_stream import StreamReader as ResponsesStream
from understudy.domain import usage
from understudy.engine import attempt
from understudy.gateway import handling, streaming
from understudy.gateway.serving import heads, protocol
from understudy.gateway.serving.exchange import SocketExchange
from understudy.planning import route_state
from understudy.policy.first_attempt import FirstAttempt
from understudy.wire import growing, members
from understudy.wire.members import Members, scan

_found: Callable[[bytes], Members] = vars(members)["_found"]
_opened: Callable[..., None] = vars(OneAnswer)["__init__"]


def _rendering(answer: OneAnswer, *given: Any, passes_frames: bool = False) -> None:
    """Open an answer of which each frame is rendered."""
    _opened(answer, *given)


def _none(*_: Any, **__: Any) -> None:
    """Nothing is usual, and nothing is calm."""


def _scanned(data: bytes) -> Members:
    """Find the members by their places, one after the other."""
    return Members(data, _found(data).named, list(scan(data)))


@contextmanager
def general() -> Iterator[None]:
    """Let nothing take a short way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FirstAttempt, "start", _none)
        patch.setattr(route_state, "kept_order", _none)
        patch.setattr(attempt, "usual_response", _none)
        patch.setattr(usage, "_are_plain", _none)
        patch.setattr(encode, "encode_forwarded", _none)
        patch.setattr(encode_messages, "encode_usual", _none)
        patch.setattr(decode_stream, "plain_whole", _none)
        for reader in (OpenAIStream, AnthropicStream, ResponsesStream):
            patch.setattr(reader, "plain", _none)
        patch.setattr(parse, "_USUAL", frozenset())
        patch.setattr(parse_messages, "_PLAIN_ROLES", {})
        patch.setattr(handling, "LONG", sys.maxsize)
        patch.setattr(streaming, "PIECES", ())
        patch.setattr(growing, "_continued", _none)
        patch.setattr(members, "_found", _scanned)
        patch.setattr(members, "_LEAST_ROUTING", -sys.maxsize)
        patch.setattr(protocol, "known_head", _none)
        patch.setattr(SocketExchange, "take_whole", _none)
        patch.setattr(SocketExchange, "write_now", _none)
        patch.setattr(OneAnswer, "__init__", _rendering)
        patch.setattr(heads, "_names", set())
        patch.setattr(heads, "REMEMBERED", 0)
        yield
