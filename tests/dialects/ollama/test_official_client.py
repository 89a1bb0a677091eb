"""Ollama's own Python client, over a real socket, against the server half."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import ollama
import pytest

from understudy.dialects.ollama.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain import events as e
from understudy.domain.content import Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message, Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.domain.usage import Usage
from understudy.wire.http import HttpReply, HttpRequest

RESPONSE = GenerationResponse(
    message=Message.assistant(
        (Thinking("hm"), Text("grüß dich"), ToolCall(id="c", name="add", arguments='{"x": [1, 2]}'))
    ),
    finish_reason=FinishReason.TOOL_CALLS,
    usage=Usage(input=3, output=5),
    model="m2",
    created=1767225600.25,
)
EVENTS = (
    e.Started(model="m2", created=1767225600.25),
    e.ThinkingDelta(0, "hm"),
    e.TextDelta(1, "grüß "),
    e.TextDelta(1, "dich"),
    e.ToolCallStarted(2, "c", "add"),
    e.ToolCallDelta(2, '{"x": [1, 2]}'),
    e.UsageReported(Usage(input=3, output=5)),
    e.Finished(FinishReason.TOOL_CALLS),
)
MODELS = [
    ModelInfo(id="llama3.2:latest", created=1767225600.0, context_window=4096, capabilities=frozenset({"chat"})),
    ModelInfo(id="b"),
]
FAILURES = {
    "missing": Failure(kind=FailureKind.NOT_FOUND, message="model 'missing' not found"),
    "busy": Failure(kind=FailureKind.OVERLOADED, message="server busy"),
}


class Stand(ThreadingHTTPServer):
    """Answers every operation with the same, and keeps what it read."""

    seen: list[Inbound]
    keys: list[str | None]


class Handler(BaseHTTPRequestHandler):
    @property
    def stand(self) -> Stand:
        assert isinstance(self.server, Stand)
        return self.server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        request = HttpRequest(self.command, self.path, tuple(self.headers.items()), body)
        self.stand.keys.append(SERVER.credential(request))
        try:
            inbound = SERVER.parse(request)
        except BadRequest as refusal:
            return self._reply(SERVER.render_error(refusal.failure))
        self.stand.seen.append(inbound)
        if inbound.request.model in FAILURES:
            return self._reply(SERVER.render_error(FAILURES[inbound.request.model]))
        if inbound.stream:
            return self._stream(inbound)
        match inbound.operation:
            case Operation.CHAT:
                return self._reply(SERVER.render(RESPONSE, inbound))
            case Operation.EMBED:
                vectors = EmbeddingResponse(embeddings=((0.5, 1.0),), model="m2", usage=Usage(input=4))
                return self._reply(SERVER.render(vectors, inbound))
            case _:
                return self._reply(SERVER.render(MODELS, inbound))

    def _reply(self, reply: HttpReply) -> None:
        self._head(reply.status, reply.headers)
        self.wfile.write(reply.body)

    def _stream(self, inbound: Inbound) -> None:
        renderer = SERVER.renderer(inbound)
        self._head(200, renderer.headers)
        broken = inbound.request.model == "breaks"
        for event in EVENTS[:3] if broken else EVENTS:
            self.wfile.write(renderer.feed(event))
        failure = Failure(kind=FailureKind.SERVER_ERROR, message="it broke")
        self.wfile.write(renderer.fail(failure) if broken else renderer.close())

    def _head(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def stand() -> Iterator[Stand]:
    with Stand(("127.0.0.1", 0), Handler) as server:
        server.seen, server.keys = [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Iterator[ollama.Client]:
    monkeypatch.setenv("OLLAMA_API_KEY", "k-123")
    with ollama.Client(host=f"127.0.0.1:{stand.server_port}", trust_env=False) as made:
        yield made


def add(x: int, y: int) -> int:
    """Add two numbers.

    Args:
        x: one
        y: two
    """
    return x + y


def test_chat(client: ollama.Client, stand: Stand) -> None:
    answer = client.chat(
        "m",
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a", "thinking": "t"}],
        tools=[add],
        think="high",
        format={"type": "object"},
        options={"num_predict": 3, "num_ctx": 9},
        keep_alive="5m",
    )
    assert (answer.model, answer.done, answer.done_reason) == ("m2", True, "stop")
    assert (answer.message.role, answer.message.content, answer.message.thinking) == ("assistant", "grüß dich", "hm")
    assert answer.message.tool_calls is not None
    assert answer.message.tool_calls[0].function.model_dump() == {"name": "add", "arguments": {"x": [1, 2]}}
    assert (answer.prompt_eval_count, answer.eval_count, answer.total_duration) == (3, 5, None)
    assert answer.created_at == "2026-01-01T00:00:00.250000Z"
    read = stand.seen[0].request
    assert isinstance(read, GenerationRequest)
    assert (read.max_tokens, read.extra) == (3, {"ollama": {"keep_alive": "5m", "options": {"num_ctx": 9}}})
    assert [tool.name for tool in read.tools if isinstance(tool, Tool)] == ["add"]
    assert stand.keys == ["k-123"]


def test_stream(client: ollama.Client) -> None:
    lines = list(client.chat("m", [{"role": "user", "content": "hi"}], stream=True))
    assert "".join(line.message.content or "" for line in lines) == "grüß dich"
    assert "".join(line.message.thinking or "" for line in lines) == "hm"
    assert [call.function.name for line in lines for call in line.message.tool_calls or ()] == ["add"]
    assert [line.done for line in lines] == [False] * 4 + [True]
    assert (lines[-1].done_reason, lines[-1].eval_count) == ("stop", 5)


def test_a_history_with_its_own_answer_comes_back(client: ollama.Client, stand: Stand) -> None:
    answer = client.chat("m", [{"role": "user", "content": "hi"}])
    result = {"role": "tool", "content": "3", "tool_name": "add"}
    client.chat("m", [{"role": "user", "content": "hi"}, answer.message, result])
    read = stand.seen[1].request
    assert isinstance(read, GenerationRequest)
    call, thinking = read.messages[1].parts[2], read.messages[1].parts[0]
    assert isinstance(call, ToolCall)
    assert isinstance(thinking, Thinking)
    assert json.loads(call.arguments) == {"x": [1, 2]}
    assert getattr(read.messages[2].parts[0], "call_id", None) == call.id


def test_generate(client: ollama.Client, stand: Stand) -> None:
    answer = client.generate("m", "hi", system="brief")
    assert (answer.response, answer.thinking, answer.done) == ("grüß dich", "hm", True)
    read = stand.seen[0].request
    assert isinstance(read, GenerationRequest)
    assert read.messages == (Message.system("brief"), Message.user("hi"))
    lines = list(client.generate("m", "hi", stream=True))
    assert "".join(line.response or "" for line in lines) == "grüß dich"
    assert "".join(line.thinking or "" for line in lines) == "hm"
    assert lines[-1].done


def test_embed(client: ollama.Client) -> None:
    answer = client.embed("m", "a text", dimensions=2)
    assert (answer.model, answer.embeddings, answer.prompt_eval_count) == ("m2", [[0.5, 1.0]], 4)
    assert client.embeddings("m", "a text").embedding == [0.5, 1.0]


def test_list_and_show(client: ollama.Client) -> None:
    listed = client.list().models
    assert [model.model for model in listed] == ["llama3.2:latest", "b"]
    assert listed[0].modified_at is not None
    shown = client.show("llama3.2")
    assert shown.capabilities == ["completion"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["unknown.context_length"] == 4096


@pytest.mark.parametrize(("model", "status"), [("missing", 404), ("busy", 503)])
@pytest.mark.parametrize("stream", [True, False])
def test_errors(client: ollama.Client, model: str, status: int, stream: bool) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        _ = list(client.chat(model, stream=True)) if stream else client.chat(model)
    assert (caught.value.status_code, caught.value.error) == (status, FAILURES[model].message)


def test_a_request_that_cannot_be_read(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="top_logprobs") as caught:
        client.chat("m", top_logprobs=21)
    assert caught.value.status_code == 400


def test_an_unknown_model(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        client.show("nobody")
    assert caught.value.status_code == 404


def test_an_error_in_the_middle_of_a_stream(client: ollama.Client) -> None:
    texts: list[str] = []
    with pytest.raises(ollama.ResponseError, match="it broke"):
        texts += (line.message.content or "" for line in client.chat("breaks", stream=True))
