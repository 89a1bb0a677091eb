"""A model that says what a test has written down, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Any, Self

import understudy as u

Answer = str | u.Message | Exception | Callable[[u.GenerationRequest], Any]


def call(name: str, call_id: str = "", /, **arguments: Any) -> u.ToolCall:
    """A tool call as a model writes it."""
    return u.ToolCall(id=call_id or f"call-{name}", name=name, arguments=json.dumps(arguments))


def calls(*parts: u.ToolCall) -> u.Message:
    """An answer of tool calls."""
    return u.Message.assistant(tuple(parts))


class Scripted:
    """A custom provider with an answer for each request: text, a message, an error, or a function of the request."""

    provider_type = "scripted"

    def __init__(self, *answers: Answer, name: str = "scripted", priority: int = 1) -> None:
        self.name = name
        self.priority = priority
        self.answers = list(answers)
        self.requests: list[u.GenerationRequest] = []

    def respond(self, request: u.GenerationRequest) -> u.GenerationResponse:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        message = u.Message.assistant(answer) if isinstance(answer, str) else answer
        called = any(isinstance(part, u.ToolCall) for part in message.parts)
        return u.GenerationResponse(
            message=message,
            finish_reason=u.FinishReason.TOOL_CALLS if called else u.FinishReason.STOP,
            usage=u.Usage(input=10, output=1),
            provider=self.name,
        )

    async def generate(self, prompt: Any, /, **options: Any) -> u.GenerationResponse:
        return self.respond(prompt)

    async def stream(self, prompt: Any, /, **options: Any) -> AsyncIterator[u.Event]:
        response = self.respond(prompt)
        yield u.Started()
        for index, part in enumerate(response.message.parts):
            if isinstance(part, u.ToolCall):
                yield u.ToolCallStarted(index, part.id, part.name)
                yield u.ToolCallDelta(index, part.arguments)
            elif isinstance(part, u.Text):
                for piece in part.text.split(" "):
                    yield u.TextDelta(index, piece)
        yield u.UsageReported(response.usage)
        yield u.Finished(response.finish_reason)

    async def embed(self, texts: Any, /, **options: Any) -> u.EmbeddingResponse:
        raise NotImplementedError

    async def list_models(self, *, limit: int | None = None) -> list[u.ModelInfo]:
        return []

    async def is_model_available(self, model: str) -> bool:
        return True

    async def health_check(self) -> u.HealthStatus:
        return u.HealthStatus(provider=self.name, reachable=True)

    async def count_tokens(self, prompt: Any, /, **options: Any) -> u.TokenCount:
        raise u.Unsupported("no")

    def stats(self) -> u.ProviderStats:
        return u.ProviderStats()

    async def aclose(self) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def model(*answers: Answer) -> tuple[u.ProviderManager, Scripted]:
    """A manager of one scripted model, and the model."""
    scripted = Scripted(*answers)
    return u.ProviderManager([scripted], u.FallbackConfig(max_retries=1, retry_delay_ms=1)), scripted


def results(run: u.RunResult[Any]) -> list[tuple[str, Any, bool | None]]:
    """What the model was told of each call."""
    return [(each.call.name, each.result.content, each.result.is_error) for each in run.outcomes]


def results_in(messages: Sequence[u.Message]) -> list[u.ToolResult]:
    """The tool results of a conversation."""
    return [part for message in messages for part in message.parts if isinstance(part, u.ToolResult)]
