"""Anthropic's own client against the server half: it reads what is written, and raises what it should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import pytest

from understudy.dialects.anthropic.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain import events as e
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.operation import Operation
from understudy.domain.responses import ModelInfo, TokenCount
from understudy.domain.usage import Usage
from understudy.wire.http import HttpReply, HttpRequest

ANSWER: tuple[e.Event, ...] = (
    e.Started(id="msg_1", model="claude-x"),
    e.ThinkingDelta(0, "hm"),
    e.ThinkingSigned(0, "sig"),
    e.TextDelta(1, "Let me "),
    e.TextDelta(1, "look."),
    e.ToolCallStarted(2, "toolu_1", "weather"),
    e.ToolCallDelta(2, '{"city": "Paris"}'),
    e.UsageReported(Usage(input=10, cache_read=4, output=7, reasoning=2)),
    e.Finished(FinishReason.TOOL_CALLS, "tool_use"),
)
MODELS = [ModelInfo(id=f"claude-{n}", context_window=1000) for n in range(7)]
ASK: dict[str, Any] = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "weather in Paris?"}]}


def answer(inbound: Inbound) -> HttpReply:
    match inbound.operation:
        case Operation.MODELS:
            return SERVER.render(MODELS, inbound)
        case Operation.COUNT_TOKENS:
            return SERVER.render(TokenCount(input_tokens=12), inbound)
        case _ if inbound.stream:
            renderer = SERVER.renderer(inbound)
            return HttpReply(200, renderer.headers, b"".join(map(renderer.feed, ANSWER)) + renderer.close())
        case _:
            return SERVER.render(fold(list(ANSWER)), inbound)


def client(reply: Callable[[Inbound], HttpReply] = answer) -> anthropic.Anthropic:
    def handle(request: httpx2.Request) -> httpx2.Response:
        headers = tuple(request.headers.items())
        ours = HttpRequest(request.method, str(request.url), headers, request.content)
        assert SERVER.credential(ours) == "the-key"
        try:
            written = reply(SERVER.parse(ours))
        except BadRequest as refused:
            written = SERVER.render_error(refused.failure)
        return httpx2.Response(written.status, headers=dict(written.headers), content=written.body)

    transport = httpx2.Client(transport=httpx2.MockTransport(handle))
    return anthropic.Anthropic(api_key="the-key", base_url="http://host.invalid", max_retries=0, http_client=transport)


def check(message: anthropic.types.Message) -> None:
    thinking, text, call = message.content
    assert isinstance(thinking, anthropic.types.ThinkingBlock)
    assert (thinking.thinking, thinking.signature) == ("hm", "sig")
    assert isinstance(text, anthropic.types.TextBlock)
    assert text.text == "Let me look."
    assert isinstance(call, anthropic.types.ToolUseBlock)
    assert (call.id, call.name, call.input) == ("toolu_1", "weather", {"city": "Paris"})
    assert (message.id, message.model, message.stop_reason) == ("msg_1", "claude-x", "tool_use")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (10, 4)
    assert message.usage.output_tokens == 9


def test_a_whole_message() -> None:
    check(client().messages.create(**ASK))


def test_a_streamed_message() -> None:
    with client().messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == "Let me look."
        check(stream.get_final_message())


def test_raw_events() -> None:
    events = list(client().messages.create(**ASK, stream=True))
    assert events[0].type == "message_start"
    assert events[-1].type == "message_stop"
    assert [event.index for event in events if event.type == "content_block_start"] == [0, 1, 2]


def test_models_over_their_pages() -> None:
    assert [model.id for model in client().models.list(limit=3)] == [model.id for model in MODELS]
    assert client().models.retrieve("claude-3").max_input_tokens == 1000
    with pytest.raises(anthropic.NotFoundError):
        client().models.retrieve("nothing")


def test_a_count() -> None:
    assert client().messages.count_tokens(model="m", messages=ASK["messages"]).input_tokens == 12


def test_what_cannot_be_read_is_a_bad_request() -> None:
    unreadable: dict[str, Any] = {**ASK, "messages": [{"role": "tool", "content": "x"}]}
    with pytest.raises(anthropic.BadRequestError, match="Unexpected role"):
        client().messages.create(**unreadable)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (K.INVALID_REQUEST, anthropic.BadRequestError),
        (K.AUTHENTICATION, anthropic.AuthenticationError),
        (K.PERMISSION, anthropic.PermissionDeniedError),
        (K.NOT_FOUND, anthropic.NotFoundError),
        (K.CONFLICT, anthropic.ConflictError),
        (K.RATE_LIMITED, anthropic.RateLimitError),
        (K.SERVER_ERROR, anthropic.InternalServerError),
        (K.OVERLOADED, anthropic.InternalServerError),
    ],
)
def test_errors_are_of_the_right_class(kind: K, expected: type[anthropic.APIStatusError]) -> None:
    failing = client(lambda _: SERVER.render_error(Failure(kind=kind, message="went wrong", request_id="req_1")))
    with pytest.raises(expected) as raised:
        failing.messages.create(**ASK)
    assert raised.value.api_message == "went wrong"
    assert raised.value.request_id == "req_1"


def test_an_error_in_the_middle_of_a_stream_is_raised() -> None:
    def broken(inbound: Inbound) -> HttpReply:
        renderer = SERVER.renderer(inbound)
        data = b"".join(map(renderer.feed, ANSWER[:4]))
        return HttpReply(200, renderer.headers, data + renderer.fail(Failure(kind=K.OVERLOADED, message="busy")))

    with (
        client(broken).messages.stream(**ASK) as stream,
        pytest.raises(anthropic.APIStatusError, match="busy") as raised,
    ):
        stream.get_final_message()
    assert raised.value.type == "overloaded_error"
