"""What a fake provider answers, as a test writes it down, and the response and events that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from understudy.domain import events as e
from understudy.domain.content import AnyPart, Text, Thinking, ToolCall
from understudy.domain.failures import FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import unfold
from understudy.domain.messages import Message
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.usage import Usage
from understudy.emulator.faults import Fault
from understudy.emulator.tokens import count, words
from understudy.wire.json import encode


class _ReplyOptions(msgspec.Struct, frozen=True, kw_only=True):
    tool_calls: tuple[ToolCall, ...] = ()
    """Calls after the text; see `tool_call`."""
    thinking: str = ""
    """Reasoning before the text."""
    usage: Usage | None = None
    """If unset, words are counted."""
    finish_reason: FinishReason | None = None
    """If unset, `tool_calls` or `stop`."""
    model: str | None = None
    """The model that answers; if unset, the requested one."""
    delay: float = 0.0
    """Seconds before the answer."""
    pace: float = 0.0
    """Seconds before each further piece of a stream."""
    fault: Fault | None = None
    """What goes wrong with it, such as `Fault.cut(after=3)`."""


class Reply(_ReplyOptions, frozen=True):
    """An answer of a `FakeProvider` that is more than a string."""

    content: Any = ""
    """A string; a list of strings, which are the pieces of a stream; or any other value, whose JSON is the text."""


Answer = (
    str
    | Sequence[str]
    | ToolCall
    | Sequence[ToolCall]
    | Message
    | GenerationResponse
    | Reply
    | Fault
    | FailureKind
    | Exception
    | Callable[[GenerationRequest], Any]
    | Any
)
"""What a test may write as an answer: a string; a list of strings, which are the pieces of a stream; a `ToolCall` or a
list of them; a `Message`; a `GenerationResponse`; a `Reply`, for delays, usage, thinking and faults; a `Fault`, a
`FailureKind` or an exception, to fail; a function of the request, asynchronous or not, that returns one of these.

Any other value (a dataclass, a pydantic model, a dictionary) stands for its JSON, for calls with a `schema`."""

EmbeddingAnswer = (
    Sequence[Sequence[float]]
    | EmbeddingResponse
    | Fault
    | FailureKind
    | Exception
    | Callable[[EmbeddingRequest], Sequence[Sequence[float]]]
)
"""What a test may write as an answer to `embed`: one vector for each text, or what fails."""

DEFAULT = Reply("This is a scripted answer of a fake provider.")
"""The answer that a fault spoils if it stands alone in a script."""


def tool_call(name: str, call_id: str = "", /, **arguments: Any) -> ToolCall:
    """Return a tool call as a model writes it: `tool_call("weather", city="Lisbon")`."""
    return ToolCall(id=call_id or f"call_{name}", name=name, arguments=encode(arguments).decode())


def reply_of(answer: Any) -> Reply | GenerationResponse | Exception:
    """Return what an answer stands for; functions have been called before."""
    match answer:
        case Reply() | GenerationResponse() | Exception():
            return answer
        case Fault():
            return msgspec.structs.replace(DEFAULT, fault=answer)
        case FailureKind():  # is a string, too
            return msgspec.structs.replace(DEFAULT, fault=Fault.error(answer))
        case ToolCall():
            return Reply(tool_calls=(answer,))
        case list() | tuple() if answer and all(isinstance(each, ToolCall) for each in answer):
            return Reply(tool_calls=tuple(answer))
        case Message():
            return GenerationResponse(message=answer)
        case _:
            return Reply(answer)


def response_of(reply: Reply | GenerationResponse, request: GenerationRequest, name: str) -> GenerationResponse:
    """Return the whole answer, with what a script leaves out: how it ended, the model, the counts."""
    if isinstance(reply, Reply):
        text, message = _text_of(reply.content), _message_of(reply)
        given = GenerationResponse(message=message, finish_reason=reply.finish_reason or FinishReason.UNKNOWN)
        usage, model = reply.usage, reply.model
    else:
        given, text, model = reply, reply.text, reply.model
        usage = reply.usage if not reply.usage.is_unknown else None
    finish = given.finish_reason
    if finish is FinishReason.UNKNOWN:
        finish = FinishReason.TOOL_CALLS if given.tool_calls else FinishReason.STOP
    return msgspec.structs.replace(
        given,
        finish_reason=finish,
        usage=usage or Usage(input=sum(count(each.text) for each in request.messages), output=max(1, count(text))),
        model=model or request.model or name,
        provider=name,
    )


def _message_of(reply: Reply) -> Message:
    text = _text_of(reply.content)
    parts: list[AnyPart] = []
    if reply.thinking:
        parts.append(Thinking(reply.thinking))
    if text:
        parts.append(Text(text))
    return Message.assistant((*parts, *reply.tool_calls))


def _text_of(content: Any) -> str:
    match content:
        case str():
            return content
        case list() | tuple() if _are_pieces(content):
            return "".join(content)
        case _ if hasattr(content, "model_dump_json"):  # pydantic
            return str(content.model_dump_json())
        case _:
            return encode(content).decode()


def _are_pieces(content: Sequence[Any]) -> bool:
    return bool(content) and all(isinstance(each, str) for each in content)


def events_of(reply: Reply | GenerationResponse, response: GenerationResponse) -> Iterator[e.Event]:
    """Yield the events of a stream: the text in the scripted pieces, or word by word."""
    pieces: Sequence[str] = ()
    if isinstance(reply, Reply) and isinstance(reply.content, list | tuple) and _are_pieces(reply.content):
        pieces = reply.content
    for event in unfold(response):
        match event:
            case e.TextDelta(index, text) if text:
                yield from (e.TextDelta(index, piece) for piece in pieces or words(text))
            case e.ThinkingDelta(index, text) if text:
                yield from (e.ThinkingDelta(index, piece) for piece in words(text))
            case _:
                yield event


def shown(answer: Any) -> str:
    """Return an answer for a message about it."""
    text = repr(answer)
    return text if len(text) <= 80 else text[:79] + "…"


def names_of(answers: Sequence[Any]) -> str:
    """Return answers for a message about them, one line each."""
    return "".join(f"\n  {number}. {shown(answer)}" for number, answer in enumerate(answers, 1))
