"""Interactions with OpenAI's Responses API, of which no recording exists: built with the official client's types.

Each answer is given twice, as a whole body and as the stream of events that the service's documentation describes,
so that both must come to the same. The types validate what is built here; the oracle reads it back with the client.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from openai.types import responses as r
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_function_web_search import ActionSearch
from openai.types.responses.response_output_text import AnnotationURLCitation
from openai.types.responses.response_reasoning_item import Content, Summary
from openai.types.responses.response_reasoning_summary_part_added_event import Part as SummaryPart
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from tests.contract.recordings import RecordedRequest, RecordedResponse, Recording

MODEL = "gpt-6-sol-2026-10-01"
URL = "https://api.openai.com/v1/responses"

USAGE = r.ResponseUsage(
    input_tokens=120,
    input_tokens_details=InputTokensDetails(cached_tokens=64, cache_write_tokens=8),
    output_tokens=75,
    output_tokens_details=OutputTokensDetails(reasoning_tokens=33),
    total_tokens=195,
)

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
        "additionalProperties": False,
    },
    "strict": True,
}


def message(number: int, *contents: Any) -> r.ResponseOutputMessage:
    return r.ResponseOutputMessage(
        id=f"msg_{number}", role="assistant", status="completed", type="message", content=list(contents)
    )


def text(words: str, *annotations: Any) -> r.ResponseOutputText:
    return r.ResponseOutputText(type="output_text", text=words, annotations=list(annotations), logprobs=[])


def refusal(words: str) -> r.ResponseOutputRefusal:
    return r.ResponseOutputRefusal(type="refusal", refusal=words)


def call(number: int, name: str, arguments: str) -> r.ResponseFunctionToolCall:
    return r.ResponseFunctionToolCall(
        id=f"fc_{number}",
        call_id=f"call_{number}",
        name=name,
        arguments=arguments,
        type="function_call",
        status="completed",
    )


def reasoning(number: int, *summaries: str, shown: str | None = None) -> r.ResponseReasoningItem:
    return r.ResponseReasoningItem(
        id=f"rs_{number}",
        type="reasoning",
        summary=[Summary(type="summary_text", text=words) for words in summaries],
        content=[Content(type="reasoning_text", text=shown)] if shown else None,
        encrypted_content=f"gAAAA_sealed_{number}",
    )


def search() -> r.ResponseFunctionWebSearch:
    action = ActionSearch(type="search", query="weather Lisbon", queries=["weather Lisbon"])
    return r.ResponseFunctionWebSearch(id="ws_1", type="web_search_call", status="completed", action=action)


CITATION = AnnotationURLCitation(
    type="url_citation", url="https://example.org/lisbon", title="Lisbon today", start_index=3, end_index=9
)

OUTPUTS: dict[str, list[Any]] = {
    "text": [message(1, text('Grüße, 世界 🌍 — "quoted"\n\nand \u0000 and \u2028 too.'))],
    "two-parts": [message(1, text("one "), text("two"))],
    "empty-reasoning": [reasoning(1), message(2, text("Done."))],
    "reasoning-with-summaries": [
        reasoning(1, "First I look.", "Then I think."),
        message(2, text("The answer is 42.")),
    ],
    "open-reasoning": [reasoning(1, shown="raw thoughts of an open model"), message(2, text("Yes."))],
    "parallel-calls": [
        reasoning(1, "Both at once."),
        call(2, "get_weather", '{"place": "Lisbon"}'),
        call(3, "get_weather", "{}"),
    ],
    "commentary-then-call": [message(1, text("I look that up.")), call(2, "get_weather", '{"place":"Åbo"}')],
    "refusal": [message(1, refusal("I can't help with that."))],
    "hosted-search": [search(), message(2, text("In Lisbon the sun shines.", CITATION))],
}


def response(output: list[Any], status: Any = "completed", **more: Any) -> r.Response:
    return r.Response(
        id="resp_0123456789",
        object="response",
        created_at=1790000000,
        status=status,
        error=more.pop("error", None),
        incomplete_details=more.pop("incomplete_details", None),
        instructions=None,
        metadata={},
        model=MODEL,
        output=output,
        parallel_tool_calls=True,
        temperature=1.0,
        tool_choice="auto",
        tools=[],
        top_p=1.0,
        service_tier="default",
        usage=more.pop("usage", USAGE),
        **more,
    )


def _halves(words: str) -> list[str]:
    return [words] if len(words) < 2 else [words[: len(words) // 2], words[len(words) // 2 :]]


def events(final: r.Response) -> Iterator[Any]:
    """Tell a response as a stream of events, in the documented order, without sequence numbers."""
    begun = final.model_copy(update={"status": "in_progress", "output": [], "usage": None, "incomplete_details": None})
    yield r.ResponseCreatedEvent(type="response.created", response=begun, sequence_number=0)
    yield r.ResponseInProgressEvent(type="response.in_progress", response=begun, sequence_number=0)
    for position, item in enumerate(final.output):
        yield r.ResponseOutputItemAddedEvent(
            type="response.output_item.added", item=_opened(item), output_index=position, sequence_number=0
        )
        yield from _pieces(item, position)
        yield r.ResponseOutputItemDoneEvent(
            type="response.output_item.done", item=item, output_index=position, sequence_number=0
        )
    if final.status == "incomplete":
        yield r.ResponseIncompleteEvent(type="response.incomplete", response=final, sequence_number=0)
    else:
        yield r.ResponseCompletedEvent(type="response.completed", response=final, sequence_number=0)


def _opened(item: Any) -> Any:
    """An item as it is announced: without what follows."""
    match item:
        case r.ResponseOutputMessage():
            return item.model_copy(update={"content": [], "status": "in_progress"})
        case r.ResponseFunctionToolCall():
            return item.model_copy(update={"arguments": "", "status": "in_progress"})
        case r.ResponseReasoningItem():
            return item.model_copy(update={"summary": [], "content": None})
        case _:
            return item.model_copy(update={"status": "in_progress"})


def _pieces(item: Any, position: int) -> Iterator[Any]:
    at = {"item_id": item.id, "output_index": position, "sequence_number": 0}
    match item:
        case r.ResponseOutputMessage(content=contents):
            for number, content in enumerate(contents):
                yield from _content(content, {**at, "content_index": number})
        case r.ResponseFunctionToolCall(arguments=arguments, name=name):
            for piece in _halves(arguments):
                yield r.ResponseFunctionCallArgumentsDeltaEvent(
                    type="response.function_call_arguments.delta", delta=piece, **at
                )
            yield r.ResponseFunctionCallArgumentsDoneEvent(
                type="response.function_call_arguments.done", arguments=arguments, name=name, **at
            )
        case r.ResponseReasoningItem(summary=summaries, content=shown):
            for number, summary in enumerate(summaries):
                yield from _summary(summary.text, {**at, "summary_index": number})
            for number, thought in enumerate(shown or ()):
                for piece in _halves(thought.text):
                    yield r.ResponseReasoningTextDeltaEvent(
                        type="response.reasoning_text.delta", delta=piece, content_index=number, **at
                    )
        case r.ResponseFunctionWebSearch():
            yield r.ResponseWebSearchCallSearchingEvent(type="response.web_search_call.searching", **at)
            yield r.ResponseWebSearchCallCompletedEvent(type="response.web_search_call.completed", **at)


def _summary(words: str, at: dict[str, Any]) -> Iterator[Any]:
    yield r.ResponseReasoningSummaryPartAddedEvent(
        type="response.reasoning_summary_part.added", part=SummaryPart(type="summary_text", text=""), **at
    )
    for piece in _halves(words):
        yield r.ResponseReasoningSummaryTextDeltaEvent(type="response.reasoning_summary_text.delta", delta=piece, **at)
    yield r.ResponseReasoningSummaryTextDoneEvent(type="response.reasoning_summary_text.done", text=words, **at)


def _content(content: Any, at: dict[str, Any]) -> Iterator[Any]:
    if isinstance(content, r.ResponseOutputRefusal):
        empty: Any = r.ResponseOutputRefusal(type="refusal", refusal="")
        yield r.ResponseContentPartAddedEvent(type="response.content_part.added", part=empty, **at)
        for piece in _halves(content.refusal):
            yield r.ResponseRefusalDeltaEvent(type="response.refusal.delta", delta=piece, **at)
        yield r.ResponseRefusalDoneEvent(type="response.refusal.done", refusal=content.refusal, **at)
    else:
        yield r.ResponseContentPartAddedEvent(type="response.content_part.added", part=text(""), **at)
        for piece in _halves(content.text):
            yield r.ResponseTextDeltaEvent(type="response.output_text.delta", delta=piece, logprobs=[], **at)
        for number, annotation in enumerate(content.annotations):
            yield r.ResponseOutputTextAnnotationAddedEvent(
                type="response.output_text.annotation.added",
                annotation=annotation.model_dump(mode="json"),
                annotation_index=number,
                **at,
            )
        yield r.ResponseTextDoneEvent(type="response.output_text.done", text=content.text, logprobs=[], **at)
    yield r.ResponseContentPartDoneEvent(type="response.content_part.done", part=content, **at)


def as_stream(told: Iterator[Any] | list[Any]) -> str:
    pieces = []
    for number, event in enumerate(told):
        numbered = event.model_copy(update={"sequence_number": number})
        pieces.append(f"event: {event.type}\ndata: {numbered.to_json(indent=None, exclude_unset=True)}\n\n")
    return "".join(pieces)


REQUESTS: dict[str, dict[str, Any]] = {
    "string-input": {"model": MODEL, "input": "Hello", "store": False},
    "instructions-and-parts": {
        "model": MODEL,
        "instructions": "Be brief.",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is this?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
                ],
            }
        ],
        "max_output_tokens": 512,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    },
    "tool-loop": {
        "model": MODEL,
        "input": [
            {"role": "developer", "content": "Use tools."},
            {"role": "user", "content": "Weather in Lisbon?"},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA_sealed_1"},
            {
                "type": "function_call",
                "id": "fc_2",
                "call_id": "call_2",
                "name": "get_weather",
                "arguments": '{"place": "Lisbon"}',
                "status": "completed",
            },
            {"type": "function_call_output", "call_id": "call_2", "output": "sunny"},
        ],
        "tools": [WEATHER],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "store": False,
        "stream": True,
    },
    "tool-output-in-parts": {
        "model": MODEL,
        "input": [
            {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "1"}]}
        ],
        "prompt_cache_options": {"mode": "explicit"},
        "max_tool_calls": 3,
        "user": "u",
    },
    "structured": {
        "model": MODEL,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "A name, please."}]}],
        "text": {
            "format": {
                "type": "json_schema",
                "name": "person",
                "schema": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                    "additionalProperties": False,
                },
                "strict": True,
            },
            "verbosity": "low",
        },
        "temperature": 0.5,
        "top_p": 0.9,
        "store": False,
    },
    "hosted-tools": {
        "model": MODEL,
        "input": "What is new?",
        "tools": [{"type": "web_search", "search_context_size": "low"}, WEATHER],
        "tool_choice": {"type": "function", "name": "get_weather"},
        "metadata": {"team": "a"},
        "service_tier": "flex",
        "prompt_cache_key": "k",
        "safety_identifier": "u",
        "truncation": "auto",
        "store": False,
    },
}


def _interaction(name: str, operation: str, body: str, request: dict[str, Any] | None = None) -> Recording:
    return Recording(
        name=f"responses/{name}",
        provider="responses",
        operation=operation,
        source="built",
        source_commit="",
        licence="MIT",
        fidelity="built",
        model=MODEL,
        features=[],
        request=RecordedRequest("POST", URL, {}, request) if request else None,
        response=RecordedResponse(
            200, body, {"content-type": "text/event-stream" if operation == "chat_stream" else "application/json"}
        ),
    )


def _answers() -> Iterator[tuple[str, r.Response]]:
    for name, output in OUTPUTS.items():
        yield name, response(output)
    cut = response([message(1, text("and so on and"))], "incomplete")
    yield "length", cut.model_copy(update={"incomplete_details": IncompleteDetails(reason="max_output_tokens")})
    filtered = response([message(1, text("and"))], "incomplete")
    yield "filter", filtered.model_copy(update={"incomplete_details": IncompleteDetails(reason="content_filter")})
    yield "no-usage", response([message(1, text("hi"))], usage=None)


@cache
def built() -> tuple[Recording, ...]:
    """Return all interactions that are built here."""
    found = []
    requests = list(REQUESTS.items())
    for number, (name, final) in enumerate(_answers()):
        request_name, request = requests[number % len(requests)]
        asked = {**request, "stream": True}
        found.append(_interaction(f"{name}-stream-{request_name}", "chat_stream", as_stream(events(final)), asked))
        whole = final.to_json(indent=None, exclude_unset=True)
        unstreamed = {key: value for key, value in request.items() if key != "stream"}
        found.append(_interaction(f"{name}-{request_name}", "chat", whole, unstreamed))
    failed = response([], "failed", error=r.ResponseError(code="server_error", message="It broke."), usage=None)
    last = r.ResponseFailedEvent(type="response.failed", response=failed, sequence_number=9)
    begun = list(events(response(OUTPUTS["text"])))
    found.append(_interaction("failed-stream", "chat_stream", as_stream([*begun[:5], last])))
    error = r.ResponseErrorEvent(
        type="error", code="rate_limit_exceeded", message="Slow.", param=None, sequence_number=0
    )
    found.append(_interaction("error-stream", "chat_stream", as_stream([*begun[:5], error])))
    found.append(_interaction("failed", "chat", failed.to_json(indent=None, exclude_unset=True)))
    return tuple(found)
