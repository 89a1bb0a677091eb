"""Drives an exchange over bytes that are already there, as the engine does over a connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tests.contract.aside import Cooldown
from understudy.dialects.base import Exchange, Send
from understudy.domain.failures import Failure
from understudy.wire.http import HttpHead, HttpReply, HttpRequest


class Outcome(msgspec.Struct):
    """All that an exchange said."""

    steps: list[Any]
    """Events, vectors, models or a count, without sends and failure."""
    requests: list[HttpRequest]
    failure: Failure | None = None
    finished_at: int | None = None
    """How many bytes had been fed when the exchange said that it expects no more."""

    @property
    def request(self) -> HttpRequest:
        assert len(self.requests) == 1
        return self.requests[0]

    def one(self) -> Any:
        """Return the only step of a successful exchange."""
        assert self.failure is None, self.failure
        assert len(self.steps) == 1, self.steps
        return self.steps[0]


def drive(
    exchange: Exchange[Any],
    head: HttpHead,
    pieces: Iterable[bytes],
    *,
    heed_finished: bool = True,
    final: bytes | None = None,
) -> Outcome:
    """Feed the pieces and close. With `heed_finished` the rest is not fed once the exchange is finished. `final` is
    what a wire that tells the end of a stream apart from it says there."""
    outcome = Outcome([], [])
    aside = Cooldown(exchange, of_stream=head.content_type == "text/event-stream", final=final)
    _take(outcome, aside.settled(exchange.start()))
    if outcome.failure is not None:
        return outcome
    assert outcome.requests, "the exchange sent nothing"
    _take(outcome, exchange.head(head))
    fed = 0
    for piece in pieces:
        if outcome.failure is not None or (heed_finished and exchange.finished):
            break
        _take(outcome, aside.settled(exchange.feed(piece)))
        fed += len(piece)
        if exchange.finished and outcome.finished_at is None:
            outcome.finished_at = fed
    if outcome.failure is None and not (heed_finished and exchange.finished):
        _take(outcome, aside.settled(exchange.close()))
    assert exchange.finished, "after its last byte an exchange is finished"
    return outcome


def drive_reply(exchange: Exchange[Any], reply: HttpReply) -> Outcome:
    """Feed what a server half wrote."""
    return drive(exchange, head_of(reply), [reply.body])


def head_of(reply: HttpReply) -> HttpHead:
    return HttpHead(reply.status, {name.lower(): value for name, value in reply.headers})


def open_only(exchange: Exchange[Any]) -> Outcome:
    """Start an exchange and look at what it would send."""
    outcome = Outcome([], [])
    _take(outcome, Cooldown(exchange).settled(exchange.start()))
    return outcome


def _take(outcome: Outcome, steps: Iterable[Any]) -> None:
    for step in steps:
        assert outcome.failure is None, f"{step} follows the failure that ended the exchange"
        match step:
            case Send(request):
                outcome.requests.append(request)
            case Failure():
                outcome.failure = step
            case _:
                outcome.steps.append(step)
