"""Predictions whose making got no answer, and ones that nobody waits for any more.

Making one is not idempotent (Replicate's HTTP API has no key for that), so what cannot be told is not repeated there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

import understudy as u
from tests.hostile.answers.base import TEXT, at_home
from tests.hostile.answers.replicate import CLOSE, DONE, is_creation, prediction
from tests.hostile.clients import Cast, cast, tried, until
from tests.hostile.framing import HTML, cut_response, response
from tests.hostile.server import Close, Hang, HostileServer, Party, Request, Reset, Script

SILENT = {"first_event_timeout": 0.4, "timeout": 0.4}


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer() as running:
        yield running


def _listed(request: Request, made: list[bytes]) -> bytes:
    """The list of the account's predictions: one that was made a second from now, with the inputs that were sent."""
    inputs = msgspec.json.decode(made[0])["input"]
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 1))
    found = msgspec.json.decode(at_home(DONE, request))
    return msgspec.json.encode({"results": [{**found, "input": inputs, "created_at": when}]})


NO_ANSWER: Script = (Reset(),)


def _replies(party: Party, search: str, answer: Script = NO_ANSWER) -> None:
    """Answer the making of every prediction like this, and say that of the list of predictions."""
    usual = party.respond
    bodies: list[bytes] = []

    def respond(request: Request) -> Script:
        if is_creation(request):
            bodies.append(request.body)
            return answer
        if request.path == "/v1/predictions" and search == "made":
            return (response(200, _listed(request, bodies), headers=CLOSE),)
        if request.path == "/v1/predictions" and search == "down":
            return (response(500, b"{}", headers=CLOSE),)
        if request.path == "/v1/predictions" and search == "reset":
            return (Reset(),)
        return usual(request)

    party.respond = respond


LOST: dict[str, Script] = {
    "reset": NO_ANSWER,
    "page with the status of success": (response(201, b"<html>201</html>", HTML, CLOSE),),
    "half a body": (cut_response(DONE, 40), Close()),
    "page with 502": (response(502, b"<html>502</html>", HTML, CLOSE),),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
@pytest.mark.parametrize("operation", ["generate", "stream"])
async def test_one_that_was_made_all_the_same_is_found_and_followed(
    server: HostileServer, operation: str, lost: Script
) -> None:
    async with cast(server, "replicate", lambda _: None, operation=operation) as made:
        _replies(made.primary, "made", lost)
        answer = await made.ask()
        assert (answer.provider, answer.text) == ("primary", TEXT)
        assert len(made.hits()) == 1


@pytest.mark.parametrize("operation", ["generate", "stream"])
async def test_one_that_was_not_made_is_made_again(server: HostileServer, operation: str) -> None:
    async with cast(server, "replicate", lambda _: None, operation=operation) as made:
        _replies(made.primary, "not made")
        answer = await made.ask()
        assert tried(answer.attempts) == [*[("primary", "disconnected")] * 3, ("backup", "ok")]
        assert len(made.hits()) == 3


@pytest.mark.parametrize("search", ["down", "reset"])
@pytest.mark.parametrize("operation", ["generate", "stream"])
async def test_one_of_which_nobody_can_tell_is_not_made_again(
    server: HostileServer, operation: str, search: str
) -> None:
    async with cast(server, "replicate", lambda _: None, operation=operation) as made:
        _replies(made.primary, search)
        answer = await made.ask()
        assert tried(answer.attempts) == [("primary", "disconnected"), ("backup", "ok")]
        assert answer.attempts[0].cost_basis is u.CostBasis.UNKNOWN
        assert len(made.hits()) == 1
    async with cast(server, "replicate", lambda _: None, operation=operation, alone=True) as made:
        _replies(made.primary, search)
        assert tried((await made.lost()).attempts) == [("primary", "disconnected")]
        assert len(made.hits()) == 1


def _cancels(made: Cast) -> list[Request]:
    return [each for each in made.primary.requests if each.path == "/v1/predictions/p1/cancel"]


def _never_done(made: Cast) -> None:
    """Make predictions that run for ever and say nothing."""
    usual = made.primary.respond

    def respond(request: Request) -> Script:
        if is_creation(request):
            return (response(201, at_home(prediction("starting"), request), headers=CLOSE),)
        if request.path == "/v1/predictions/p1":
            return (response(200, at_home(prediction("processing"), request), headers=CLOSE),)
        if request.path == "/stream/p1":
            return (Hang(),)
        return usual(request)

    made.primary.respond = respond


@pytest.mark.parametrize("operation", ["generate", "stream"])
async def test_one_that_is_given_up_is_cancelled(server: HostileServer, operation: str) -> None:
    """It would go on running, and billing: when another is asked, at the deadline, and when the caller leaves."""
    async with cast(server, "replicate", lambda _: None, operation=operation, limits=SILENT) as made:
        _never_done(made)
        assert (await made.ask()).provider == "backup"
        await until(lambda: _cancels(made))
    async with cast(server, "replicate", lambda _: None, operation=operation, alone=True) as made:
        _never_done(made)
        assert isinstance(await made.lost(deadline=0.4), u.DeadlineExceeded)
        await until(lambda: _cancels(made))
    async with cast(server, "replicate", lambda _: None, operation=operation) as made:
        _never_done(made)
        asking = asyncio.create_task(made.ask())
        await until(made.hits)
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: _cancels(made))


async def test_a_cancellation_that_is_answered_late_keeps_nobody_waiting(server: HostileServer) -> None:
    async with cast(server, "replicate", lambda _: None, alone=True) as made:
        _never_done(made)
        usual = made.primary.respond

        def respond(request: Request) -> Script:
            late = request.path.endswith("/cancel")
            return (Hang(),) if late else usual(request)

        made.primary.respond = respond
        assert isinstance(await made.lost(deadline=0.4), u.DeadlineExceeded)
        assert any("_send_cancellation" in repr(task) for task in asyncio.all_tasks())
        await until(lambda: _cancels(made))
