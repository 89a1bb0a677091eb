"""Bodies and warnings that single requests have in a dialect, without an engine or a provider's table around it."""

from __future__ import annotations

import json
from typing import Any

import understudy as u
from understudy.dialects import load
from understudy.dialects.base import Endpoint, Send
from understudy.dialects.quirks import Quirks
from understudy.domain.events import Warned
from understudy.domain.operation import Operation
from understudy.domain.requests import WireOrigin

ASK = u.Message.user("Hello")
PLAIN = Quirks()
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}


def sent(
    dialect: str, operation: Operation, request: Any, quirks: Quirks = PLAIN, *, model: str | None = "a-model",
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the body of a request in a dialect."""
    endpoint = Endpoint(provider="p", base_url="http://host", model=model, quirks=quirks, options=options or {})
    steps = load(dialect).open(operation, request, endpoint).start()
    (send,) = [step for step in steps if isinstance(step, Send)]
    body: dict[str, Any] = json.loads(send.request.body or b"")
    return body


def came_in(dialect: str, body: dict[str, Any], **configured: Any) -> u.GenerationRequest:
    """Return a request that came in on a wire, with values of the configuration."""
    return u.GenerationRequest(
        messages=(ASK,),
        model="a-model",
        origin=WireOrigin(dialect, json.dumps(body).encode()),
        configured=frozenset(configured),
        **configured,
    )


def outcome(
    dialect: str, *messages: u.Message, quirks: Quirks = PLAIN, **options: Any
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return the body of a conversation in a dialect, and its warnings: what they do to what."""
    endpoint = Endpoint(provider="p", base_url="http://host", model="a-model", quirks=quirks)
    request = u.GenerationRequest(messages=messages, **options)
    steps = list(load(dialect).open(Operation.CHAT, request, endpoint).start())
    (send,) = [step for step in steps if isinstance(step, Send)]
    warned = [(str(step.warning.kind), step.warning.what) for step in steps if isinstance(step, Warned)]
    return json.loads(send.request.body or b""), warned
