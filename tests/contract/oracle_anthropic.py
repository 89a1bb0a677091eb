"""What Anthropic's official client makes of the bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import anthropic
import httpx2

from tests.contract.answers import Answer, Call
from tests.contract.oracles import Fault, Vectors, replayed_headers
from tests.contract.recordings import Recording

FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "paused",
}

ASKED: dict[str, Any] = {"model": "oracle", "max_tokens": 16, "messages": [{"role": "user", "content": "hello"}]}


class AnthropicOracle:
    """`anthropic`, over a transport that answers every request with the recorded response.

    The beta surface is used because its types are the wider ones; the client folds streams itself.
    """

    def __init__(self) -> None:
        self._recording: Recording | None = None
        http_client = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        self.client = anthropic.Anthropic(
            api_key="none", base_url="http://oracle.invalid", max_retries=0, http_client=http_client
        )

    def _answer(self, _: httpx2.Request) -> httpx2.Response:
        recording = self._recording
        assert recording is not None
        return httpx2.Response(recording.response.status, headers=replayed_headers(recording), content=recording.body)

    def chat(self, recording: Recording) -> Answer | Fault:
        self._recording = recording
        try:
            if recording.streamed:
                with self.client.beta.messages.stream(**ASKED) as stream:
                    return answer(stream.get_final_message())
            return answer(self.client.beta.messages.create(**ASKED))
        except anthropic.APIError as error:
            return _fault(error, recording)

    def embed(self, recording: Recording) -> Vectors:
        raise LookupError("Anthropic has no embeddings")

    def models(self, recording: Recording) -> list[dict[str, Any]]:
        self._recording = recording
        return [
            {"id": model.id, "display_name": model.display_name, "created": _seconds(model.created_at)}
            for model in self.client.models.list().data
        ]

    def count_tokens(self, recording: Recording) -> int:
        self._recording = recording
        counted = self.client.messages.count_tokens(model="oracle", messages=ASKED["messages"])
        return counted.input_tokens

    def error(self, recording: Recording) -> Fault:
        self._recording = recording
        try:
            self.client.beta.messages.create(**ASKED)
        except anthropic.APIError as error:
            return _fault(error, recording)
        raise AssertionError("the client took an error for an answer")


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


def _fault(error: anthropic.APIError, recording: Recording) -> Fault:
    body: Any = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", {})
    return Fault(recording.response.status, None, inner.get("type"), str(inner.get("message", "")))


def answer(message: Any) -> Answer:
    blocks = message.content
    return Answer(
        text="".join(block.text for block in blocks if block.type == "text"),
        thinking="".join(block.thinking for block in blocks if block.type == "thinking"),
        refusal=None,
        calls=tuple(Call(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"),
        finish_reason=FINISH.get(message.stop_reason, "unknown"),
        finish_reason_raw=message.stop_reason,
        usage=_usage(message.usage),
        model=message.model,
        id=message.id,
    )


def _usage(usage: Any) -> dict[str, int | None]:
    written = usage.cache_creation_input_tokens
    by_lifetime = usage.cache_creation
    for_an_hour = by_lifetime.ephemeral_1h_input_tokens if by_lifetime is not None else None
    details = usage.output_tokens_details
    thinking = details.thinking_tokens if details is not None else None
    return {
        "input": usage.input_tokens,
        "cache_read": usage.cache_read_input_tokens,
        "cache_write": None if written is None else written - (for_an_hour or 0),
        "cache_write_1h": for_an_hour,
        "output": usage.output_tokens - (thinking or 0),
        "reasoning": thinking,
        "audio_input": None,
        "audio_output": None,
    }
