"""What Ollama's official client makes of the bytes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import ollama

from tests.contract.answers import USAGE_CLASSES, Answer, Call
from tests.contract.oracles import Fault, Vectors, replayed_headers
from tests.contract.recordings import Recording

FINISH = {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}


class OllamaOracle:
    """`ollama`, over a transport that answers every request with the recorded response."""

    def __init__(self) -> None:
        self._recording: Recording | None = None
        self.client = ollama.Client(host="http://oracle.invalid", transport=httpx.MockTransport(self._answer))

    def _answer(self, _: httpx.Request) -> httpx.Response:
        recording = self._recording
        assert recording is not None
        return httpx.Response(recording.response.status, headers=replayed_headers(recording), content=recording.body)

    def chat(self, recording: Recording) -> Answer | Fault:
        self._recording = recording
        if recording.operation.startswith("generate"):
            return _completion(self._generated(recording))
        try:
            if recording.streamed:
                lines: list[Any] = list(self.client.chat(model="oracle", messages=[], stream=True))
            else:
                lines = [self.client.chat(model="oracle", messages=[])]
        except ollama.ResponseError as error:
            return Fault(recording.response.status, None, None, error.error)
        return _answer(lines, _call_ids(recording))

    def _generated(self, recording: Recording) -> list[Any]:
        if recording.streamed:
            return list(self.client.generate(model="oracle", prompt="hello", stream=True))
        return [self.client.generate(model="oracle", prompt="hello")]

    def embed(self, recording: Recording) -> Vectors:
        self._recording = recording
        found = self.client.embed(model="oracle", input="hello")
        return Vectors(tuple(tuple(vector) for vector in found.embeddings), found.model, found.prompt_eval_count)

    def models(self, recording: Recording) -> list[dict[str, Any]]:
        self._recording = recording
        if '"models"' in recording.response.body:
            return [{"id": model.model} for model in self.client.list().models]
        assert recording.request is not None
        shown = self.client.show("oracle")
        window = [value for key, value in (shown.modelinfo or {}).items() if key.endswith(".context_length")]
        asked = recording.request.body
        return [{"id": asked.get("model") or asked["name"], "context_window": window[0] if window else None}]

    def count_tokens(self, recording: Recording) -> int:
        raise LookupError("Ollama counts no tokens ahead of a chat")

    def error(self, recording: Recording) -> Fault:
        self._recording = recording
        try:
            self.client.chat(model="oracle", messages=[])
        except ollama.ResponseError as error:
            return Fault(error.status_code, None, None, error.error)
        raise AssertionError("the client took an error for an answer")


def _call_ids(recording: Recording) -> list[str | None]:
    """The client drops the ids of tool calls; read them from the lines themselves."""
    text = recording.response.body
    values = (
        [json.loads(line) for line in text.splitlines() if line.strip()] if recording.streamed else [json.loads(text)]
    )
    return [call.get("id") for value in values for call in value.get("message", {}).get("tool_calls") or ()]


def _answer(lines: list[Any], ids: list[str | None]) -> Answer:
    found = [call.function for line in lines for call in line.message.tool_calls or ()]
    calls = tuple(Call(id_, call.name, dict(call.arguments)) for id_, call in zip(ids, found, strict=True))
    text = "".join(line.message.content or "" for line in lines)
    return _from(lines[-1], text, "".join(line.message.thinking or "" for line in lines), calls)


def _completion(lines: list[Any]) -> Answer:
    return _from(
        lines[-1], "".join(line.response for line in lines), "".join(line.thinking or "" for line in lines), ()
    )


def _from(last: Any, text: str, thinking: str, calls: tuple[Call, ...]) -> Answer:
    reason = FINISH.get(last.done_reason or "", "unknown")
    counts = dict.fromkeys(USAGE_CLASSES)
    return Answer(
        text=text,
        thinking=thinking,
        refusal=None,
        calls=calls,
        # Ollama has no own reason for tool calls: it says `stop`.
        finish_reason="tool_calls" if calls and reason == "stop" else reason,
        finish_reason_raw=last.done_reason,
        usage={**counts, "input": last.prompt_eval_count, "output": last.eval_count},
        model=last.model,
        id=None,
    )
