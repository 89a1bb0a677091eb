"""What official clients make of answers that are held back, and of answers that restart: one answer, or an error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic
import cohere
import httpx
import ollama
import openai
import pytest
from google import genai
from replicate.client import Client as Replicate
from replicate.stream import EventSource

from understudy import dialects
from understudy.dialects.server import Inbound
from understudy.domain import events as e
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest

BROKEN = Failure(kind=FailureKind.DISCONNECTED, message="the connection was closed")
RESTARTED = e.Restarted(provider="backup", failed_provider="primary", failure=BROKEN)
FIRST: list[e.Event] = [e.Started(id="1", model="m"), e.TextDelta(0, "Half an ")]
SECOND: list[e.Event] = [e.Started(id="2", model="n"), e.TextDelta(0, "Other"), e.Finished(FinishReason.STOP)]
BEAT = e.Heartbeat()


class Handler(BaseHTTPRequestHandler):
    """Answers every request with the same stream."""

    body = b""
    headers_sent: tuple[tuple[str, str], ...] = ()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in self.headers_sent:
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


@contextmanager
def serving(body: bytes, headers: Any) -> Iterator[str]:
    made = type("Own", (Handler,), {"body": body, "headers_sent": headers})
    server = ThreadingHTTPServer(("127.0.0.1", 0), made)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def rendered(dialect: str, events: list[e.Event], *, ends: bool = True) -> tuple[bytes, Any]:
    half = dialects.load_server(dialect)
    request = GenerationRequest(messages=(), model="m")
    inbound = Inbound(operation=Operation.CHAT, request=request, stream=True, options={"sse": True})
    renderer = half.renderer(inbound)
    body = b"".join(map(renderer.feed, events))
    return body + (renderer.close() if ends else b""), renderer.headers


# ---- the clients ----


def openai_chat(url: str) -> str:
    client = openai.OpenAI(api_key="k", base_url=url, max_retries=0)
    chunks = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def openai_responses(url: str) -> str:
    client = openai.OpenAI(api_key="k", base_url=url, max_retries=0)
    with client.responses.stream(model="m", input="Hi") as stream:
        return stream.get_final_response().output_text


def anthropic_messages(url: str) -> str:
    client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]) as stream:
        return stream.get_final_text()


def google(url: str) -> str:
    client = genai.Client(api_key="k", http_options={"base_url": url})
    return "".join(chunk.text or "" for chunk in client.models.generate_content_stream(model="m", contents="Hi"))


def cohere_chat(url: str) -> str:
    client = cohere.ClientV2("k", base_url=url)
    text = ""
    for event in client.chat_stream(model="m", messages=[cohere.UserChatMessageV2(content="Hi")]):
        if event.type == "content-delta":
            text += event.delta.message.content.text  # type: ignore[union-attr, operator]
        elif event.type == "message-end" and event.delta.finish_reason != "COMPLETE":  # type: ignore[union-attr]
            raise RuntimeError(event.delta.finish_reason)  # type: ignore[union-attr]
    return text


def ollama_chat(url: str) -> str:
    chunks = ollama.Client(url).chat("m", [{"role": "user", "content": "Hi"}], stream=True)
    return "".join(chunk.message.content or "" for chunk in chunks)


def replicate_stream(url: str) -> str:
    text = ""
    with httpx.Client() as client, client.stream("GET", url) as response:
        for event in EventSource(Replicate(api_token="k"), response):
            if event.event.value == "error":
                raise RuntimeError(event.data)
            text += event.data if event.event.value == "output" else ""
    return text


CLIENTS: dict[str, Callable[[str], str]] = {
    "openai": openai_chat,
    "responses": openai_responses,
    "anthropic": anthropic_messages,
    "gemini": google,
    "cohere": cohere_chat,
    "ollama": ollama_chat,
    "replicate": replicate_stream,
}
each = pytest.mark.parametrize("dialect", CLIENTS)


@each
def test_signs_of_life_are_ignored_wherever_they_come(dialect: str) -> None:
    spread: list[e.Event] = [BEAT, BEAT]
    for event in SECOND:
        spread += [event, BEAT]
    body, headers = rendered(dialect, spread)
    assert len(body) > len(rendered(dialect, SECOND)[0]), "something was sent"
    with serving(body, headers) as url:
        assert CLIENTS[dialect](url) == "Other"


@each
def test_an_answer_that_restarts_is_an_error_to_who_has_seen_a_part_of_it(dialect: str) -> None:
    body, headers = rendered(dialect, [*FIRST, RESTARTED, BEAT, *SECOND])
    assert b"Other" not in body
    begun, _ = rendered(dialect, FIRST, ends=False)
    assert body.startswith(begun)
    with serving(body, headers) as url, pytest.raises(Exception) as caught:  # noqa: PT011 - each client has its own
        CLIENTS[dialect](url)
    assert not isinstance(caught.value, AssertionError)


@each
def test_an_answer_that_restarts_before_any_of_it_was_sent_begins_anew(dialect: str) -> None:
    body, headers = rendered(dialect, [RESTARTED, *SECOND])
    assert (body, headers) == rendered(dialect, SECOND)


@each
def test_nothing_follows_an_error(dialect: str) -> None:
    half = dialects.load_server(dialect)
    inbound = Inbound(operation=Operation.CHAT, request=GenerationRequest(messages=(), model="m"), stream=True)
    renderer = half.renderer(inbound)
    assert renderer.fail(BROKEN)
    assert not any(map(renderer.feed, [*FIRST, BEAT, RESTARTED, *SECOND]))
    assert renderer.close() == b""
    assert renderer.fail(BROKEN) == b""
