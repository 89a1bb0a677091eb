"""What Cohere's official client makes of the bytes."""

from __future__ import annotations

import json
from typing import Any

import cohere
import httpx
from cohere.core.api_error import ApiError

from tests.contract.answers import USAGE_CLASSES, Answer, Call, arguments
from tests.contract.oracles import Fault, Vectors, replayed_headers
from tests.contract.recordings import Recording

FINISH = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}


class CohereOracle:
    """`cohere.ClientV2`, over a transport that answers every request with the recorded response."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self.client = cohere.ClientV2(
            api_key="none",
            base_url="http://oracle.invalid",
            httpx_client=httpx.Client(transport=httpx.MockTransport(self._answer)),
            log_warning_experimental_features=False,
        )

    def _answer(self, _: httpx.Request) -> httpx.Response:
        recording = self._recording
        assert recording is not None
        return httpx.Response(recording.response.status, headers=replayed_headers(recording), content=recording.body)

    def chat(self, recording: Recording) -> Answer | Fault:
        self._recording = recording
        asked: Any = {"model": "oracle", "messages": [{"role": "user", "content": "hello"}]}
        if recording.streamed:
            return _streamed(list(self.client.chat_stream(**asked)), recording)
        return _whole(self.client.chat(**asked), recording)

    def embed(self, recording: Recording) -> Vectors:
        self._recording = recording
        found = self.client.embed(model="oracle", input_type="search_document", texts=["hello"])
        assert found.meta is not None
        assert found.meta.billed_units is not None
        tokens = found.meta.billed_units.input_tokens
        vectors = tuple(tuple(vector) for vector in found.embeddings.float_ or ())
        # The answer names no model.
        return Vectors(vectors, recording.model, None if tokens is None else int(tokens))

    def models(self, recording: Recording) -> list[dict[str, Any]]:
        self._recording = recording
        if '"models"' in recording.response.body:
            return [{"id": model.name} for model in self.client.models.list().models]
        one = self.client.models.get("oracle")
        return [{"id": one.name, "context_window": one.context_length}]

    def count_tokens(self, recording: Recording) -> int:
        self._recording = recording
        return len(self.client.tokenize(text="hello", model="oracle", offline=False).tokens)

    def error(self, recording: Recording) -> Fault:
        self._recording = recording
        try:
            self.client.chat(model="oracle", messages=[], request_options={"max_retries": 0})
        except ApiError as error:
            return Fault(error.status_code or 0, None, None, dict(error.body)["message"])
        raise AssertionError("the client took an error for an answer")


def _whole(found: Any, recording: Recording) -> Answer:
    message = found.message
    content = message.content or ()
    return _answer(
        recording,
        found,
        text="".join(block.text for block in content if block.type == "text"),
        thinking=(message.tool_plan or "") + "".join(block.thinking for block in content if block.type == "thinking"),
        calls=[(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()],
        raw=json.loads(recording.response.body)["usage"],
    )


def _streamed(events: list[Any], recording: Recording) -> Answer:
    pieces = [event.delta.message.content for event in events if event.type == "content-delta"]
    plans = [event.delta.message.tool_plan for event in events if event.type == "tool-plan-delta"]
    calls: list[list[str]] = []
    for event in events:
        if event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            calls.append([call.id, call.function.name, call.function.arguments])
        elif event.type == "tool-call-delta":
            calls[event.index][2] += event.delta.message.tool_calls.function.arguments
    end = events[-1]
    assert end.type == "message-end"
    lines = [line for line in recording.response.body.splitlines() if '"message-end"' in line and "data:" in line]
    return _answer(
        recording,
        end.delta,
        answer_id=events[0].id,
        text="".join(piece.text or "" for piece in pieces),
        thinking="".join(plans) + "".join(piece.thinking or "" for piece in pieces),
        calls=calls,
        raw=json.loads(lines[-1].partition(":")[2])["delta"]["usage"],
    )


def _answer(
    recording: Recording,
    end: Any,
    *,
    text: str,
    thinking: str,
    calls: list[Any],
    raw: Any,
    answer_id: str | None = None,
) -> Answer:
    reason = end.finish_reason
    return Answer(
        text=text,
        thinking=thinking,
        refusal=None,
        calls=tuple(Call(id_, name, arguments(written)) for id_, name, written in calls),
        finish_reason=FINISH[reason],
        finish_reason_raw=reason,
        usage=_classes(end.usage, raw["tokens"]),
        # The wire names no model.
        model=recording.model,
        id=answer_id if answer_id is not None else end.id,
    )


def _classes(usage: Any, raw: dict[str, Any]) -> dict[str, int | None]:
    """The client drops what its types do not name yet: tokens of images and of reasoning."""
    cached, reasoning = usage.cached_tokens, raw.get("reasoning_tokens")
    prompt = int(usage.tokens.input_tokens) + raw.get("image_tokens", 0)
    return {
        **dict.fromkeys(USAGE_CLASSES),
        "input": prompt - int(cached or 0),
        "cache_read": None if cached is None else int(cached),
        "output": int(usage.tokens.output_tokens) - (reasoning or 0),
        "reasoning": reasoning,
    }
