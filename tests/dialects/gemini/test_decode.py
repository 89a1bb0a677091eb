"""Answers of the Gemini API, read: parts and their signatures, ends, counts, citations, and streams of both forms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.gemini.helpers import answer, chunk, endpoint, failure, parts, sse, streamed, whole
from understudy.dialects.gemini.decode_stream import StreamReader
from understudy.domain import events as e
from understudy.domain.content import Audio, Image, Opaque, Provenance, Text, Thinking, ToolCall
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.domain.finish import FinishReason

SIGNED = {"thoughtSignature": "c2ln"}
MINE = Provenance("gemini", "gemini-x")


def test_text_in_pieces_is_one_part() -> None:
    assert parts(chunk({"text": "Hel"}), chunk({"text": "lo"}, finish="STOP")) == (Text("Hello"),)


def test_thoughts_are_kept_apart_from_the_answer() -> None:
    found = parts(chunk({"text": "Hm", "thought": True}), chunk({"text": "Yes"}, finish="STOP"))
    assert found == (Thinking("Hm", provenance=MINE), Text("Yes"))


def test_a_signed_piece_of_text_is_a_part_of_its_own() -> None:
    chunks = (chunk({"text": "Hello"}), chunk({"text": "", **SIGNED}), chunk({"text": "!"}, finish="STOP"))
    assert parts(*chunks) == (Text("Hello"), Text("", extra={"gemini": SIGNED}), Text("!"))
    assert answer(streamed(sse(*chunks))).text == "Hello!"


def test_a_signature_behind_thoughts_is_theirs() -> None:
    found = parts(chunk({"text": "Hm", "thought": True}), chunk({"text": "", "thought": True, **SIGNED}, finish="STOP"))
    assert found == (Thinking("Hm", signature="c2ln", provenance=MINE),)


def test_an_answer_that_is_only_signed_says_nothing() -> None:
    assert parts(chunk({"text": "", **SIGNED}, finish="STOP")) == ()


def test_calls_without_ids_get_one_of_their_place_and_answer() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    first, second = parts(chunk({**call, **SIGNED}, call, finish="STOP"))
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.id, second.id) == ("call_0_0123456789ab", "call_1_0123456789ab")
    assert first.extra == {"gemini": {"functionCall": {"id": None}, **SIGNED}}
    assert second.extra == {"gemini": {"functionCall": {"id": None}}}
    assert first.provenance == MINE
    assert parts(chunk({**call, **SIGNED}, call, finish="STOP")) == (first, second), "the same every time"


def test_an_id_that_the_wire_gives_is_kept() -> None:
    (call,) = parts(chunk({"functionCall": {"id": "x7", "name": "f", "args": {}}}, finish="STOP"))
    assert (call.id, call.extra) == ("x7", None)  # type: ignore[union-attr]


@pytest.mark.parametrize(("args", "text"), [(b'{"n": 1.0, "big": 1e3}', '{"n": 1.0, "big": 1e3}'), (b"null", "{}")])
def test_arguments_are_the_models_own_words(args: bytes, text: str) -> None:
    said = json.dumps(chunk({"functionCall": {"name": "f", "args": 0}}, finish="STOP")).encode()
    response = answer(whole(said.replace(b'"args": 0', b'"args": ' + args)))
    assert [call.arguments for call in response.tool_calls] == [text]
    assert response.finish_reason is FinishReason.TOOL_CALLS


def test_what_only_this_dialect_knows_is_kept_as_it_is() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "print(1)"}, **SIGNED}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}}
    found = parts(chunk({"text": "See:"}), chunk(code), chunk(result), chunk({"text": "1"}, finish="STOP"))
    assert found == (Text("See:"), Opaque("gemini", code), Opaque("gemini", result), Text("1"))


def test_media_are_parts_of_their_kind() -> None:
    found = parts(
        chunk(
            {"inlineData": {"mimeType": "image/png", "data": "iVBO_w-="}, **SIGNED},
            {"inlineData": {"mimeType": "audio/wav", "data": "UklG"}},
            finish="STOP",
        )
    )
    image = Image(data="iVBO/w+=", media_type="image/png", extra={"gemini": SIGNED})
    assert found == (image, Audio(data="UklG", media_type="audio/wav", format="wav"))


def test_only_the_first_candidate_counts() -> None:
    other = {"content": {"parts": [{"text": "other"}]}, "index": 1, "finishReason": "SAFETY"}
    said = chunk({"text": "this"}, finish="STOP")
    said["candidates"].insert(0, other)
    response = answer(whole(said))
    assert (response.text, response.finish_reason) == ("this", FinishReason.STOP)


FINISHES = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "CONTINUATION": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
    "PUP_LIMITED_DISABLED": FinishReason.CONTENT_FILTER,
    "OTHER": FinishReason.ERROR,
    "SOMETHING_NEW": FinishReason.UNKNOWN,
    1: FinishReason.STOP,
    2: FinishReason.LENGTH,
    99: FinishReason.UNKNOWN,
}


@pytest.mark.parametrize("raw", FINISHES)
def test_why_an_answer_ended(raw: str | int) -> None:
    response = answer(whole(chunk({"text": "so far"}, finish=raw)))
    assert response.finish_reason is FINISHES[raw]
    assert isinstance(raw, int) or response.finish_reason_raw == raw


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("MALFORMED_FUNCTION_CALL", K.RESAMPLE),
        ("UNEXPECTED_TOOL_CALL", K.RESAMPLE),
        ("NO_IMAGE", K.RESAMPLE),
        ("MISSING_THOUGHT_SIGNATURE", K.INVALID_REQUEST),
        ("OTHER", K.SERVER_ERROR),
    ],
)
def test_an_end_that_is_an_error_is_a_failure(raw: str, kind: K) -> None:
    said = {"candidates": [{"finishReason": raw, "finishMessage": "It broke."}]}
    for steps in (whole(said), streamed(sse(said))):
        assert failure(steps) == Failure(kind=kind, message=f"{raw}: It broke.", code=raw, status=200)


def test_a_blocked_prompt_is_a_failure() -> None:
    said = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 4}}
    for steps in (whole(said), streamed(sse(said))):
        told = failure(steps)
        assert (told.kind, told.code) == (K.CONTENT_FILTER, "PROHIBITED_CONTENT")
        assert told.message == "the prompt was blocked (PROHIBITED_CONTENT)"


def test_feedback_that_only_rates_a_prompt_blocks_nothing() -> None:
    ratings = {"safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]}
    response = answer(whole({**chunk({"text": "ok"}, finish="STOP"), "promptFeedback": ratings}))
    assert response.extra["promptFeedback"] == ratings


@pytest.mark.parametrize("body", [{}, {"hello": 1}, [], [{"candidates": []}], "text", None])
def test_what_is_no_answer_is_a_bad_response(body: Any) -> None:
    assert failure(whole(body)).kind is K.BAD_RESPONSE


def test_an_answer_without_candidates_is_empty() -> None:
    response = answer(whole({"usageMetadata": {"promptTokenCount": 3}, "modelVersion": "m"}))
    assert (response.message.parts, response.finish_reason) == ((), FinishReason.UNKNOWN)


def usage(**raw: Any) -> dict[str, int | None]:
    found = answer(whole({**chunk({"text": "x"}, finish="STOP"), "usageMetadata": raw})).usage
    names = ("input", "cache_read", "cache_read_audio", "output", "reasoning", "audio_input", "audio_output")
    return {name: value for name in names if (value := getattr(found, name)) is not None}


def audio(count: int, modality: str | int = "AUDIO") -> list[dict[str, Any]]:
    return [{"modality": "TEXT", "tokenCount": 5}, {"modality": modality, "tokenCount": count}]


@pytest.mark.parametrize(
    ("raw", "classes"),
    [
        ({"promptTokenCount": 10, "candidatesTokenCount": 5}, {"input": 10, "output": 5}),
        # Thoughts are not among the answer's tokens.
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 70, "totalTokenCount": 85},
            {"input": 10, "output": 5, "reasoning": 70},
        ),
        ({"promptTokenCount": 10, "cachedContentTokenCount": 8}, {"input": 2, "cache_read": 8}),
        ({"promptTokenCount": 10, "cachedContentTokenCount": 11}, {"input": 10}),
        ({"promptTokenCount": 10, "toolUsePromptTokenCount": 100}, {"input": 110}),
        ({"promptTokenCount": 30, "promptTokensDetails": audio(25)}, {"input": 5, "audio_input": 25}),
        ({"promptTokenCount": 30, "promptTokensDetails": audio(25, 4)}, {"input": 5, "audio_input": 25}),
        (
            {
                "promptTokenCount": 30,
                "cachedContentTokenCount": 20,
                "promptTokensDetails": audio(25),
                "cacheTokensDetails": audio(15),
            },
            {"input": 0, "cache_read": 5, "cache_read_audio": 15, "audio_input": 10},
        ),
        ({"candidatesTokenCount": 12, "candidatesTokensDetails": audio(7)}, {"output": 5, "audio_output": 7}),
        ({"promptTokenCount": True, "candidatesTokenCount": -1, "thoughtsTokenCount": "9"}, {}),
    ],
)
def test_counts_are_disjoint(raw: dict[str, Any], classes: dict[str, int]) -> None:
    assert usage(**raw) == classes


def test_the_last_report_of_counts_replaces_the_former_as_a_whole() -> None:
    reports = ({"promptTokenCount": 9, "candidatesTokenCount": 21}, {"promptTokenCount": 87, "thoughtsTokenCount": 7})
    chunks = [{**chunk({"text": "x"}, finish="STOP"), "usageMetadata": report} for report in reports]
    found = answer(streamed(sse(*chunks))).usage
    assert (found.input, found.output, found.reasoning, found.total) == (87, None, 7, 94)


def test_grounding_becomes_citations_and_stays_whole() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://a.example", "title": "A"}}, {"retrievedContext": {"text": "B"}}],
        "groundingSupports": [
            {"segment": {"endIndex": 4, "text": "Said"}, "groundingChunkIndices": [0, 1, 7]},
            {"segment": {"endIndex": 4, "text": "Said"}, "groundingChunkIndices": [0]},
        ],
    }
    first = chunk({"text": "Said"}, candidate={"groundingMetadata": {}})
    response = answer(streamed(sse(first, chunk(finish="STOP", candidate={"groundingMetadata": grounding}))))
    (text,) = response.message.parts
    assert isinstance(text, Text)
    assert [(one.url, one.title, one.cited_text) for one in text.citations] == [
        ("https://a.example", "A", None),
        (None, None, "B"),
    ]
    assert response.extra["groundingMetadata"] == grounding


def test_citations_of_the_models_memory() -> None:
    source = {"startIndex": 0, "endIndex": 9, "uri": "https://c.example", "license": "mit"}
    response = answer(
        whole(chunk({"text": "x"}, finish="STOP", candidate={"citationMetadata": {"citationSources": [source]}}))
    )
    (text,) = response.message.parts
    assert isinstance(text, Text)
    assert [(one.url, one.raw, one.dialect) for one in text.citations] == [("https://c.example", source, "gemini")]


def test_log_probabilities_have_the_common_form() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "tokenId": 7, "logProbability": -0.5}],
        "topCandidates": [
            {"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e", "logProbability": -2}]}
        ],
    }
    response = answer(whole(chunk({"text": "é"}, finish="STOP", candidate={"logprobsResult": result})))
    (entry,) = response.extra["logprobs"]["content"]
    assert (entry["token"], entry["logprob"], entry["bytes"]) == ("é", -0.5, [195, 169])
    assert [top["token"] for top in entry["top_logprobs"]] == ["é", "e"]


def test_facts_of_the_answer_are_noted() -> None:
    said = chunk({"text": "x"}, finish="CONTINUATION", candidate={"continuationToken": "go-on", "avgLogprobs": -0.1})
    response = answer(whole({**said, "usageMetadata": {"serviceTier": "FLEX"}}))
    assert (response.extra["continuationToken"], response.extra["service_tier"]) == ("go-on", "flex")
    assert response.extra["avgLogprobs"] == -0.1


def test_an_answer_may_go_on_after_a_finish_reason() -> None:
    """Where hosted code runs, each of its rounds ends with a reason."""
    chunks = (chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}), chunk({"text": "c"}, finish="MAX_TOKENS"))
    response = answer(streamed(sse(*chunks)))
    assert (response.text, response.finish_reason) == ("abc", FinishReason.LENGTH)


def test_a_stream_without_a_finish_reason_is_truncated() -> None:
    for body in (sse(chunk({"text": "a"})), b"", b"[", b"[" + json.dumps(chunk({"text": "a"})).encode() + b"]"):
        assert failure(streamed(body)).kind is K.TRUNCATED


def test_a_stream_cut_behind_a_finish_reason_is_truncated() -> None:
    cut = sse(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}))[:-20]
    assert failure(streamed(cut)).kind is K.TRUNCATED


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    "written",
    [
        json.dumps(ERROR).encode() + b"\n",
        json.dumps(ERROR, indent=2).encode(),
        json.dumps(ERROR, indent=2).replace("\n", "\r\n").encode() + b"\r\n\r\n",
        b"data: " + json.dumps(ERROR).encode() + b"\n\n",
    ],
)
def test_an_error_in_a_stream_of_events_keeps_its_class(written: bytes) -> None:
    body = sse(chunk({"text": "so far"})) + written
    for pieces in ([body], [body[n : n + 1] for n in range(len(body))]):
        steps = streamed(*pieces)
        told = failure(steps)
        assert (told.kind, told.status, told.type) == (K.OVERLOADED, 503, "UNAVAILABLE")
        assert any(isinstance(step, e.TextDelta) for step in steps)


def array(*chunks: Any, indent: int | None = 2) -> bytes:
    return ("[" + "\n,\r\n".join(json.dumps(one, indent=indent) for one in chunks) + "\n]\n").encode()


def test_a_growing_array_reads_as_the_same_events() -> None:
    chunks = (chunk({"text": 'br[a}ck"ets'}), chunk({"functionCall": {"name": "f", "args": {}}}, finish="STOP"))
    body = array(*chunks, indent=None)
    expected = streamed(sse(*chunks))
    assert streamed(body) == expected
    assert streamed(b"\xef\xbb\xbf \n" + body) == expected
    for cut in range(1, len(body)):
        assert streamed(body[:cut], body[cut:]) == expected
    assert streamed(*(bytes([byte]) for byte in body)) == expected


def test_an_element_of_a_growing_array_comes_at_once() -> None:
    reader = StreamReader(endpoint())
    steps = reader.feed(array(chunk({"text": "now"}))[:-3])
    assert [step.text for step in steps if isinstance(step, e.TextDelta)] == ["now"]


def test_an_error_in_a_growing_array_keeps_its_class() -> None:
    steps = streamed(array(chunk({"text": "so far"}), ERROR))
    assert failure(steps).kind is K.OVERLOADED
    assert failure(streamed(array(ERROR))).kind is K.OVERLOADED


def test_a_growing_array_that_is_cut_is_truncated() -> None:
    body = array(chunk({"text": "a"}, finish="STOP"), chunk({"text": "b"}, finish="STOP"))
    last = body.rindex(b'{\n  "candidates"')
    assert failure(streamed(body[: last + 30])).kind is K.TRUNCATED


@pytest.mark.parametrize("body", [b"data: {broken\n\n", b"[{}, oops]", b'[{"candidates": 3}]', b"<html>\n\n"])
def test_broken_events_are_a_bad_response(body: bytes) -> None:
    assert failure(streamed(sse(chunk({"text": "a"})) + body if body[:1] == b"d" else body)).kind is K.BAD_RESPONSE
