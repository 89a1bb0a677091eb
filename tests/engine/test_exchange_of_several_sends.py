"""An exchange with several sends: it reads a schema, creates, polls and, when abandoned, cancels.

No dialect of today needs all of that; Replicate's will. The exchange here is the proof that the engine can.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.engine.fakes import eventually
from understudy.dialects.base import Send
from understudy.domain.events import Event, Finished, Started, TextDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.secret import Secret
from understudy.engine.attempt_stream import AttemptFailed
from understudy.engine.auth import Credential
from understudy.engine.http_attempt import HttpAttempt
from understudy.engine.http_context import HttpContext, HttpPlace
from understudy.policy.targets import Limits
from understudy.providers.base import Auth
from understudy.transport.base import TransportError
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import decode_object, encode

BASE = "https://predictions.example"


class Prediction:
    """GET the schema, POST a prediction, GET it until it has ended, POST a cancellation when given up."""

    def __init__(self) -> None:
        self.finished = False
        self._state = "schema"
        self._id = ""
        self._body = b""
        self._losses = 0

    @property
    def refused(self) -> bool:
        return False

    @property
    def body(self) -> bytes | None:
        return None

    def start(self) -> list[Event | Send | Failure]:
        return [Send(HttpRequest("GET", f"{BASE}/schema"))]

    def head(self, head: HttpHead) -> list[Event | Send | Failure]:
        self._body = b""
        return []

    def feed(self, data: bytes) -> list[Event | Send | Failure]:
        self._body += data
        return []

    def close(self) -> list[Event | Send | Failure]:
        answer = decode_object(self._body)
        match self._state:
            case "schema":
                self._state = "create"
                body = encode({answer["prompt_field"]: "hi"})
                return [Send(HttpRequest("POST", f"{BASE}/predictions", body=body))]
            case "create":
                self._state, self._id = "poll", answer["id"]
                return [Started(id=self._id), self._poll()]
            case _ if answer["status"] == "succeeded":
                self.finished = True
                return [TextDelta(0, answer["output"]), Finished(FinishReason.STOP)]
            case _:
                return [self._poll()]

    def lost(self, failure: Failure) -> list[Event | Send | Failure]:
        """A lost poll is repeated; a lost create never is."""
        self._losses += 1
        return [self._poll()] if self._state == "poll" and self._losses < 3 else [failure]

    def abort(self) -> list[Event | Send | Failure]:
        return [Send(HttpRequest("POST", f"{BASE}/predictions/{self._id}/cancel"))] if self._id else []

    def _poll(self) -> Send:
        signed = f"https://elsewhere.example/{self._id}"
        return Send(HttpRequest("GET", signed), after=0.001, reuse_credential=True)


class Incoming:
    """A whole body in one piece, or one that never comes."""

    def __init__(self, body: bytes | None) -> None:
        self.head = HttpHead(200, {"content-type": "application/json"})
        self._pieces = [body, b""] if body is not None else []
        self.closed = asyncio.Event()

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0) or b""
        await self.closed.wait()
        raise TransportError(Failure(kind=FailureKind.DISCONNECTED, message="closed from here"))

    def release(self) -> None:
        return None

    def close(self) -> None:
        self.closed.set()


class ScriptedTransport:
    """Answers by script; `None` hangs, a failure is raised."""

    def __init__(self, *script: dict[str, Any] | Failure | None) -> None:
        self.script = list(script)
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        self.requests.append(request)
        answer = self.script.pop(0) if self.script else {}
        if isinstance(answer, Failure):
            raise TransportError(answer)
        return Incoming(None if answer is None else encode(answer))

    async def aclose(self) -> None:
        return None


def flight(transport: ScriptedTransport, **limits: Any) -> HttpAttempt:
    credential = Credential(Auth(), Secret("key-1"), BASE)
    context = HttpContext(HttpPlace(transport=transport), credential, Limits(**limits), "attempt-1", streamed=False)
    return HttpAttempt(Prediction(), context, dialect="test")


LOST = Failure(kind=FailureKind.DISCONNECTED, message="gone")


async def test_it_reads_creates_and_polls_within_one_attempt() -> None:
    transport = ScriptedTransport(
        {"prompt_field": "text"}, {"id": "p1"}, {"status": "processing"}, {"status": "succeeded", "output": "hello"}
    )
    events = [event async for batch in flight(transport) for event in batch]
    assert [type(event).__name__ for event in events] == ["Started", "TextDelta", "Finished"]
    assert [f"{request.method} {request.url}" for request in transport.requests] == [
        f"GET {BASE}/schema",
        f"POST {BASE}/predictions",
        "GET https://elsewhere.example/p1",
        "GET https://elsewhere.example/p1",
    ]
    assert decode_object(transport.requests[1].body or b"") == {"text": "hi"}


async def test_the_key_goes_only_to_the_hosts_of_the_row() -> None:
    transport = ScriptedTransport({"prompt_field": "t"}, {"id": "p1"}, {"status": "succeeded", "output": "x"})
    async for _ in flight(transport):
        pass
    keys = [dict(request.headers).get("authorization") for request in transport.requests]
    assert keys == ["Bearer key-1", "Bearer key-1", None]


def test_a_host_whose_name_only_begins_alike_gets_no_key() -> None:
    credential = Credential(Auth(), Secret("key-1"), BASE)
    for url in (f"{BASE}.evil.example/x", f"{BASE}:8443/x", "https://predictions.example@evil.example/x"):
        assert credential.attach(HttpRequest("GET", url), "attempt-1").headers == ()
    assert ("authorization", "Bearer key-1") in credential.attach(HttpRequest("GET", f"{BASE}/x"), "a").headers


async def test_a_lost_poll_is_repeated_but_the_create_is_not() -> None:
    transport = ScriptedTransport({"prompt_field": "t"}, {"id": "p1"}, LOST, {"status": "succeeded", "output": "x"})
    assert len([batch async for batch in flight(transport)]) == 2
    transport = ScriptedTransport({"prompt_field": "t"}, LOST)
    with pytest.raises(AttemptFailed) as caught:
        async for _ in flight(transport):
            pass
    assert caught.value.failure == LOST
    assert len(transport.requests) == 2


async def test_giving_up_cancels_the_prediction() -> None:
    transport = ScriptedTransport({"prompt_field": "t"}, {"id": "p1"}, None)
    under_way = flight(transport)
    await anext(under_way)
    waiting = asyncio.create_task(under_way.__anext__())
    await eventually(lambda: len(transport.requests) == 3)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await under_way.aclose()
    await eventually(lambda: transport.requests[-1].url == f"{BASE}/predictions/p1/cancel")


async def test_all_sends_share_the_time_limit() -> None:
    transport = ScriptedTransport({"prompt_field": "t"}, {"id": "p1"}, None)
    with pytest.raises(AttemptFailed) as caught:
        async for _ in flight(transport, total=0.05):
            pass
    assert caught.value.failure.kind is FailureKind.TIMEOUT_BODY
