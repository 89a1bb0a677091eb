"""Google's own client against the server half: it reads what is written, and raises what it should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from understudy.dialects.gemini.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain import events as e
from understudy.domain.content import Citation
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import OpaqueTool, Tool
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse, ModelInfo, TokenCount
from understudy.domain.usage import Usage
from understudy.wire.http import HttpReply, HttpRequest

SIGNATURE = "c2lnbmF0dXJl"
ANSWER: tuple[e.Event, ...] = (
    e.Started(id="answer-1", model="gemini-x"),
    e.ThinkingDelta(0, "hm"),
    e.TextDelta(1, "Let me "),
    e.TextDelta(1, "look."),
    e.CitationAdded(1, Citation(url="https://a.example")),
    e.ToolCallStarted(2, "call-1", "weather"),
    e.ToolCallDelta(2, '{"city": "Paris"}'),
    e.PartExtra(2, "gemini", {"thoughtSignature": SIGNATURE}),
    e.UsageReported(Usage(input=10, cache_read=4, output=5, reasoning=2)),
    e.Finished(FinishReason.TOOL_CALLS, "tool_use"),
)
MODELS = [ModelInfo(id=f"gemini-{n}", context_window=1000) for n in range(7)]


def reply_to(inbound: Inbound) -> HttpReply:
    match inbound.operation:
        case Operation.MODELS:
            return SERVER.render(MODELS, inbound)
        case Operation.COUNT_TOKENS:
            return SERVER.render(TokenCount(input_tokens=12), inbound)
        case Operation.EMBED:
            return SERVER.render(EmbeddingResponse(embeddings=((0.5, 0.25),)), inbound)
        case _ if inbound.stream:
            renderer = SERVER.renderer(inbound)
            return HttpReply(200, renderer.headers, b"".join(map(renderer.feed, ANSWER)) + renderer.close())
        case _:
            return SERVER.render(fold(list(ANSWER)), inbound)


def client(reply: Callable[[Inbound], HttpReply] = reply_to) -> genai.Client:
    def handle(request: httpx.Request) -> httpx.Response:
        ours = HttpRequest(request.method, str(request.url), tuple(request.headers.items()), request.content)
        assert SERVER.credential(ours) == "the-key"
        try:
            written = reply(SERVER.parse(ours))
        except BadRequest as refused:
            written = SERVER.render_error(refused.failure)
        return httpx.Response(written.status, headers=dict(written.headers), content=written.body)

    transport = httpx.Client(transport=httpx.MockTransport(handle))
    options = types.HttpOptions(base_url="http://host.invalid", httpx_client=transport)
    return genai.Client(api_key="the-key", http_options=options)


def ask(**config: Any) -> types.GenerateContentResponse:
    return client().models.generate_content(
        model="gemini-x", contents="weather in Paris?", config=types.GenerateContentConfig(**config)
    )


def check(answers: list[types.GenerateContentResponse]) -> None:
    candidates = [one.candidates[0] for one in answers if one.candidates]
    parts = [part for one in candidates if one.content for part in one.content.parts or ()]
    assert "".join(part.text or "" for part in parts if part.thought) == "hm"
    assert "".join(part.text or "" for part in parts if not part.thought) == "Let me look."
    (call,) = [part for part in parts if part.function_call]
    assert call.function_call is not None
    assert (call.function_call.id, call.function_call.name) == ("call-1", "weather")
    assert call.function_call.args == {"city": "Paris"}
    assert call.thought_signature == b"signature"
    last = answers[-1]
    assert candidates[-1].finish_reason is types.FinishReason.STOP
    assert (last.response_id, last.model_version) == ("answer-1", "gemini-x")
    usage = last.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (14, 4)
    assert (usage.candidates_token_count, usage.thoughts_token_count, usage.total_token_count) == (5, 2, 21)


def test_a_whole_answer() -> None:
    check([ask()])


def test_a_stream() -> None:
    check(list(client().models.generate_content_stream(model="gemini-x", contents="weather in Paris?")))


def test_what_the_client_writes_is_read() -> None:
    seen: list[Inbound] = []

    def keep(inbound: Inbound) -> HttpReply:
        seen.append(inbound)
        return reply_to(inbound)

    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    image = types.Part.from_bytes(data=b"\xff\xfe\xfd", mime_type="image/png")
    contents: list[Any] = ["look", image]  # what else may be in the list depends on whether Pillow is installed
    client(keep).models.generate_content(
        model="gemini-x",
        contents=contents,
        config=types.GenerateContentConfig(
            system_instruction="Be brief.",
            temperature=0.5,
            tools=[weather, types.Tool(google_search=types.GoogleSearch())],
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW, include_thoughts=True),
            response_mime_type="application/json",
            response_schema={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
            safety_settings=[
                types.SafetySetting(
                    category=types.HarmCategory.HARM_CATEGORY_HARASSMENT, threshold=types.HarmBlockThreshold.OFF
                )
            ],
        ),
    )
    request: Any = seen[0].request
    assert (request.model, request.temperature) == ("gemini-x", 0.5)
    assert [message.text for message in request.messages] == ["Be brief.", "look"]
    assert request.messages[1].parts[1].data == "//79"
    assert (request.reasoning.effort, request.reasoning.display) == ("low", "auto")
    assert request.output.json_schema == {"type": "object", "properties": {"a": {"type": "string"}}}
    (function,) = [tool for tool in request.tools if isinstance(tool, Tool)]
    (hosted,) = [tool for tool in request.tools if isinstance(tool, OpaqueTool)]
    assert (function.name, hosted.json) == ("weather", {"googleSearch": {}})
    assert function.parameters is not None
    assert function.parameters["properties"]["city"]["type"] == "string"
    assert request.extra["gemini"]["safetySettings"][0]["threshold"] == "OFF"


def test_the_other_operations() -> None:
    api = client().models
    assert api.count_tokens(model="gemini-x", contents="hi").total_tokens == 12
    found = api.embed_content(model="gemini-x", contents="hi").embeddings
    assert found is not None
    assert found[0].values == [0.5, 0.25]
    names = [model.name for model in api.list(config={"page_size": 3})]
    assert names == [f"models/{model.id}" for model in MODELS]
    one = api.get(model="gemini-3")
    assert (one.name, one.input_token_limit) == ("models/gemini-3", 1000)


@pytest.mark.parametrize(
    ("kind", "error", "code", "status"),
    [
        (K.INVALID_REQUEST, errors.ClientError, 400, "INVALID_ARGUMENT"),
        (K.AUTHENTICATION, errors.ClientError, 400, "INVALID_ARGUMENT"),
        (K.BILLING, errors.ClientError, 402, "RESOURCE_EXHAUSTED"),
        (K.NOT_FOUND, errors.ClientError, 404, "NOT_FOUND"),
        (K.RATE_LIMITED, errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
        (K.OVERLOADED, errors.ServerError, 503, "UNAVAILABLE"),
        (K.STALLED, errors.ServerError, 504, "DEADLINE_EXCEEDED"),
        (K.TRUNCATED, errors.ServerError, 500, "INTERNAL"),
    ],
)
def test_errors_raise_the_clients_own(kind: K, error: type[errors.APIError], code: int, status: str) -> None:
    failing = client(lambda _: SERVER.render_error(Failure(kind=kind, message="It went wrong.")))
    with pytest.raises(error, match="It went wrong") as caught:
        failing.models.generate_content(model="m", contents="hi")
    assert (caught.value.code, caught.value.status) == (code, status)


def test_an_error_in_a_stream_raises_the_clients_own() -> None:
    def break_off(inbound: Inbound) -> HttpReply:
        renderer = SERVER.renderer(inbound)
        body = b"".join(map(renderer.feed, ANSWER[:3])) + renderer.fail(Failure(kind=K.OVERLOADED, message="Busy."))
        return HttpReply(200, renderer.headers, body)

    seen = []
    with pytest.raises(errors.ServerError, match="Busy"):
        for chunk in client(break_off).models.generate_content_stream(model="m", contents="hi"):
            seen.append(chunk.text)
    assert seen


def test_a_bad_request_raises_the_clients_own() -> None:
    said = types.Content(role="system", parts=[types.Part(text="x")])
    with pytest.raises(errors.ClientError, match="valid role") as caught:
        client().models.generate_content(model="m", contents=[said])
    assert caught.value.code == 400
