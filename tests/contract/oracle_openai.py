"""What OpenAI's and Groq's official clients make of the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import groq
import httpx
import openai

from tests.contract.answers import Answer, Call, arguments
from tests.contract.oracles import Fault, Vectors, replayed_headers
from tests.contract.recordings import Recording

FINISH = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}

ASKED: dict[str, Any] = {"model": "oracle", "messages": [{"role": "user", "content": "hello"}]}


class OpenAIOracle:
    """`openai`, over a transport that answers every request with the recorded response."""

    errors: Any = openai

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self.client = self._client(httpx.Client(transport=httpx.MockTransport(self._answer)))

    def _client(self, http_client: httpx.Client) -> Any:
        return openai.OpenAI(
            api_key="none", base_url="http://oracle.invalid/v1", max_retries=0, http_client=http_client
        )

    def _answer(self, _: httpx.Request) -> httpx.Response:
        recording = self._recording
        assert recording is not None
        return httpx.Response(recording.response.status, headers=replayed_headers(recording), content=recording.body)

    def chat(self, recording: Recording) -> Answer | Fault:
        self._recording = recording
        try:
            if recording.streamed:
                return folded(list(self.client.chat.completions.create(**ASKED, stream=True)))
            return whole(self.client.chat.completions.create(**ASKED))
        except self.errors.APIError as error:
            return fault_of(error, recording)

    def embed(self, recording: Recording) -> Vectors:
        self._recording = recording
        answer = self.client.embeddings.create(model="oracle", input="hello")
        ordered = sorted(answer.data, key=lambda item: item.index)
        return Vectors(tuple(tuple(item.embedding) for item in ordered), answer.model, answer.usage.prompt_tokens)

    def models(self, recording: Recording) -> list[dict[str, Any]]:
        self._recording = recording
        if '"data"' not in recording.response.body:
            found = [self.client.models.retrieve("oracle")]
        else:
            found = list(self.client.models.list().data)
        return [{"id": model.id, "created": model.created or None, "owned_by": model.owned_by} for model in found]

    def count_tokens(self, recording: Recording) -> int:
        raise LookupError("chat completions have no token count")

    def error(self, recording: Recording) -> Fault:
        self._recording = recording
        try:
            self.client.chat.completions.create(**ASKED)
        except self.errors.APIError as error:
            return fault_of(error, recording)
        raise AssertionError("the client took an error for an answer")


class GroqOracle(OpenAIOracle):
    """`groq`, which knows where Groq reports usage in streams."""

    errors: Any = groq

    def _client(self, http_client: httpx.Client) -> Any:
        return groq.Groq(api_key="none", base_url="http://oracle.invalid", max_retries=0, http_client=http_client)


def fault_of(error: Any, recording: Recording) -> Fault:
    body = error.body if isinstance(error.body, dict) else {}
    inner = body.get("error", body)
    return Fault(recording.response.status, inner.get("code"), inner.get("type"), str(inner.get("message", "")))


def whole(completion: Any) -> Answer:
    choice = completion.choices[0]
    message = choice.message
    calls = [_call(call.model_dump()) for call in message.tool_calls or ()]
    if message.function_call is not None:
        calls.append(Call(None, message.function_call.name, arguments(message.function_call.arguments)))
    audio = getattr(message, "audio", None)
    return Answer(
        text=message.content or "",
        thinking=_thinking(message),
        refusal=getattr(message, "refusal", None),
        calls=tuple(calls),
        finish_reason=finish_of(choice.finish_reason, calls),
        finish_reason_raw=choice.finish_reason,
        usage=usage_classes(completion.usage),
        model=completion.model,
        id=completion.id,
        transcript=audio.transcript if audio else None,
    )


def folded(chunks: list[Any]) -> Answer:
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices if choice.index == 0]
    finishes = [c.finish_reason for chunk in chunks for c in chunk.choices if c.index == 0 and c.finish_reason]
    refusals = [delta.refusal for delta in deltas if getattr(delta, "refusal", None)]
    calls = _folded_calls(deltas)
    reports = [report for chunk in chunks if (report := _report(chunk)) is not None]
    return Answer(
        text="".join(delta.content or "" for delta in deltas),
        thinking="".join(_thinking(delta) for delta in deltas),
        refusal="".join(refusals) if refusals else None,
        calls=calls,
        finish_reason=finish_of(finishes[0], calls),
        finish_reason_raw=finishes[0],
        usage=usage_classes(reports[-1] if reports else None),
        model=next((chunk.model for chunk in chunks if chunk.model), None),
        id=next((chunk.id for chunk in chunks if chunk.id), None),
    )


def finish_of(raw: str, calls: Sequence[Call]) -> str:
    """A call that `tool_choice` named ends in `stop` at OpenAI; it waits for its result like any other."""
    reason = FINISH.get(raw, "unknown")
    return "tool_calls" if calls and reason == "stop" else reason


def _folded_calls(deltas: list[Any]) -> tuple[Call, ...]:
    gathered: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        for piece in delta.tool_calls or ():
            call = gathered.setdefault(piece.index, {"id": None, "name": "", "arguments": ""})
            call["id"] = call["id"] or piece.id
            if piece.function is not None:
                call["name"] = call["name"] or piece.function.name or ""
                call["arguments"] += piece.function.arguments or ""
        if delta.function_call is not None:
            call = gathered.setdefault(-1, {"id": None, "name": "", "arguments": ""})
            call["name"] = call["name"] or delta.function_call.name or ""
            call["arguments"] += delta.function_call.arguments or ""
    return tuple(Call(call["id"], call["name"], arguments(call["arguments"])) for call in gathered.values())


def _call(call: dict[str, Any]) -> Call:
    if call["type"] == "custom":
        return Call(call["id"], call["custom"]["name"], call["custom"]["input"])
    return Call(call["id"], call["function"]["name"], arguments(call["function"]["arguments"]))


def _thinking(holder: Any) -> str:
    return getattr(holder, "reasoning", None) or getattr(holder, "reasoning_content", None) or ""


def _report(chunk: Any) -> Any:
    x_groq = getattr(chunk, "x_groq", None)
    return chunk.usage if getattr(chunk, "usage", None) is not None else getattr(x_groq, "usage", None)


def usage_classes(usage: Any) -> dict[str, int | None]:
    """Take OpenAI's inclusive counts apart into disjoint classes."""
    if usage is None:
        return split_usage(None, {}, None, {})
    prompt = getattr(usage, "prompt_tokens_details", None)
    completion = getattr(usage, "completion_tokens_details", None)
    return split_usage(
        usage.prompt_tokens,
        prompt.model_dump() if prompt is not None else {},
        usage.completion_tokens,
        completion.model_dump() if completion is not None else {},
    )


def split_usage(
    prompt: int | None, prompt_details: dict[str, Any], completion: int | None, completion_details: dict[str, Any]
) -> dict[str, int | None]:
    cached, written = prompt_details.get("cached_tokens"), prompt_details.get("cache_write_tokens")
    if cached is not None and prompt is not None and cached > prompt:
        cached = None  # A part cannot exceed the whole (Grok at Azure): it tells nothing.
    heard, spoken = prompt_details.get("audio_tokens"), completion_details.get("audio_tokens")
    reasoning = completion_details.get("reasoning_tokens")
    return {
        "input": None if prompt is None else prompt - (cached or 0) - (written or 0) - (heard or 0),
        "cache_read": cached,
        "cache_write": written,
        "cache_write_1h": None,
        "output": None if completion is None else completion - (reasoning or 0) - (spoken or 0),
        "reasoning": reasoning,
        "audio_input": heard,
        "audio_output": spoken,
    }
