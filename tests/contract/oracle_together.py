"""What Together's official client makes of the bytes."""

from __future__ import annotations

import json
from typing import Any

import httpx
import together
from msgspec.structs import replace

from tests.contract.answers import Answer
from tests.contract.oracle_openai import FINISH, OpenAIOracle, folded, whole
from tests.contract.oracles import Fault
from tests.contract.recordings import Recording

REASONS = {**FINISH, "eos": "stop"}


class TogetherOracle(OpenAIOracle):
    """`together`, whose answers have OpenAI's form but for a word at the end and the place of cached tokens."""

    errors: Any = together

    def _client(self, http_client: httpx.Client) -> Any:
        return together.Together(
            api_key="none", base_url="http://oracle.invalid", max_retries=0, http_client=http_client
        )

    def chat(self, recording: Recording) -> Answer | Fault:
        self._recording = recording
        asked: Any = {"model": "oracle", "messages": [{"role": "user", "content": "hello"}]}
        if recording.streamed:
            answer = folded([_Loose(chunk) for chunk in self.client.chat.completions.create(**asked, stream=True)])
        else:
            answer = whole(_Loose(self.client.chat.completions.create(**asked)))
        return _told(answer, recording)


class _Loose:
    """Answers `None` for what the client's types do not have."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name, None)
        if isinstance(found, list):
            return [_Loose(item) for item in found]
        return _Loose(found) if hasattr(found, "model_dump") and name != "usage" else found

    def model_dump(self) -> Any:
        return self._inner.model_dump()


def _told(answer: Answer, recording: Recording) -> Answer:
    cached = _usage(recording).get("cached_tokens")
    usage = answer.usage
    if cached is not None:
        usage = {**usage, "input": (usage["input"] or 0) - cached, "cache_read": cached}
    reason = REASONS[answer.finish_reason_raw or ""]
    return replace(answer, usage=usage, finish_reason="tool_calls" if answer.calls and reason == "stop" else reason)


def _usage(recording: Recording) -> dict[str, Any]:
    text = recording.response.body
    if not recording.streamed:
        return json.loads(text)["usage"] or {}
    reports = [json.loads(line[6:]).get("usage") for line in text.splitlines() if line.startswith("data: {")]
    return next((usage for usage in reversed(reports) if usage), {})
