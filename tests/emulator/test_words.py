"""What emulated providers say of failures is what the client halves understand by it."""

from __future__ import annotations

import msgspec
import pytest

from understudy.dialects import load
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.emulator import Fault, cast
from understudy.emulator.actor import Actor
from understudy.providers import row
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpHead, HttpReply, HttpRequest

PROVIDERS = cast.types()
GEMINI = "/v1beta/models/gemini-3.8-flash:generateContent"
CHATS = {
    "replicate": "/v1/predictions",
    "anthropic": "/v1/messages",
    "ollama": "/api/chat",
    "cohere": "/v2/chat",
    "google": GEMINI,
}
SHAPES = {"cohere": "message", "replicate": "detail"}
"""The field of an error body that is not `error`."""


def understood(provider: str, reply: HttpReply) -> Failure:
    """Read an error reply as the client half of the provider's chat dialect does."""
    home = row(provider)
    request = GenerationRequest(messages=(Message.user("Hello"),))
    exchange = load(home.dialects[Operation.CHAT]).open(Operation.CHAT, request, endpoint_of(home, "model"))
    exchange.start()
    exchange.head(HttpHead(reply.status, {name.lower(): value for name, value in reply.headers}))
    steps = [*exchange.feed(reply.body), *exchange.close()]
    assert isinstance(steps[-1], Failure)
    return steps[-1]


def told(provider: str, fault: Fault) -> HttpReply:
    """Return what the emulated provider answers to a chat under a fault."""
    actor = Actor(cast.find(provider), None)
    path = CHATS.get(provider, f"{actor.mount}/chat/completions")
    answer = actor.answer(actor.call(HttpRequest("POST", path)), 1, fault)
    assert isinstance(answer, HttpReply)
    return answer


@pytest.mark.parametrize(
    ("provider", "kind"), [(name, kind) for name in PROVIDERS for kind in sorted(cast.find(name).words)]
)
def test_every_failure_is_understood_as_what_it_is(provider: str, kind: FailureKind) -> None:
    reply = told(provider, Fault.error(kind, retry_after=7))
    failure = understood(provider, reply)
    # A parameter that the provider lacks is a request that it calls invalid, and the client half may say either.
    same = {kind, FailureKind.INVALID_REQUEST} if kind is FailureKind.UNSUPPORTED else {kind}
    assert failure.kind in same
    assert failure.status == reply.status == cast.find(provider).words[kind].status
    assert failure.retry_after == 7


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 529])
def test_every_status_is_answered_in_the_providers_shape(provider: str, status: int) -> None:
    reply = told(provider, Fault.status(status, message="as you wished"))
    failure = understood(provider, reply)
    assert (reply.status, failure.status) == (status, status)
    # Of a 404 that names no model the message adds what may be wrong.
    assert failure.message.startswith("as you wished")
    assert SHAPES.get(provider, "error") in msgspec.json.decode(reply.body)
