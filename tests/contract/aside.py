"""Replicate's further requests, answered: the suite asks one request and hands back one response.

What a test is about is the making of a prediction or, where it hands back a stream of events, that stream. The model's
description comes before it, and the prediction's end after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from understudy.dialects.base import Exchange, Send
from understudy.dialects.replicate.exchange import PredictionExchange
from understudy.dialects.replicate.render_models import inputs_of, render_openapi
from understudy.wire.http import HttpHead, HttpRequest

MODEL: dict[str, Any] = {
    "owner": "o",
    "name": "m",
    "is_official": True,
    "latest_version": {
        "id": "v",
        "openapi_schema": render_openapi(inputs_of(frozenset({"chat", "vision", "thinking"}))),
    },
}
ENDED = b'{"id":"1","model":"m","status":"succeeded","output":null}'
FOUND = HttpHead(200, {"content-type": "application/json"})


class Cooldown:
    """Answers what an exchange asks for beside the request that a test is about. Other exchanges ask for nothing."""

    def __init__(self, exchange: Exchange[Any], *, of_stream: bool = False, final: bytes | None = None) -> None:
        """`of_stream`: the test is about the stream; `final` is what the prediction was when it had ended."""
        self._exchange = exchange
        self._of_stream = of_stream
        self._final = final or ENDED

    def settled(self, steps: Iterable[Any]) -> list[Any]:
        """Return the steps that remain when all those requests are answered."""
        waiting, remaining = list(steps), []
        while waiting:
            step = waiting.pop(0)
            answer = self._answer(step.request) if isinstance(step, Send) else None
            if answer is None:
                remaining.append(step)
                continue
            exchange = self._exchange
            waiting += [*exchange.head(FOUND), *exchange.feed(answer), *exchange.close()]
        return remaining

    def _answer(self, request: HttpRequest) -> bytes | None:
        if not isinstance(self._exchange, PredictionExchange):
            return None
        if request.method == "GET" and "/v1/models/" in request.url:
            model = MODEL["latest_version"] if "/versions/" in request.url else MODEL
            return json.dumps(model).encode()
        if request.method == "GET" and "/v1/predictions/" in request.url:
            return self._final
        if request.method == "POST" and self._of_stream:
            made = {**json.loads(self._final), "status": "starting", "output": None, "metrics": None}
            return json.dumps({**made, "urls": {"stream": "/v1/streams/1"}}).encode()
        return None
