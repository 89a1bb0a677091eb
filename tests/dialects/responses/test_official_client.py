"""OpenAI's official client against the server half, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseCompletedEvent, ResponseFailedEvent, ResponseIncompleteEvent
from pydantic import BaseModel

from understudy.dialects.responses.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain import events as e
from understudy.domain.content import Citation, Opaque
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import TokenCount
from understudy.domain.usage import Usage
from understudy.wire.http import HttpReply, HttpRequest

Told = list[e.Event | Failure]

SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
BEGUN = e.Started(id="resp_7", model="m-1", created=1_780_000_000.0)
COUNTED = e.UsageReported(Usage(input=7, cache_read=3, output=4, reasoning=2))
STOPPED = e.Finished(FinishReason.STOP)

HELLO: Told = [BEGUN, e.TextDelta(0, "Hel"), e.TextDelta(0, "lo"), COUNTED, STOPPED]
EVERYTHING: Told = [
    BEGUN,
    e.ThinkingDelta(0, "Let me "),
    e.ThinkingDelta(0, "see."),
    e.ThinkingSigned(0, "sealed"),
    e.PartAdded(1, Opaque("responses", SEARCH)),
    e.PartAdded(2, Opaque("anthropic", {"type": "server_tool_use"})),
    e.TextDelta(3, "Look: x"),
    e.CitationAdded(3, Citation(url="https://x.org", title="X", start=6, end=7)),
    e.ToolCallStarted(4, "call_a", "get_weather"),
    e.ToolCallStarted(5, "call_b", "get_time"),
    e.ToolCallDelta(5, '{"zone":'),
    e.ToolCallDelta(4, '{"place":"Rome"}'),
    e.ToolCallDelta(5, '"UTC"}'),
    e.ToolCallStarted(6, "call_c", "ping"),
    COUNTED,
    e.FactReported("service_tier", "flex"),
    e.Finished(FinishReason.TOOL_CALLS),
]


class _Handler(BaseHTTPRequestHandler):
    """Serves what the server half reads and writes; what is told comes from the test."""

    protocol_version = "HTTP/1.1"
    told: Told
    seen: list[Inbound]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        request = HttpRequest("POST", self.path, tuple(self.headers.items()), body)
        assert SERVER.credential(request) == "key-1"
        try:
            inbound = SERVER.parse(request)
        except BadRequest as refused:
            self._reply(SERVER.render_error(refused.failure))
            return
        self.seen.append(inbound)
        if inbound.operation is Operation.COUNT_TOKENS:
            self._reply(SERVER.render(TokenCount(input_tokens=12), inbound))
        elif isinstance(self.told[0], Failure):
            self._reply(SERVER.render_error(self.told[0]))
        elif inbound.stream:
            self._stream(inbound)
        else:
            events = [event for event in self.told if not isinstance(event, Failure)]
            self._reply(SERVER.render(fold(events), inbound))

    def _stream(self, inbound: Inbound) -> None:
        renderer = SERVER.renderer(inbound)
        out = b""
        for told in self.told:
            out += renderer.fail(told) if isinstance(told, Failure) else renderer.feed(told)
        if not isinstance(self.told[-1], Failure):
            out += renderer.close()
        self._reply(HttpReply(200, renderer.headers, out))

    def _reply(self, reply: HttpReply) -> None:
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("content-length", str(len(reply.body))), ("connection", "close")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def serving(told: Told) -> Iterator[tuple[openai.OpenAI, list[Inbound]]]:
    seen: list[Inbound] = []
    handler = type("Handler", (_Handler,), {"told": told, "seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        base = f"http://127.0.0.1:{server.server_address[1]}/v1"
        try:
            with openai.OpenAI(api_key="key-1", base_url=base, max_retries=0) as client:
                yield client, seen
        finally:
            server.shutdown()
            thread.join()


def test_a_whole_answer() -> None:
    with serving(HELLO) as (client, seen):
        answer = client.responses.create(
            model="m", input="hello", instructions="Be brief.", metadata={"a": "b"}, tools=[{"type": "web_search"}]
        )
    assert (answer.output_text, answer.status, answer.model) == ("Hello", "completed", "m-1")
    assert (answer.id, answer.created_at, answer.instructions) == ("resp_7", 1_780_000_000, "Be brief.")
    assert answer.metadata == {"a": "b"}
    assert answer.tools[0].type == "web_search"
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (10, 6, 16)
    assert answer.usage.input_tokens_details.cached_tokens == 3
    assert answer.usage.output_tokens_details.reasoning_tokens == 2
    request = seen[0].request
    assert isinstance(request, GenerationRequest)
    assert request.messages[0].text == "Be brief."


def test_a_streamed_answer_is_told_in_the_documented_order() -> None:
    with serving(HELLO) as (client, _):
        told = list(client.responses.create(model="m", input="hello", stream=True))
    assert [event.type for event in told] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in told] == list(range(len(told)))
    assert told[-1].type == "response.completed"
    assert told[-1].response.output_text == "Hello"


def test_everything_at_once_is_the_same_whole_and_streamed() -> None:
    with serving(EVERYTHING) as (client, _):
        whole = client.responses.create(model="m", input="hello")
        *_, last = client.responses.create(model="m", input="hello", stream=True)
        with client.responses.stream(model="m", input="hello") as stream:
            events = list(stream)
            final = stream.get_final_response()
    assert [item.type for item in whole.output] == [
        "reasoning", "web_search_call", "message", "function_call", "function_call", "function_call",
    ]  # fmt: skip
    assert last.type == "response.completed"
    assert last.response.to_dict() == whole.to_dict()
    assert [item.type for item in final.output] == [item.type for item in whole.output]
    thought, _, message, *calls = whole.output
    assert thought.type == "reasoning"
    assert (thought.summary[0].text, thought.encrypted_content) == ("Let me see.", "sealed")
    assert message.type == "message"
    assert message.content[0].type == "output_text"
    assert message.content[0].annotations[0].to_dict() == {
        "type": "url_citation", "url": "https://x.org", "title": "X", "start_index": 6, "end_index": 7,
    }  # fmt: skip
    assert [(call.call_id, call.arguments) for call in calls if call.type == "function_call"] == [
        ("call_a", '{"place":"Rome"}'),
        ("call_b", '{"zone":"UTC"}'),
        ("call_c", "{}"),
    ]
    assert whole.service_tier == final.service_tier == "flex"
    added = [event for event in events if event.type == "response.output_item.added"]
    closed = [event for event in events if event.type == "response.output_item.done"]
    assert [event.output_index for event in added] == list(range(6))
    assert {(event.output_index, event.item.id) for event in added} == {
        (event.output_index, event.item.id) for event in closed
    }
    snapshots = [event.snapshot for event in events if event.type == "response.function_call_arguments.delta"]
    assert '{"zone":"UTC"}' in snapshots


class Place(BaseModel):
    name: str


PLACED: Told = [BEGUN, e.TextDelta(0, '{"name":'), e.TextDelta(0, '"Rome"}'), STOPPED]


def test_structured_answers_are_parsed_whole_and_streamed() -> None:
    with serving(PLACED) as (client, seen):
        parsed = client.responses.parse(model="m", input="where?", text_format=Place)
        with client.responses.stream(model="m", input="where?", text_format=Place) as stream:
            final = stream.get_final_response()
    assert parsed.output_parsed == final.output_parsed == Place(name="Rome")
    request = seen[0].request
    assert isinstance(request, GenerationRequest)
    assert request.output is not None
    assert (request.output.kind, request.output.name, request.output.strict) == ("json_schema", "Place", True)


def test_a_refusal_streams() -> None:
    with serving([BEGUN, e.RefusalDelta(0, "No"), e.RefusalDelta(0, "."), STOPPED]) as (client, _):
        told = list(client.responses.create(model="m", input="hello", stream=True))
    assert [event.delta for event in told if event.type == "response.refusal.delta"] == ["No", "."]
    (refusal,) = [event.refusal for event in told if event.type == "response.refusal.done"]
    assert refusal == "No."


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        (FinishReason.LENGTH, "incomplete", "max_output_tokens"),
        (FinishReason.CONTENT_FILTER, "incomplete", "content_filter"),
        (FinishReason.PAUSED, "incomplete", None),
        (FinishReason.ERROR, "failed", None),
        (FinishReason.UNKNOWN, "completed", None),
    ],
)
def test_how_an_answer_ends(reason: FinishReason, status: str, details: str | None) -> None:
    with serving([BEGUN, e.TextDelta(0, "so"), e.Finished(reason)]) as (client, _):
        whole = client.responses.create(model="m", input="hello")
        *_, last = client.responses.create(model="m", input="hello", stream=True)
    assert last.type == f"response.{status}"
    assert isinstance(last, ResponseCompletedEvent | ResponseIncompleteEvent | ResponseFailedEvent)
    for answer in (whole, last.response):
        assert answer.status == status
        assert (answer.incomplete_details.reason if answer.incomplete_details else None) == details
        assert (answer.error is not None) == (status == "failed")
        assert answer.usage is None


def test_tokens_are_counted() -> None:
    with serving(HELLO) as (client, seen):
        count = client.responses.input_tokens.count(model="m", input="hello")
    assert (count.input_tokens, count.object) == (12, "response.input_tokens")
    assert seen[0].operation is Operation.COUNT_TOKENS


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FailureKind.RATE_LIMITED, openai.RateLimitError),
        (FailureKind.NOT_FOUND, openai.NotFoundError),
        (FailureKind.CONTEXT_LENGTH, openai.BadRequestError),
        (FailureKind.AUTHENTICATION, openai.AuthenticationError),
        (FailureKind.OVERLOADED, openai.InternalServerError),
    ],
)
def test_an_error_reply_raises_the_clients_own_error(kind: FailureKind, error: type[openai.APIStatusError]) -> None:
    with serving([Failure(kind=kind, message="No.", retry_after=3.2)]) as (client, _), pytest.raises(error) as caught:
        client.responses.create(model="m", input="hello")
    assert "No." in str(caught.value)
    assert caught.value.response.headers["retry-after"] == "4"


def test_an_error_that_came_inside_a_success_gets_the_status_of_its_kind() -> None:
    reply = SERVER.render_error(Failure(kind=FailureKind.RATE_LIMITED, message="No.", status=200))
    assert reply.status == 429


def test_what_needs_stored_state_is_refused_with_its_name() -> None:
    with serving(HELLO) as (client, _), pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="m", input="hello", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"


BROKEN: Told = [
    BEGUN,
    e.TextDelta(0, "so far"),
    Failure(kind=FailureKind.STALLED, message="Nothing came for 60 s.", status=200),
]


def test_an_error_in_the_middle_raises_instead_of_ending_quietly() -> None:
    with serving(BROKEN) as (client, _):
        got: list[str] = []
        with pytest.raises(openai.APIError, match="Nothing came") as caught:
            for event in client.responses.create(model="m", input="hello", stream=True):
                got += [event.delta] if event.type == "response.output_text.delta" else []
    assert got == ["so far"]
    assert caught.value.code == "upstream_stalled"


def test_an_error_in_the_middle_stands_at_the_top_level_too_as_documented() -> None:
    renderer = SERVER.renderer(Inbound(operation=Operation.CHAT, request=GenerationRequest(messages=())))
    renderer.feed(BEGUN)
    name, data = renderer.fail(BROKEN[-1]).decode().strip().split("\n")  # type: ignore[arg-type]
    assert name == "event: error"
    event = json.loads(data.removeprefix("data: "))
    assert (event["type"], event["message"], event["sequence_number"]) == ("error", "Nothing came for 60 s.", 2)
