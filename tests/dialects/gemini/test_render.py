"""Answers in the form of the Gemini API, written by the server half: whole, streamed, and as errors."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.dialects.gemini.helpers import chunk, endpoint, sse
from understudy.dialects.gemini.decode_stream import StreamReader
from understudy.dialects.gemini.render_stream import ChunkRenderer
from understudy.dialects.gemini.server import SERVER
from understudy.dialects.server import Inbound
from understudy.domain import events as e
from understudy.domain.content import Citation, Image, Opaque, Text, Thinking, ToolCall
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.domain.usage import Usage

ASKED = Inbound(operation=Operation.CHAT, request=GenerationRequest(messages=()), options={"sse": True})
SIGNED = {"thoughtSignature": "c2ln"}


def written(*parts: Any, **fields: Any) -> dict[str, Any]:
    response = GenerationResponse(message=Message.assistant(parts), **fields)
    body: dict[str, Any] = json.loads(SERVER.render(response, ASKED).body)
    return body


def test_a_whole_answer() -> None:
    body = written(
        Thinking("hm", signature="dGhv"),
        Text("Look:", citations=(Citation(url="https://a.example"),)),
        Text("", extra={"gemini": SIGNED}),
        ToolCall(id="c1", name="f", arguments='{"a": 1.0}', extra={"gemini": SIGNED}),
        ToolCall(id="c2", name="g", arguments="[", extra={"gemini": {"functionCall": {"id": None}}}),
        Image(data="aGk=", media_type="image/png"),
        Opaque("gemini", {"executableCode": {"code": "1"}}),
        Opaque("openai", {"a": 1}),
        finish_reason=FinishReason.TOOL_CALLS,
        usage=Usage(input=7, cache_read=3, output=5, reasoning=2, audio_input=4),
        model="gemini-x",
        id="r1",
        extra={"service_tier": "flex", "groundingMetadata": {"webSearchQueries": ["q"]}},
    )
    (candidate,) = body["candidates"]
    assert candidate["content"]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": "dGhv"},
        {"text": "Look:"},
        {"text": "", **SIGNED},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1.0}}, **SIGNED},
        {"functionCall": {"name": "g", "args": {"raw_arguments": "["}}},
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"executableCode": {"code": "1"}},
    ]
    assert (candidate["finishReason"], candidate["index"]) == ("STOP", 0)
    assert candidate["groundingMetadata"] == {"webSearchQueries": ["q"]}
    assert (body["modelVersion"], body["responseId"]) == ("gemini-x", "r1")
    assert body["usageMetadata"] == {
        "promptTokenCount": 14,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 2,
        "totalTokenCount": 21,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": 4}],
        "serviceTier": "flex",
    }


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        (FinishReason.STOP, "end_turn", "STOP"),
        (FinishReason.LENGTH, None, "MAX_TOKENS"),
        (FinishReason.LENGTH, "CONTINUATION", "CONTINUATION"),
        (FinishReason.CONTENT_FILTER, "refusal", "SAFETY"),
        (FinishReason.CONTENT_FILTER, "RECITATION", "RECITATION"),
        (FinishReason.ERROR, "OTHER", "OTHER"),
        (FinishReason.PAUSED, "pause_turn", "pause_turn"),
        (FinishReason.UNKNOWN, None, "OTHER"),
    ],
)
def test_why_an_answer_ended(reason: FinishReason, raw: str | None, word: str) -> None:
    body = written(Text("x"), finish_reason=reason, finish_reason_raw=raw)
    assert body["candidates"][0]["finishReason"] == word


def test_what_is_unknown_is_left_out() -> None:
    assert written(Text("x"), finish_reason=FinishReason.STOP) == {
        "candidates": [{"content": {"parts": [{"text": "x"}], "role": "model"}, "index": 0, "finishReason": "STOP"}]
    }


EVENTS: tuple[e.Event, ...] = (
    e.Started(id="r1", model="gemini-x"),
    e.UsageReported(Usage(input=3)),
    e.ThinkingDelta(0, "hm"),
    e.PartExtra(1, "gemini", SIGNED),
    e.TextDelta(1, "Hi"),
    e.ToolCallStarted(2, "c1", "f"),
    e.ToolCallDelta(2, '{"a":'),
    e.ToolCallStarted(3, "c2", "g"),
    e.ToolCallDelta(2, " 1}"),
    e.PartExtra(2, "gemini", SIGNED),
    e.UsageReported(Usage(input=3, output=9)),
    e.FactReported("safetyRatings", [1]),
    e.Finished(FinishReason.TOOL_CALLS),
)


def chunks(renderer: ChunkRenderer, *told: e.Event) -> list[Any]:
    body = b"".join(map(renderer.feed, told)) + renderer.close()
    return [json.loads(line.removeprefix("data: ")) for line in body.decode().split("\n") if line]


def test_a_stream() -> None:
    found = chunks(ChunkRenderer(), *EVENTS)
    said = [one["candidates"][0]["content"]["parts"] for one in found]
    assert said == [
        [{"text": "hm", "thought": True}],
        [{"text": "Hi", **SIGNED}],
        [
            {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, **SIGNED},
            {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        ],
        [{"text": ""}],
    ]
    assert {(one["responseId"], one["modelVersion"]) for one in found} == {("r1", "gemini-x")}
    assert found[0]["usageMetadata"] == {"promptTokenCount": 3, "totalTokenCount": 3}
    assert found[-1]["usageMetadata"]["candidatesTokenCount"] == 9
    assert found[-1]["candidates"][0]["finishReason"] == "STOP"
    assert found[-1]["candidates"][0]["safetyRatings"] == [1]
    assert not any("finishReason" in one["candidates"][0] for one in found[:-1])


def test_a_stream_reads_as_what_was_told() -> None:
    renderer = ChunkRenderer()
    reader = StreamReader(endpoint())
    steps = reader.feed(b"".join(map(renderer.feed, EVENTS)) + renderer.close()) + reader.close()
    read = fold([step for step in steps if not isinstance(step, Failure)], dialect="gemini")
    assert read.message == fold(list(EVENTS), dialect="gemini").message
    assert (read.finish_reason, read.usage.total) == (FinishReason.TOOL_CALLS, 12)


def test_without_events_a_stream_is_an_array() -> None:
    renderer = ChunkRenderer(sse=False)
    body = b"".join(map(renderer.feed, EVENTS)) + renderer.close()
    assert json.loads(body) == chunks(ChunkRenderer(), *EVENTS)
    assert dict(renderer.headers)["content-type"].startswith("application/json")
    broken = ChunkRenderer(sse=False)
    body = broken.feed(e.TextDelta(0, "so far")) + broken.fail(Failure(kind=K.OVERLOADED, message="busy"))
    assert json.loads(body)[1]["error"]["status"] == "UNAVAILABLE"
    silent = ChunkRenderer(sse=False)
    assert json.loads(silent.fail(Failure(kind=K.OVERLOADED, message="busy")))[0]["error"]["code"] == 503


def test_frames_of_this_wire_are_forwarded_in_either_form() -> None:
    body = sse(chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")).replace(b"\r\n", b"\n")
    reader = StreamReader(msgspec.structs.replace(endpoint(), keep_wire=True))
    told = [step for step in reader.feed(body) + reader.close() if not isinstance(step, Failure)]
    events, array = ChunkRenderer(), ChunkRenderer(sse=False)
    assert b"".join(map(events.feed, told)) + events.close() == body
    assert json.loads(b"".join(map(array.feed, told)) + array.close()) == [
        chunk({"text": "a"}),
        chunk({"text": "b"}, finish="STOP"),
    ]


def test_an_error_in_a_stream_is_plain_json() -> None:
    """As the service writes it, and as its clients look for it."""
    body = ChunkRenderer().fail(Failure(kind=K.RATE_LIMITED, message="Slow down.", retry_after=46.5))
    error = json.loads(body)["error"]
    assert (error["code"], error["status"], error["message"]) == (429, "RESOURCE_EXHAUSTED", "Slow down.")
    assert error["details"][0]["retryDelay"] == "46.5s"


@pytest.mark.parametrize(
    ("failure", "status", "name", "message"),
    [
        (Failure(kind=K.AUTHENTICATION, message="no"), 400, "INVALID_ARGUMENT", "no"),
        (
            Failure(kind=K.CONTEXT_LENGTH, message="long"),
            400,
            "INVALID_ARGUMENT",
            "input token count exceeds the maximum number of tokens allowed: long",
        ),
        (Failure(kind=K.STALLED, message="x"), 504, "DEADLINE_EXCEEDED", "x"),
        (Failure(kind=K.EMPTY, message="x"), 500, "INTERNAL", "x"),
        (Failure(kind=K.RATE_LIMITED, message="x", status=418), 418, "INVALID_ARGUMENT", "x"),
        (Failure(kind=K.SERVER_ERROR, message="x", status=502), 502, "INTERNAL", "x"),
        (Failure(kind=K.NOT_FOUND, message="x", type="GONE"), 404, "GONE", "x"),
    ],
)
def test_errors(failure: Failure, status: int, name: str, message: str) -> None:
    reply = SERVER.render_error(failure)
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["status"], error["message"]) == (status, status, name, message)


def test_details_of_errors() -> None:
    def details(**fields: Any) -> list[tuple[str, Any]]:
        found = json.loads(SERVER.render_error(Failure(message="x", **fields)).body)["error"].get("details", [])
        return [(one["@type"].rpartition(".")[2], one) for one in found]

    assert [kind for kind, _ in details(kind=K.RATE_LIMITED)] == []
    ((kind, quota),) = details(kind=K.DAILY_QUOTA)
    assert (kind, quota["violations"]) == ("QuotaFailure", [{"quotaId": "RequestsPerDay"}])
    told = dict(details(kind=K.AUTHENTICATION, retry_after=5.0, request_id="r"))
    assert told["ErrorInfo"]["reason"] == "API_KEY_INVALID"
    assert (told["RetryInfo"]["retryDelay"], told["RequestInfo"]["requestId"]) == ("5s", "r")


def test_vectors_have_the_form_of_the_method() -> None:
    response = EmbeddingResponse(embeddings=((0.5,), (1.0,)), usage=Usage(input=4))

    def body(method: str) -> Any:
        asked = Inbound(operation=Operation.EMBED, request=EmbeddingRequest(texts=("a",)), options={"method": method})
        return json.loads(SERVER.render(response, asked).body)

    assert body("batchEmbedContents") == {
        "embeddings": [{"values": [0.5]}, {"values": [1.0]}],
        "usageMetadata": {"promptTokenCount": 4},
    }
    assert body("embedContent")["embedding"] == {"values": [0.5]}


def test_model_pages() -> None:
    models = [ModelInfo(id=f"m{n}", capabilities=frozenset({"chat", "thinking"})) for n in range(3)]

    def page(**asked: Any) -> Any:
        wanted = Inbound(operation=Operation.MODELS, request=ModelsRequest(**asked))
        reply = SERVER.render(models, wanted)
        return reply.status, json.loads(reply.body)

    status, first = page(limit=2)
    assert (status, [one["name"] for one in first["models"]]) == (200, ["models/m0", "models/m1"])
    assert page(limit=2, after=first["nextPageToken"])[1] == {"models": [page(model="m2")[1]]}
    assert page(model="models/m2")[1]["supportedGenerationMethods"] == ["generateContent", "countTokens"]
    status, missing = page(model="zz")
    assert (status, missing["error"]["status"]) == (404, "NOT_FOUND")
    own = {"name": "models/m9", "supportedGenerationMethods": ["embedContent"], "version": "001"}
    models.append(ModelInfo(id="m9", raw=own))
    assert page(model="m9")[1] == own
