"""The official clients of OpenAI and Groq understand what the server half writes, errors by their class included."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import groq
import httpx
import openai
import pytest

from understudy.dialects.openai.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain import events as e
from understudy.domain.content import Audio, Citation, Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message, Role
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.domain.usage import Usage
from understudy.wire.http import HttpReply, HttpRequest

Serve = Callable[[Inbound], HttpReply | list[bytes]]
SAID: Any = [{"role": "user", "content": "hello"}]
USAGE = Usage(input=5, cache_read=3, output=4, reasoning=2)


def transport(serve: Serve) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        headers = tuple((name, value) for name, value in request.headers.items())
        asked = HttpRequest(request.method, str(request.url), headers, request.content)
        assert SERVER.credential(asked) == "sk-test"
        assert SERVER.operation(request.method, request.url.path) is not None
        try:
            answer = serve(SERVER.parse(asked))
        except BadRequest as error:
            answer = SERVER.render_error(error.failure)
        if isinstance(answer, HttpReply):
            return httpx.Response(answer.status, headers=answer.headers, content=answer.body)
        return httpx.Response(200, headers=SERVER.renderer(SERVER.parse(asked)).headers, content=b"".join(answer))

    return httpx.MockTransport(handle)


def openai_client(serve: Serve) -> openai.OpenAI:
    http = httpx.Client(transport=transport(serve))
    return openai.OpenAI(api_key="sk-test", base_url="http://gateway.invalid/v1", http_client=http, max_retries=0)


def groq_client(serve: Serve) -> groq.Groq:
    http = httpx.Client(transport=transport(serve))
    return groq.Groq(api_key="sk-test", base_url="http://gateway.invalid", http_client=http, max_retries=0)


CLIENTS: list[Callable[[Serve], Any]] = [openai_client, groq_client]
EVENTS: list[e.Event] = [
    e.Started(id="chatcmpl-1", model="m-1", created=7),
    e.FactReported("service_tier", "flex"),
    e.ThinkingDelta(0, "hm"),
    e.TextDelta(1, "Hel"),
    e.TextDelta(1, 'lo "you"\n'),
    e.ToolCallStarted(2, "call_1", "f"),
    e.ToolCallStarted(3, "call_2", "g"),
    e.ToolCallDelta(2, '{"a":'),
    e.ToolCallDelta(3, "{}"),
    e.ToolCallDelta(2, "1}"),
    e.CitationAdded(1, Citation(url="http://a.invalid", title="A", start=0, end=3)),
    e.UsageReported(USAGE),
    e.Finished(FinishReason.TOOL_CALLS, "tool_use"),
]


def whole(_: Inbound) -> HttpReply:
    return SERVER.render(fold(EVENTS), _)


def streamed(inbound: Inbound) -> list[bytes]:
    renderer = SERVER.renderer(inbound)
    return [*(renderer.feed(event) for event in EVENTS), renderer.close()]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_whole_answer(client: Callable[[Serve], Any]) -> None:
    answer = client(whole).chat.completions.create(model="m", messages=SAID)
    (choice,) = answer.choices
    assert (answer.id, answer.model, answer.created, answer.service_tier) == ("chatcmpl-1", "m-1", 7, "flex")
    assert (choice.message.content, choice.finish_reason) == ('Hello "you"\n', "tool_calls")
    assert choice.message.reasoning == "hm"
    assert [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls] == [
        ("call_1", "f", '{"a":1}'),
        ("call_2", "g", "{}"),
    ]
    (annotation,) = choice.message.annotations
    assert annotation.to_dict()["url_citation"]["url"] == "http://a.invalid"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (8, 6, 14)
    assert answer.usage.prompt_tokens_details.cached_tokens == 3
    assert answer.usage.completion_tokens_details.reasoning_tokens == 2


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stream_is_what_the_whole_answer_is(client: Callable[[Serve], Any]) -> None:
    chunks = list(client(streamed).chat.completions.create(model="m", messages=SAID, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.id == "chatcmpl-1" and chunk.model == "m-1" and chunk.choices for chunk in chunks)
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == 'Hello "you"\n'
    assert "".join(getattr(delta, "reasoning", None) or "" for delta in deltas) == "hm"
    arguments: dict[int, str] = {}
    for delta in deltas:
        for call in delta.tool_calls or ():
            arguments[call.index] = arguments.get(call.index, "") + call.function.arguments
    assert arguments == {0: '{"a":1}', 1: "{}"}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["tool_calls"]


def test_usage_is_streamed_only_when_it_is_asked_for() -> None:
    ask = openai_client(streamed).chat.completions.create
    with_usage = list(ask(model="m", messages=SAID, stream=True, stream_options={"include_usage": True}))
    assert [chunk.usage and chunk.usage.total_tokens for chunk in with_usage if not chunk.choices] == [14]
    assert all(chunk.usage is None for chunk in with_usage if chunk.choices)
    assert not any(chunk.usage for chunk in ask(model="m", messages=SAID, stream=True))


def test_the_clients_own_accumulator_understands_the_stream() -> None:
    tools: Any = [{"type": "function", "function": {"name": n, "parameters": {}}} for n in "fg"]
    with openai_client(streamed).chat.completions.stream(model="m", messages=SAID, tools=tools) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.arguments for call in calls] == ['{"a":1}', "{}"]


def test_unknown_usage_is_not_written_as_zero() -> None:
    def plain(inbound: Inbound) -> HttpReply:
        return SERVER.render(GenerationResponse(message=Message(Role.ASSISTANT, "x")), inbound)

    answer = openai_client(plain).chat.completions.create(model="m", messages=SAID)
    assert (answer.usage, answer.choices[0].message.content, answer.choices[0].finish_reason) == (None, "x", "stop")


def test_the_deprecated_form_is_answered_in_the_deprecated_form() -> None:
    functions: Any = [{"name": "f", "parameters": {}}]
    message = openai_client(whole).chat.completions.create(model="m", messages=SAID, functions=functions).choices[0]
    assert message.finish_reason == "function_call"
    assert message.message.function_call is not None
    assert (message.message.function_call.arguments, message.message.tool_calls) == ('{"a":1}', None)
    ask = openai_client(streamed).chat.completions.create
    deltas = [c.choices[0].delta for c in ask(model="m", messages=SAID, functions=functions, stream=True)]
    assert "".join(d.function_call.arguments or "" for d in deltas if d.function_call) == '{"a":1}'
    assert not any(d.tool_calls for d in deltas)


def test_rarer_parts() -> None:
    custom = ToolCall(id="c", name="calc", arguments="4 + 4", extra={"openai": {"type": "custom"}})
    audio = Audio(file_id="a", data="AAAA", transcript="Hi", extra={"openai": {"expires_at": 9}})
    told: list[e.Event] = [
        e.Started(id="1", model="m"),
        e.PartAdded(0, Text("t")),
        e.ToolCallStarted(1, "c", "calc"),
        e.PartExtra(1, "openai", {"type": "custom"}),
        e.ToolCallDelta(1, "4 + 4"),
        e.PartAdded(2, audio),
        e.RefusalDelta(3, "no"),
        e.FactReported("logprobs", {"content": [{"token": "t", "logprob": -1.0, "bytes": None, "top_logprobs": []}]}),
        e.Finished(FinishReason.STOP),
    ]

    def render(inbound: Inbound) -> HttpReply | list[bytes]:
        if not inbound.stream:
            return SERVER.render(fold(told), inbound)
        renderer = SERVER.renderer(inbound)
        return [*(renderer.feed(event) for event in told), renderer.close()]

    ask: Any = openai_client(render).chat.completions.create
    choice = ask(model="m", messages=SAID).choices[0]
    assert choice.message.tool_calls[0].custom.input == custom.arguments
    assert (choice.message.audio.transcript, choice.message.audio.expires_at) == ("Hi", 9)
    assert (choice.message.refusal, choice.logprobs.content[0].token) == ("no", "t")
    chunks = [chunk.choices[0] for chunk in ask(model="m", messages=SAID, stream=True)]
    calls = [call for chunk in chunks for call in chunk.delta.tool_calls or ()]
    assert (calls[0].type, calls[0].custom["name"], calls[1].custom["input"]) == ("custom", "calc", "4 + 4")
    assert "".join(chunk.delta.refusal or "" for chunk in chunks) == "no"
    assert [chunk.logprobs.content[0].token for chunk in chunks if chunk.logprobs] == ["t"]


@pytest.mark.parametrize("asked_format", [None, "float", "base64"])
def test_vectors_in_the_form_that_was_asked_for(asked_format: Any) -> None:
    seen: list[object] = []

    def embed(inbound: Inbound) -> HttpReply:
        seen.append(inbound.options["encoding_format"])
        vectors = ((0.5, -1.25), (2.0, 3.0))
        return SERVER.render(EmbeddingResponse(embeddings=vectors, model="e", usage=Usage(input=4)), inbound)

    extra = {} if asked_format is None else {"encoding_format": asked_format}
    answer = openai_client(embed).embeddings.create(model="e", input=["a", "b"], **extra)
    vectors = [item.embedding for item in answer.data]
    if asked_format == "base64":
        assert all(isinstance(vector, str) for vector in vectors)
    else:
        assert vectors == [[0.5, -1.25], [2.0, 3.0]]
    # The client asks for base64 by itself when nobody says otherwise.
    assert seen == [asked_format or "base64"]
    assert (answer.model, answer.usage.prompt_tokens, [item.index for item in answer.data]) == ("e", 4, [0, 1])


@pytest.mark.parametrize("client", CLIENTS)
def test_models(client: Callable[[Serve], Any]) -> None:
    known = [ModelInfo(id="a/b", created=3.0, owned_by="me", context_window=9), ModelInfo(id="c", provider="groq")]
    models = client(lambda inbound: SERVER.render(known, inbound)).models
    assert [(m.id, m.created, m.owned_by, m.object) for m in models.list().data] == [
        ("a/b", 3, "me", "model"),
        ("c", 0, "groq", "model"),
    ]
    assert models.retrieve("a/b").context_window == 9
    with pytest.raises((openai.NotFoundError, groq.NotFoundError)) as caught:
        models.retrieve("d")
    error: Any = caught.value
    assert error.response.json()["error"]["code"] == "model_not_found"


CLASSES = {
    FailureKind.INVALID_REQUEST: "BadRequestError",
    FailureKind.CONTEXT_LENGTH: "BadRequestError",
    FailureKind.CONTENT_FILTER: "BadRequestError",
    FailureKind.AUTHENTICATION: "AuthenticationError",
    FailureKind.PERMISSION: "PermissionDeniedError",
    FailureKind.NOT_FOUND: "NotFoundError",
    FailureKind.CONFLICT: "ConflictError",
    FailureKind.SCHEMA_MISMATCH: "UnprocessableEntityError",
    FailureKind.RATE_LIMITED: "RateLimitError",
    FailureKind.BILLING: "RateLimitError",
    FailureKind.OVERLOADED: "InternalServerError",
    FailureKind.SERVER_ERROR: "InternalServerError",
    FailureKind.TIMEOUT_FIRST_EVENT: "InternalServerError",
    FailureKind.DNS: "InternalServerError",
}


@pytest.mark.parametrize(("library", "client"), [(openai, openai_client), (groq, groq_client)])
@pytest.mark.parametrize("kind", FailureKind)
def test_errors_raise_the_clients_own_class(library: Any, client: Callable[[Serve], Any], kind: FailureKind) -> None:
    failure = Failure(kind=kind, message="It broke.", param="p", retry_after=1.2, request_id="req_9")
    with pytest.raises(getattr(library, CLASSES.get(kind, "APIStatusError"))) as caught:
        client(lambda _: SERVER.render_error(failure)).chat.completions.create(model="m", messages=SAID)
    error = caught.value
    body = error.body if library is openai else error.body["error"]
    assert (body["message"], body["param"]) == ("It broke.", "p")
    assert error.response.headers["x-request-id"] == "req_9"
    assert (error.response.headers["retry-after"], error.response.headers["retry-after-ms"]) == ("2", "1200")


def test_an_errors_own_words_prevail() -> None:
    failure = Failure(
        kind=FailureKind.RESAMPLE,
        message="x",
        status=400,
        type="invalid_request_error",
        code="tool_use_failed",
        body={"failed_generation": "<f>"},
        should_retry=False,
    )
    reply = SERVER.render_error(failure)
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["failed_generation"]) == (400, "tool_use_failed", "<f>")
    assert dict(reply.headers)["x-should-retry"] == "false"


@pytest.mark.parametrize(("library", "client"), [(openai, openai_client), (groq, groq_client)])
def test_an_error_in_the_middle_of_a_stream_is_raised_and_nothing_follows(
    library: Any, client: Callable[[Serve], Any]
) -> None:
    def breaks(inbound: Inbound) -> list[bytes]:
        renderer = SERVER.renderer(inbound)
        begun = [renderer.feed(event) for event in EVENTS[:4]]
        return [*begun, renderer.fail(Failure(kind=FailureKind.OVERLOADED, message="It broke."))]

    stream = client(breaks).chat.completions.create(model="m", messages=SAID, stream=True)
    with pytest.raises(library.APIError, match=r"It broke\."):
        list(stream)
    inbound = Inbound(operation=Operation.CHAT, request=SERVER.parse(_chat()).request, stream=True)
    assert b"[DONE]" not in b"".join(breaks(inbound))


def test_a_bad_request_is_a_bad_request() -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client(whole).chat.completions.create(model="m", messages=[{"role": "robot", "content": "x"}])  # type: ignore[list-item,misc]
    assert caught.value.param == "messages[0].role"


def _chat() -> HttpRequest:
    return HttpRequest("POST", "/v1/chat/completions", (), json.dumps({"model": "m", "messages": SAID}).encode())


def frames(*events: e.Event, include_usage: bool = False) -> bytes:
    body = {"model": "m", "messages": SAID, "stream": True, "stream_options": {"include_usage": include_usage}}
    raw = json.dumps(body).encode()
    renderer = SERVER.renderer(SERVER.parse(HttpRequest("POST", "/v1/chat/completions", (), raw)))
    return b"".join(renderer.feed(event) for event in events) + renderer.close()


def test_frames_of_this_dialect_are_forwarded_but_for_usage_that_nobody_asked_for() -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\n'
    with_choice = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}\n\n'
    told: list[e.Event] = [
        e.Started(id="1", wire=b"data: {1}\n\n"),
        e.TextDelta(0, "a", wire=b""),
        e.Frame(b": ping\n\n"),
        e.UsageReported(Usage(input=1), wire=with_choice),
        e.UsageReported(Usage(input=1), wire=usage),
        e.Finished(FinishReason.STOP, wire=b"data: [DONE]\n\n"),
    ]
    head = b"data: {1}\n\n: ping\n\n" + with_choice
    assert frames(*told) == head + b"data: [DONE]\n\n"
    assert frames(*told, include_usage=True) == head + usage + b"data: [DONE]\n\n"


def test_thinking_without_words_is_not_written() -> None:
    assert Thinking("", redacted="x").text == ""
    out = frames(e.Started(id="1"), e.ThinkingDelta(0, ""), e.ThinkingSigned(0, "sig"), e.Finished(FinishReason.STOP))
    assert out.count(b"data: ") == 3  # the role, the reason, the end mark
