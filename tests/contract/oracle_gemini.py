"""What Google's official client makes of the bytes."""

from __future__ import annotations

import json
from typing import Any

import httpx
from google import genai
from google.genai import errors, types

from tests.contract.answers import USAGE_CLASSES, Answer, Call
from tests.contract.oracles import Fault, Vectors, replayed_headers
from tests.contract.recordings import Recording

FINISH = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter"}

RESAMPLED = ("MALFORMED_FUNCTION_CALL",)
NUMBERS = {1: "STOP", 2: "MAX_TOKENS"}
"""Finish reasons of callers that asked for enumerations as numbers, which the client does not read."""


class GeminiOracle:
    """`google.genai`, over a transport that answers every request with the recorded response."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self.client = genai.Client(
            api_key="none",
            http_options=types.HttpOptions(
                base_url="http://oracle.invalid",
                httpx_client=httpx.Client(transport=httpx.MockTransport(self._answer)),
            ),
        )

    def _answer(self, _: httpx.Request) -> httpx.Response:
        recording = self._recording
        assert recording is not None
        body = recording.body
        if recording.operation == "chat_stream" and body.startswith(b"["):
            # The client asks for server-sent events; an array it would not read.
            body = b"".join(b"data: %b\n\n" % json.dumps(_worded(chunk)).encode() for chunk in json.loads(body))
        return httpx.Response(recording.response.status, headers=replayed_headers(recording), content=body)

    def chat(self, recording: Recording) -> Answer | Fault:
        self._recording = recording
        if recording.streamed:
            chunks = list(self.client.models.generate_content_stream(model="oracle", contents="hello"))
        else:
            chunks = [self.client.models.generate_content(model="oracle", contents="hello")]
        return _fault(chunks, recording) or _answer(chunks)

    def embed(self, recording: Recording) -> Vectors:
        self._recording = recording
        raw = json.loads(recording.response.body)
        if "embedding" in raw:  # The client always asks for batches.
            vectors = [tuple(raw["embedding"]["values"])]
        else:
            found = self.client.models.embed_content(model="oracle", contents="hello")
            vectors = [tuple(item.values or ()) for item in found.embeddings or ()]
        # The answer names no model, and the client drops the count.
        tokens = raw.get("usageMetadata", {}).get("promptTokenCount")
        model = recording.model.removeprefix("models/") if recording.model else None
        return Vectors(tuple(vectors), model, tokens)

    def models(self, recording: Recording) -> list[dict[str, Any]]:
        self._recording = recording
        page = self.client.models.list(config={"page_size": 1000, "query_base": True}).page
        return [
            {
                "id": (model.name or "").removeprefix("models/"),
                "display_name": model.display_name,
                "context_window": model.input_token_limit,
                "max_output_tokens": model.output_token_limit,
            }
            for model in page
        ]

    def count_tokens(self, recording: Recording) -> int:
        self._recording = recording
        counted = self.client.models.count_tokens(model="oracle", contents="hello").total_tokens
        assert counted is not None
        return counted

    def error(self, recording: Recording) -> Fault:
        self._recording = recording
        try:
            self.client.models.generate_content(model="oracle", contents="hello")
        except errors.APIError as error:
            return Fault(error.code, None, error.status, error.message or "")
        raise AssertionError("the client took an error for an answer")


def _worded(chunk: dict[str, Any]) -> dict[str, Any]:
    """The chunk with words for numbers, and without counts by modality."""
    usage = {key: value for key, value in chunk.get("usageMetadata", {}).items() if not key.endswith("Details")}
    candidates = []
    for candidate in chunk.get("candidates", ()):
        reason = candidate.get("finishReason")
        words = {"finishReason": NUMBERS[reason]} if isinstance(reason, int) else {}
        candidates.append({key: value for key, value in {**candidate, **words}.items() if key != "safetyRatings"})
    return {**chunk, "candidates": candidates, "usageMetadata": usage}


def _fault(chunks: list[types.GenerateContentResponse], recording: Recording) -> Fault | None:
    """What the client takes for an answer, though there is none. It drops the words that say why."""
    first = chunks[0]
    if not first.candidates and first.prompt_feedback is not None:
        words = first.prompt_feedback.block_reason_message
        return Fault(200, "PROMPT_BLOCKED", None, "the prompt was blocked" + (f": {words}" if words else ""))
    last = (chunks[-1].candidates or [types.Candidate()])[0]
    reason = last.finish_reason.value if last.finish_reason else ""
    said_nothing = not any(candidate.content for chunk in chunks for candidate in chunk.candidates or ())
    if reason in RESAMPLED or (reason == "OTHER" and said_nothing):
        words = json.loads(recording.response.body)["candidates"][0]["finishMessage"]
        return Fault(200, reason, None, f"{reason}: {words}")
    return None


def _answer(chunks: list[types.GenerateContentResponse]) -> Answer:
    candidates = [(chunk.candidates or [types.Candidate()])[0] for chunk in chunks]
    parts = [part for one in candidates if one.content is not None for part in one.content.parts or ()]
    calls = tuple(
        Call(part.function_call.id, part.function_call.name or "", part.function_call.args or {})
        for part in parts
        if part.function_call is not None
    )
    raw = next((one.finish_reason.value for one in reversed(candidates) if one.finish_reason is not None), None)
    reason = FINISH.get(raw or "", "unknown")
    return Answer(
        text="".join(part.text for part in parts if part.text and not part.thought),
        thinking="".join(part.text for part in parts if part.text and part.thought),
        refusal=None,
        calls=calls,
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        finish_reason_raw=raw,
        usage=_classes([chunk.usage_metadata for chunk in chunks if chunk.usage_metadata is not None]),
        model=chunks[0].model_version,
        id=chunks[0].response_id,
    )


def _classes(reports: list[types.GenerateContentResponseUsageMetadata]) -> dict[str, int | None]:
    """The counts of the last report; what it leaves out is unknown."""

    def last(name: str) -> Any:
        return getattr(reports[-1], name) if reports else None

    counts: dict[str, int | None] = dict.fromkeys(USAGE_CLASSES)
    prompt = last("prompt_token_count")
    if prompt is None:
        return counts
    cached, spoken = last("cached_content_token_count"), _audio(last("prompt_tokens_details"))
    return {
        **counts,
        "input": prompt - (cached or 0) - (spoken or 0) + (last("tool_use_prompt_token_count") or 0),
        "cache_read": cached,
        "output": last("candidates_token_count"),
        "reasoning": last("thoughts_token_count"),
        "audio_input": spoken,
    }


def _audio(details: list[types.ModalityTokenCount] | None) -> int | None:
    counts = [one.token_count for one in details or () if one.modality is types.MediaModality.AUDIO]
    return counts[0] if counts else None
