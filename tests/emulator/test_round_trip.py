"""The client halves against the emulated providers, without sockets: what is understood is what was meant."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects import load
from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.domain.content import CacheMark, Image, Text
from understudy.domain.events import Event
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, OutputFormat, Reasoning
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo, TokenCount
from understudy.emulator import Fault, cast
from understudy.emulator.actor import Actor
from understudy.emulator.staging import Head, Write, stage
from understudy.emulator.vectors import embed
from understudy.providers import row
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpHead

SPEAKERS = [
    ("openai", "openai", "gpt-4.1-mini"),
    ("openai", "responses", "gpt-6-sol"),
    ("anthropic", "anthropic", "claude-sonnet-5"),
    ("google", "gemini", "gemini-3-flash-preview"),
    ("ollama", "ollama", "qwen3-vl"),
    ("groq", "openai", "qwen/qwen3.8-27b"),
    ("together", "openai", "Qwen/Qwen3.5-397B-A17B"),
    ("azure-openai", "openai", "gpt-4.1-mini"),
    ("huggingface", "openai", "Qwen/Qwen3-VL-235B-A22B-Instruct"),
    ("cohere", "cohere", "command-a-plus-05-2026"),
]
ASKED_FOR = ("responses", "gemini")
"""Dialects whose thinking is shown only on request."""

IDS = [f"{provider}-{dialect}" for provider, dialect, _ in SPEAKERS]
WEATHER = Tool(
    name="get_weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def performed(provider: str, exchange: Exchange[Any], fault: Fault | None = None) -> list[Any]:
    """Run an exchange against an emulated provider and return its steps."""
    actor = Actor(cast.find(provider), None)
    steps: list[Any] = []
    queue = exchange.start()
    while queue:
        step = queue.pop(0)
        if not isinstance(step, Send):
            steps.append(step)
            continue
        headers = (*step.request.headers, ("authorization", "Bearer key"))
        url = step.request.url.partition("//")[2].partition("/")[2]
        request = type(step.request)(step.request.method, f"/{url}", headers, step.request.body)
        for act in stage(actor.answer(actor.call(request), 1, fault), fault):
            match act:
                case Head(status=status, headers=sent):
                    queue += exchange.head(HttpHead(status, {name.lower(): value for name, value in sent}))
                case Write(data):
                    queue += exchange.feed(data)
                case _:
                    pass
            if queue and isinstance(queue[-1], Failure):
                return steps + queue
        if not exchange.finished:
            queue += exchange.close()
    return steps


def place(provider: str, model: str) -> Endpoint:
    return endpoint_of(row(provider), model)


def chat(
    provider: str, dialect: str, model: str, *, stream: bool, fault: Fault | None = None, **fields: Any
) -> list[Event | Failure]:
    text = fields.pop("text", "What is the capital of France?")
    content = fields.pop("content", text)
    request = GenerationRequest(messages=(Message.user(content),), model=model, **fields)
    return performed(
        provider, load(dialect).open(Operation.CHAT, request, place(provider, model), stream=stream), fault
    )


def answered(steps: list[Event | Failure]) -> GenerationResponse:
    events = [step for step in steps if not isinstance(step, Failure)]
    assert len(events) == len(steps), steps
    return fold(events)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("provider", "dialect", "model"), SPEAKERS, ids=IDS)
def test_chat(provider: str, dialect: str, model: str, stream: bool) -> None:
    response = answered(chat(provider, dialect, model, stream=stream))
    assert (response.text, response.finish_reason, response.model) == (
        "The capital is Paris.",
        FinishReason.STOP,
        model,
    )
    assert (response.usage.output_total, response.usage.input_total) == (6, 12)
    assert response.created or dialect in ("anthropic", "cohere", "gemini")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("provider", "dialect", "model"), SPEAKERS, ids=IDS)
def test_tools(provider: str, dialect: str, model: str, stream: bool) -> None:
    asked: dict[str, Any] = {"text": "The weather in Paris and Oslo?", "tools": (WEATHER,)}
    response = answered(chat(provider, dialect, model, stream=stream, **asked))
    assert [call.parsed_arguments() for call in response.tool_calls] == [{"city": "Paris"}, {"city": "Oslo"}]
    assert response.finish_reason is FinishReason.TOOL_CALLS
    if dialect != "ollama":
        forced = answered(
            chat(provider, dialect, model, stream=stream, tools=(WEATHER,), tool_choice=ToolChoice("required"))
        )
        assert [call.name for call in forced.tool_calls] == ["get_weather"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("provider", "dialect", "model"), SPEAKERS, ids=IDS)
def test_thinking_schema_and_images(provider: str, dialect: str, model: str, stream: bool) -> None:
    reasons = (provider, dialect) not in (("openai", "openai"), ("azure-openai", "openai"))
    reasoning = Reasoning(effort="low", display="auto" if dialect in ASKED_FOR else None) if reasons else None
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    response = answered(
        chat(
            provider,
            dialect,
            model,
            stream=stream,
            content=(Text("Give me 7"), Image(data="iVBORw0KGgo=", media_type="image/png")),
            reasoning=reasoning,
            output=OutputFormat(json_schema=schema, name="number"),
        )
    )
    assert response.text == '{"n":7}'
    assert bool(response.thinking) is reasons
    assert response.usage.input_total is not None
    assert response.usage.input_total > 85


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("provider", "dialect", "model"), SPEAKERS, ids=IDS)
def test_the_limit(provider: str, dialect: str, model: str, stream: bool) -> None:
    response = answered(chat(provider, dialect, model, stream=stream, text="Count to 30", max_tokens=16))
    assert response.text == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,"
    assert response.finish_reason is FinishReason.LENGTH


def test_cache_classes_arrive() -> None:
    content = (Text("a long document " * 50, cache=CacheMark()), Text("What is 2 + 2?"))
    response = answered(chat("anthropic", "anthropic", "claude-sonnet-5", stream=True, content=content))
    assert response.usage.cache_write
    assert response.usage.cache_write > 100


@pytest.mark.parametrize(("provider", "dialect", "model"), SPEAKERS, ids=IDS)
@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Fault.cut(2, clean=True), {FailureKind.TRUNCATED}),
        (Fault.truncated_json(2), {FailureKind.TRUNCATED, FailureKind.BAD_RESPONSE}),
        (Fault.malformed_event(2), {FailureKind.BAD_RESPONSE}),
        (Fault.huge_line(5 << 20, after=2), {FailureKind.TOO_LARGE}),
        (Fault.error_event(FailureKind.RATE_LIMITED, after=2), {FailureKind.RATE_LIMITED}),
        (Fault.wrong_content_type(), {FailureKind.BAD_RESPONSE}),
        (Fault.redirect("http://x.invalid/"), {FailureKind.REDIRECT}),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_faults_in_streams_are_found(
    provider: str, dialect: str, model: str, fault: Fault, kinds: set[FailureKind]
) -> None:
    steps = chat(provider, dialect, model, stream=True, fault=fault)
    assert isinstance(steps[-1], Failure)
    assert steps[-1].kind in kinds


@pytest.mark.parametrize(("provider", "dialect", "model"), SPEAKERS, ids=IDS)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.truncated_json(), FailureKind.BAD_RESPONSE),
        (Fault.malformed_event(), FailureKind.BAD_RESPONSE),
        (Fault.error_event(FailureKind.RATE_LIMITED), FailureKind.RATE_LIMITED),
        (Fault.wrong_content_type(), FailureKind.BAD_RESPONSE),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_faults_in_whole_bodies_are_found(
    provider: str, dialect: str, model: str, fault: Fault, kind: FailureKind
) -> None:
    steps = chat(provider, dialect, model, stream=False, fault=fault)
    assert isinstance(steps[-1], Failure)
    assert steps[-1].kind is kind


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("provider", "dialect", "model"), SPEAKERS, ids=IDS)
def test_faults_that_are_no_failures_of_the_wire(provider: str, dialect: str, model: str, stream: bool) -> None:
    dripped = answered(chat(provider, dialect, model, stream=stream, fault=Fault.drip()))
    assert dripped == answered(chat(provider, dialect, model, stream=stream))
    refused = answered(chat(provider, dialect, model, stream=stream, fault=Fault.refusal()))
    # Ollama has no word for a filter: its answer just ends.
    assert refused.finish_reason is FinishReason.CONTENT_FILTER or dialect == "ollama"
    empty = chat(provider, dialect, model, stream=stream, fault=Fault.empty())
    assert isinstance(empty[-1], Failure) or answered(empty).message.parts == ()
    unknown = answered(chat(provider, dialect, model, stream=stream, fault=Fault.missing_usage()))
    assert not unknown.usage.total


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "ollama", "groq", "cohere"])
def test_model_lists(provider: str) -> None:
    home = row(provider)
    dialect = load(home.dialects[Operation.MODELS])
    listed = performed(provider, dialect.open(Operation.MODELS, ModelsRequest(), place(provider, "x")))
    assert {model.id for model in listed} == {model.id for model in cast.find(provider).models}
    wanted = listed[0].id
    (one,) = performed(provider, dialect.open(Operation.MODELS, ModelsRequest(model=wanted), place(provider, wanted)))
    assert isinstance(one, ModelInfo)
    (none,) = performed(
        provider, dialect.open(Operation.MODELS, ModelsRequest(model="nonesuch"), place(provider, "nonesuch"))
    )
    assert isinstance(none, Failure)
    assert none.kind is FailureKind.NOT_FOUND


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "text-embedding-3-small"),
        ("google", "gemini-embedding-2"),
        ("ollama", "nomic-embed-text"),
        ("cohere", "embed-v4.0"),
    ],
)
def test_embeddings(provider: str, model: str) -> None:
    request = EmbeddingRequest(texts=("one", "two"), model=model, dimensions=256)
    dialect = load(row(provider).dialects[Operation.EMBED])
    (response,) = performed(provider, dialect.open(Operation.EMBED, request, place(provider, model)))
    assert isinstance(response, EmbeddingResponse)
    assert response.embeddings[1] == pytest.approx(embed("two", 256), abs=1e-6)
    assert response.usage.input == 2


@pytest.mark.parametrize(
    ("provider", "dialect", "model"),
    [
        ("openai", "responses", "gpt-6-sol"),
        ("anthropic", "anthropic", "claude-opus-5"),
        ("google", "gemini", "gemini-3.8-flash"),
        ("cohere", "cohere", "command-r-08-2024"),
    ],
)
def test_token_counts(provider: str, dialect: str, model: str) -> None:
    request = GenerationRequest(messages=(Message.user("What is the capital of France?"),), model=model)
    (counted,) = performed(provider, load(dialect).open(Operation.COUNT_TOKENS, request, place(provider, model)))
    assert isinstance(counted, TokenCount)
    assert counted.input_tokens == 12
