"""Callers who go away, on virtual time: the connection is closed at the instant at which its caller leaves, in every
wire format, plain and streamed, however far the answer has come. The same over sockets, which have no such clock, is
in tests/hostile/test_abandoned.py.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import understudy as u
from tests.faults.memory import Head, Party, Script, Wait
from tests.faults.stage import PRICE, PROMPT
from tests.faults.vendors import VENDORS
from tests.hostile.answers import replicate
from tests.hostile.answers.all import DIALECTS
from tests.hostile.answers.base import Answers, at_home
from tests.hostile.clients import CHATTING
from tests.hostile.server import Request
from understudy.engine.run import Run
from understudy.testing import run_virtually

LEFT_AT = 5.0
"""When the caller leaves; no time-out ends the attempt before that."""
STAGES = ("before the headers", "before the first event", "in mid-answer")
WAYS = ("cancelled", "out of patience", "stream closed", "provider closed")
LATEST_CANCELLATION = 1.0
"""Seconds within which Replicate must be asked to cancel a prediction."""


class Leaving(msgspec.Struct, frozen=True):
    """How far the answer has come, and how its caller leaves."""

    dialect: str
    streamed: bool
    stage: str
    way: str
    hedges: bool = False
    """Whether the attempt may run beside another one, which its run then waits for in another way."""

    @property
    def name(self) -> str:
        """All of it in a line."""
        mode = "streamed" if self.streamed else "plain"
        return f"{self.dialect}, {mode}, {self.stage}, {self.way}{', hedging' if self.hedges else ''}"

    @property
    def is_made(self) -> bool:
        """Whether a prediction is known to have been made, which goes on unless it is cancelled."""
        return self.dialect == "replicate" and (self.streamed or self.stage == "in mid-answer")


LEAVINGS = [
    Leaving(*each)
    for each in itertools.product(CHATTING, (False, True), STAGES, WAYS, (False, True))
    if each[1] or each[3] != "stream closed"
]


def stuck(leaving: Leaving, answers: Answers) -> Callable[[Request], Script]:
    """Answer as far as the stage says, and no further."""
    head = Head(200, answers.stream_type) if leaving.streamed else Head(answers.plain_status)
    begun = (answers.opening,) if leaving.streamed else ()
    content = answers.pieces[:2] if leaving.streamed else (answers.plain[: len(answers.plain) // 3],)
    far: dict[str, Script] = {
        "before the headers": (Wait(),),
        "before the first event": (head, *begun, Wait()),
        "in mid-answer": (head, *begun, *content, Wait()),
    }

    def act(request: Request) -> Script:
        if leaving.dialect != "replicate":
            return far[leaving.stage]
        if request.method == "GET" and request.path.endswith(("/stream/p1", "/predictions/p1")):
            return far[leaving.stage] if leaving.streamed else (Wait(),)
        if replicate.is_creation(request) and not leaving.streamed:
            # An answer that is waited for comes as a whole: its middle is when it is looked at again and again.
            unfinished = Head(201), at_home(answers.begun, request)
            return unfinished if leaving.stage == "in mid-answer" else far[leaving.stage]
        return VENDORS["replicate"].good(request)

    return act


async def play(leaving: Leaving) -> list[str]:
    """Let a caller leave, and return what happened too late or not at all."""
    answers = DIALECTS[leaving.dialect]
    party = Party(stuck(leaving, answers))
    config = u.ProviderConfig(
        provider=answers.provider,
        api_key=u.Secret("key"),
        text_model=answers.model,
        price=PRICE,
        first_event_timeout=60,
    )
    rules = u.FallbackConfig(whole="plain", hedge=leaving.hedges, hedge_after=100 if leaving.hedges else None)
    llm = u.ProviderManager([u.create_provider(config, transport=party)], rules)
    began = asyncio.get_running_loop().time()
    asking = asyncio.ensure_future(_leave(llm, leaving, began + LEFT_AT))
    await asyncio.wait((asking,))
    found = [f"it ended with {ending!r}"] if (ending := asking.result()) else []
    if (gone := asyncio.get_running_loop().time() - began) != LEFT_AT:
        found.append(f"the caller is let go after {gone} s")
    await asyncio.sleep(10.0)
    await llm.aclose()
    is_cancellation = [visit.request.path.endswith("/cancel") for visit in party.visits]
    open_ones = [visit for visit, cancels in zip(party.visits, is_cancellation, strict=True) if not cancels]
    left = [visit.left_at for visit in open_ones if not visit.whole]
    if left != [began + LEFT_AT]:
        found.append(f"closed at {left}, and the caller left at {began + LEFT_AT}")
    sent = [visit.at - began - LEFT_AT for visit, cancels in zip(party.visits, is_cancellation, strict=True) if cancels]
    if len(sent) != leaving.is_made or any(late > LATEST_CANCELLATION for late in sent):
        found.append(f"cancellations sent {sent} s after the caller left")
    return [f"{leaving.name}: {each}" for each in found]


async def _leave(llm: u.ProviderManager, leaving: Leaving, at: float) -> object:
    """Ask, and leave at a time; return what came of it, if it is not what comes of leaving."""
    stream = llm.stream(PROMPT)
    call: Any = _read(stream) if leaving.streamed else llm.generate(PROMPT)
    expected: type[BaseException] = u.Unavailable
    loop = asyncio.get_running_loop()
    if leaving.way == "out of patience":
        call, expected = asyncio.wait_for(call, at - loop.time()), TimeoutError
    asking = asyncio.ensure_future(call)
    await asyncio.sleep(at - loop.time())
    match leaving.way:
        case "cancelled":
            asking.cancel()
            expected = asyncio.CancelledError
        case "stream closed":
            await stream.aclose()
        case "provider closed":
            await llm.aclose()
    try:
        return await asking
    except expected:
        return None
    except BaseException as error:  # noqa: BLE001 - whatever comes is judged
        return error


async def _read(stream: u.ResponseStream) -> str:
    return "".join([piece async for piece in stream.text()])


async def _played(leavings: list[Leaving]) -> list[str]:
    return [complaint for each in leavings for complaint in await play(each)]


@pytest.mark.parametrize("dialect", CHATTING)
def test_the_connection_is_closed_when_its_caller_leaves(dialect: str) -> None:
    picked = [each for each in LEAVINGS if each.dialect == dialect]
    assert len(picked) == 3 * (3 + 4) * 2
    assert run_virtually(_played(picked)) == []


def test_a_connection_that_is_closed_late_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    close = vars(Run)["_close_aborted"]

    async def late(self: Run) -> None:
        await asyncio.sleep(1.5)
        await close(self)

    monkeypatch.setattr(Run, "_close_aborted", late)
    picked = [each for each in LEAVINGS if each.way == "cancelled" and each.stage == "in mid-answer"]
    found = "\n".join(run_virtually(_played(picked)))
    assert all(f"{dialect}, streamed" in found for dialect in CHATTING)
    assert "cancellations sent [1.5]" in found
