"""Faults that are no single answer: callers who leave, who read slowly or have little time, several targets that fail
together, attempts beside each other, predictions whose making is uncertain. Each is played for every provider."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from unittest import mock

import msgspec

import understudy as u
from tests.faults.laws import B
from tests.faults.memory import Head, Lose, Repeat, Script, Wait
from tests.faults.rows.bodies import opening, plain_head, whole
from tests.faults.stage import PROMPT, Stage
from tests.faults.table import ALL_MODES, STREAMED, Act, Cell, Good, Mode, Moment, Place, Row, Scene
from tests.faults.vendors import VENDORS, Vendor
from tests.hostile.answers.base import PIECES, TEXT
from understudy.domain.failures import FailureKind as K

Play = Callable[[Stage], AsyncIterator[str]]


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """A play of its own, with the fault of a row."""

    row: Row
    play: Play
    alone: bool = False


def plot(name: str, words: str, source: str, act: Act, play: Play, **more: Any) -> Plot:
    """Return a plot; `more` are fields of its row, or `alone`."""
    alone = more.pop("alone", False)
    more.setdefault("place", Place.STREAM)
    row = Row(name=name, words=words, source=source, act=act, law=Good(), scenes=(Scene.BACKUP,), **more)
    return Plot(row=row, play=play, alone=alone)


async def played(cell: Cell, each: Plot) -> list[str]:
    """Play one plot for one provider; return the complaints."""
    stage = Stage(cell, alone=each.alone, once=False)
    try:
        return [f"{cell.name}: {complaint}" async for complaint in each.play(stage)]
    finally:
        await stage.manager.aclose()


def plot_cells(plots: Sequence[Plot]) -> list[tuple[Cell, Plot]]:
    """Return the cells of plots: every provider in every mode that a plot has."""
    return [
        (Cell(each.row, vendor, mode, Scene.BACKUP, 0, None, each.row.law), each)  # type: ignore[arg-type]
        for each in plots
        for vendor in VENDORS.values()
        if each.row.vendors(vendor)
        for mode in each.row.modes
    ]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _differs(what: str, got: Any, expected: Any) -> list[str]:
    return [] if got == expected else [f"{what}: {got!r}, expected {expected!r}"]


def _near(what: str, got: float | None, expected: float, within: float = 1e-6) -> list[str]:
    near = got is not None and abs(got - expected) <= within
    return [] if near else [f"{what}: {got}, expected {expected:g}"]


def _silent(moment: Moment) -> Script:
    return (Wait(),)


def _begun(pieces: int) -> Act:
    """Begin an answer and say no more."""
    return lambda moment: (*(opening(moment, pieces) if moment.streamed else (plain_head(moment), b" ")), Wait())


def _drip(moment: Moment) -> Script:
    if moment.streamed:
        return (*opening(moment, 1), Repeat(moment.vendor.answers.pieces[1], 0.3))
    return (plain_head(moment), whole(moment)[:1], Repeat(b" ", 0.3))


# ---- callers ----


async def _gone(stage: Stage) -> AsyncIterator[str]:
    """The caller is cancelled after a second."""
    counted = "content" in stage.cell.row.name and stage.cell.mode is not Mode.PLAIN
    asking = asyncio.ensure_future(stage.ask())
    await asyncio.sleep(1.0)
    began = _now()
    asking.cancel()
    seen = await asking
    for each in (
        *_differs("the caller gets", type(seen.error), asyncio.CancelledError),
        *_near("seconds until the caller is let go", _now() - began, 0.0),
    ):
        yield each
    await asyncio.sleep(1.0)
    for each in _abandoned(stage, at=began, basis=B.ESTIMATED if counted else B.UNKNOWN):
        yield each
    stage.over = True
    again = await stage.ask()
    for each in _differs("the next request asks first", again.first, "primary"):
        yield each


async def _left(stage: Stage) -> AsyncIterator[str]:
    """The reader of a stream leaves after its first piece."""
    stream = stage.manager.stream(PROMPT)
    shown = ""
    async for piece in stream.text():
        shown += piece
        break
    began = _now()
    await stream.aclose()
    await asyncio.sleep(1.0)
    for each in (*_differs("shown", shown, PIECES[0]), *_abandoned(stage, at=began, basis=B.ESTIMATED)):
        yield each
    stage.over = True
    again = await stage.ask()
    for each in _differs("the next request asks first", again.first, "primary"):
        yield each


def _abandoned(stage: Stage, *, at: float, basis: u.CostBasis) -> list[str]:
    """Check an attempt that its caller has left: the provider is told within a second, and nobody else is asked."""
    ends = [(each.provider, str(each.outcome), each.cost_basis) for each in stage.records]
    cancels = [visit for visit in stage.primary.visits if visit.request.path.endswith("/cancel")]
    visits = [
        each for each in stage.primary.visits if not each.whole and each.left_at is not None and each not in cancels
    ]
    made = any(visit.pieces and stage.cell.vendor.asks(visit.request) for visit in stage.primary.visits)
    needs_cancel = stage.cell.vendor.name == "replicate" and made
    return [
        *_differs("the attempts", ends, [("primary", "aborted", basis)]),
        *_differs("connections closed", len(visits), 1),
        *_near("closed at", visits[-1].left_at if visits else None, at),
        *_differs("the backup was asked", len(stage.asked("backup")), 0),
        *_differs("predictions cancelled", len(cancels), int(needs_cancel)),
        *([] if not cancels else _near("cancelled at", cancels[0].at, at, 1.0)),
    ]


async def _slow_reader(stage: Stage) -> AsyncIterator[str]:
    """The reader pauses for longer than every limit but the whole."""
    shown, ahead = "", 0
    stream = stage.manager.stream(PROMPT)
    async for piece in stream.text():
        if not shown:
            await asyncio.sleep(100.0)
            ahead = max(visit.pieces for visit in stage.primary.visits)
        shown += piece
    answer = stream.response
    for each in (
        *_differs("shown", shown, TEXT),
        *_differs("attempts", len(answer.attempts), 1),
        *_differs("how far the answer was read ahead of its reader", ahead <= 4, True),
        *_near("seconds", _now(), 100.0, 1e9),
    ):
        yield each


async def _short_of_time(stage: Stage) -> AsyncIterator[str]:
    """Seven callers in a row allow less time than any provider needs; the target is not to blame."""
    for number in range(1, 8):
        seen = await stage.ask()
        kinds = [(each.provider, each.failure.kind if each.failure else None) for each in seen.attempts]
        bases = {each.cost_basis for each in seen.attempts}
        for each in (
            *_differs("the caller gets", type(seen.error), u.DeadlineExceeded),
            *_near("seconds", seen.elapsed, 0.9),
            *_differs("attempts", kinds, [("primary", K.DEADLINE)]),
            *_differs("the cost is", bases, {B.UNKNOWN}),
        ):
            yield f"caller {number}: {each}"
    stage.over = True
    seen = await stage.ask()
    for each in (*_differs("then, first is", seen.first, "primary"), *_differs("error", seen.error, None)):
        yield each


async def _wall_clock(stage: Stage) -> AsyncIterator[str]:
    """The wall clock is set back by a day while an answer is waited for."""
    real = time.time

    def set_back() -> float:
        return real() - (86_400 if _now() > 0.5 else 0)

    with mock.patch("time.time", set_back):
        seen = await stage.ask()
    record = seen.attempts[0]
    for each in (
        *_differs("the text", seen.answer.text if seen.answer else None, TEXT),
        *_differs("attempts", len(seen.attempts), 1),
        *_near("the duration", record.duration, 1.0),
        *_near("seconds", seen.elapsed, 1.0),
    ):
        yield each


# ---- time ----


def _ends(error: type[u.LLMError], kind: K, seconds: float, *, basis: u.CostBasis, shown: bool) -> Play:
    """The request ends with that error after exactly so many seconds, and nobody else is asked."""

    async def play(stage: Stage) -> AsyncIterator[str]:
        seen = await stage.ask()
        kinds = [(each.provider, each.failure.kind if each.failure else None) for each in seen.attempts]
        partial = getattr(seen.error, "partial", None)
        streamed = stage.cell.mode is not Mode.PLAIN
        for each in (
            *_differs("the caller gets", type(seen.error), error),
            *_differs("attempts", kinds, [("primary", kind)]),
            *_near("seconds", seen.elapsed, seconds),
            *_differs("the cost is", [each.cost_basis for each in seen.attempts], [basis if streamed else B.UNKNOWN]),
        ):
            yield each
        if shown and stage.cell.mode is Mode.STREAM:
            whole = seen.shown.startswith("".join(PIECES[:2])) and partial is not None and partial.text == seen.shown
            for each in _differs("the error holds what was shown", whole, True):
                yield each
        stage.over = True
        again = await stage.ask()
        for each in _differs("the next request asks first", again.first, "primary"):
            yield each

    return play


def _replaced_after(seconds: float, kinds: Mapping[Mode, K], *, basis: u.CostBasis = B.UNKNOWN) -> Play:
    """The next target is asked after exactly so many seconds, and answers."""

    async def play(stage: Stage) -> AsyncIterator[str]:
        seen = await stage.ask()
        got = [(each.provider, each.failure.kind if each.failure else None) for each in seen.attempts]
        streamed = stage.cell.mode is not Mode.PLAIN
        for each in (
            *_differs("attempts", got, [("primary", kinds[stage.cell.mode]), ("backup", None)]),
            *_near("seconds", seen.elapsed, seconds),
            *_differs("the text", seen.answer.text if seen.answer else None, TEXT),
            *_differs(
                "its cost", seen.attempts[0].cost_basis if seen.attempts else None, basis if streamed else B.UNKNOWN
            ),
            *_differs("left", stage.primary.visits[-1].left_at is not None, True),
        ):
            yield each

    return play


# ---- everything is down ----


async def _all_down(stage: Stage, refuse: Script) -> None:
    """Let every target refuse, and ask until nobody may be asked."""
    for party in (stage.primary, stage.backup, stage.sister):
        party.respond = _refusing(stage, party.respond, refuse)
    for _ in range(8):
        await stage.ask()


def _refusing(stage: Stage, honest: Callable[[Any], Script], refuse: Script) -> Callable[[Any], Script]:
    def respond(request: Any) -> Script:
        is_made = request.method == "POST"
        return refuse if is_made and not stage.over else honest(request)

    return respond


def _visits(stage: Stage) -> int:
    return sum(len(stage.asked(name)) for name in ("primary", "backup", "sister"))


async def _wait_together(stage: Stage) -> AsyncIterator[str]:
    """Twenty callers wait behind one probe a target, and all are answered soon after the recovery."""
    await _all_down(stage, (Head(503),))
    before, began = _visits(stage), _now()

    async def recover() -> None:
        await asyncio.sleep(5.0)
        stage.over = True

    recovery = asyncio.ensure_future(recover())
    found = await asyncio.gather(*(stage.ask() for _ in range(20)))
    await recovery
    lost = [repr(seen.error) for seen in found if seen.answer is None]
    paid = sum(each.failure is not None for seen in found for each in seen.attempts)
    for each in (
        *_differs("callers without an answer", lost, []),
        *_differs("failed attempts while all were down are few", paid <= 24, True),
        *_differs("seconds after the recovery are few", 5.0 <= _now() - began <= 5.0 + 10.0 + 1.0, True),
        *_differs("requests that reached a server", _visits(stage) - before, paid + 20),
    ):
        yield each


async def _fail_fast(stage: Stage) -> AsyncIterator[str]:
    """Whoever does not want to wait is told at once, and for how long."""
    await _all_down(stage, (Head(503),))
    before = _visits(stage)
    seen = await stage.ask()
    told = getattr(seen.error, "retry_after", None)
    for each in (
        *_differs("the caller gets", type(seen.error), u.Overloaded),
        *_differs("attempts", len(seen.attempts), 0),
        *_near("seconds", seen.elapsed, 0.0),
        *_differs("the wait is told", told is not None and 0 < told <= 10, True),
        *_differs("requests", _visits(stage) - before, 0),
    ):
        yield each


async def _wait_for_limits(stage: Stage) -> AsyncIterator[str]:
    """Every target asks to wait for six seconds: a later caller waits for that, and no attempt is lost."""
    for party in (stage.primary, stage.backup, stage.sister):
        party.respond = _refusing(stage, party.respond, (Head(429, headers={"retry-after": "6"}),))
    earlier = []
    for _ in range(3):  # each of them is refused by another target, and waits there
        earlier.append(asyncio.ensure_future(stage.ask()))
        await asyncio.sleep(0.1)
    stage.over = True
    seen = await stage.ask()
    found = await asyncio.gather(*earlier)
    for each in (
        *_differs("errors", [other.error for other in (*found, seen) if other.error is not None], []),
        *_differs("attempts of the earlier ones", [len(other.attempts) for other in found], [2, 2, 2]),
        *_differs("attempts of the last", len(seen.attempts), 1),
        *_near("seconds of the last", seen.elapsed, 5.7 + 0.3, 0.31),
    ):
        yield each


# ---- beside each other ----


def _hedged(seconds: float, winner: str) -> Play:
    async def play(stage: Stage) -> AsyncIterator[str]:
        if winner == "primary":
            stage.backup.respond = lambda _: (Wait(),)
        seen = await stage.ask()
        await asyncio.sleep(0.5)
        ends = sorted((each.provider, str(each.outcome)) for each in stage.records)
        lost = next((each for each in stage.records if str(each.outcome) == "aborted"), None)
        loser = stage.backup if winner == "primary" else stage.primary
        for each in (
            *_differs("the text", seen.answer.text if seen.answer else seen.error, TEXT),
            *_differs("who answered", seen.answer.provider if seen.answer else None, winner),
            *_differs(
                "ends", ends, sorted([(winner, "won"), ("backup" if winner == "primary" else "primary", "aborted")])
            ),
            *_near("seconds", seen.elapsed, seconds),
            *_differs("the cost of the loser", lost.cost_basis if lost else None, B.UNKNOWN),
            *_near("the loser is left at", loser.visits[-1].left_at if loser.visits else None, seconds),
            *_differs("the third was asked", len(stage.asked("sister")), 0),
        ):
            yield each
        stage.over = True
        again = await stage.ask()
        for each in _differs("the next request asks first", again.first, "primary"):
            yield each

    return play


def _not_hedged(seconds: float, attempts: Sequence[str]) -> Play:
    async def play(stage: Stage) -> AsyncIterator[str]:
        seen = await stage.ask()
        for each in (
            *_differs("who was asked", [each.provider for each in stage.records], list(attempts)),
            *_near("seconds", seen.elapsed, seconds),
            *_differs("the text", seen.answer.text if seen.answer else seen.error, TEXT),
        ):
            yield each

    return play


# ---- predictions ----


def _lost_creation(search: Callable[[Stage, Any], Script], attempts: Sequence[tuple[str, bool]], made: int) -> Play:
    """The answer to the making of a prediction is lost."""

    async def play(stage: Stage) -> AsyncIterator[str]:
        honest = stage.primary.respond
        inputs: list[Any] = []

        def respond(request: Any) -> Script:
            if request.method == "POST" and stage.cell.vendor.asks(request):
                inputs.append(json.loads(request.body)["input"])
                return (Lose(K.DISCONNECTED),) if len(inputs) == 1 else honest(request)
            if request.path == "/v1/predictions":
                return search(stage, inputs[-1])
            return honest(request)

        stage.over = True
        stage.primary.respond = respond
        seen = await stage.ask()
        got = [(each.provider, each.failure is not None) for each in seen.attempts]
        for each in (
            *_differs("attempts", got, list(attempts)),
            *_differs("the text", seen.answer.text if seen.answer else seen.error, TEXT),
            *_differs("predictions made", len(stage.asked("primary")), made),
        ):
            yield each

    return play


def _found(stage: Stage, inputs: Any) -> Script:
    from datetime import UTC, datetime, timedelta

    from tests.hostile.answers.replicate import DONE

    made = json.loads(DONE)
    made["input"], made["created_at"] = inputs, (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
    return (Head(200), json.dumps({"previous": None, "next": None, "results": [made]}).encode())


def _nowhere(stage: Stage, inputs: Any) -> Script:
    return (Head(200), b'{"previous":null,"next":null,"results":[]}')


def _only_replicate(vendor: Vendor) -> bool:
    return vendor.name == "replicate"


def _is_idempotent(vendor: Vendor) -> bool:
    return vendor.idempotent


_HEDGE = {"hedge": True, "hedge_after": 1.0}
_FIRST = {Mode.PLAIN: K.TIMEOUT_HEADERS, Mode.STREAM: K.TIMEOUT_HEADERS, Mode.COLLECTED: K.TIMEOUT_HEADERS}
_BODY = dict.fromkeys(ALL_MODES, K.TIMEOUT_BODY)

CALLERS: Sequence[Plot] = (
    plot("gone-before-head", "the caller goes before any byte of the answer", "asyncio's cancellation", _silent, _gone,
         place=Place.ANSWER),
    plot("gone-after-content", "the caller goes when content has arrived", "asyncio's cancellation", _begun(1), _gone,
         modes=(Mode.STREAM, Mode.COLLECTED)),
    plot("left", "the reader of a stream leaves after its first piece", "PEP 525, aclose()", _begun(1), _left,
         modes=(Mode.STREAM,)),
    plot("slow-reader", "the reader pauses for longer than the idle limit: the provider is not to blame",
         "back-pressure", lambda moment: moment.vendor.good(moment.request), _slow_reader, modes=(Mode.STREAM,),
         limits={"idle_timeout": 2.0, "first_event_timeout": 2.0}),
    plot("short-of-time", "callers with too little time: not the target's failure", "the caller's own time-out",
         _silent, _short_of_time, fallback={"deadline": 0.9}),
    plot("wall-clock", "the wall clock is set back by a day: every limit is measured by another", "clock_gettime(2)",
         lambda moment: (Wait(1.0), *moment.vendor.good(moment.request)), _wall_clock, place=Place.ANSWER,
         limits={"first_event_timeout": 2.0, "timeout": 5.0}),
)  # fmt: skip

TIME: Sequence[Plot] = (
    plot("endless-drip", "content for ever: the time allowed to one attempt ends it", "a model that repeats itself",
         _drip, _ends(u.TimedOut, K.TIMEOUT_BODY, 6.0, basis=B.ESTIMATED, shown=True),
         limits={"timeout": 6.0}, modes=(Mode.STREAM,)),
    plot("endless-drip-unseen", "content for ever that nobody sees: another target is asked",
         "a model that repeats itself", _drip, _replaced_after(6.0, _BODY, basis=B.ESTIMATED),
         limits={"timeout": 6.0}, modes=(Mode.PLAIN, Mode.COLLECTED)),
    plot("deadline-in-content", "content for ever, and the deadline of the whole request ends it",
         "the caller's own time-out", _drip, _ends(u.DeadlineExceeded, K.DEADLINE, 4.0, basis=B.ESTIMATED, shown=True),
         fallback={"deadline": 4.0}, modes=STREAMED),
    plot("deadline-in-silence", "silence, and the deadline ends it where no other target is",
         "the caller's own time-out", _silent, _ends(u.DeadlineExceeded, K.DEADLINE, 4.0, basis=B.UNKNOWN, shown=False),
         fallback={"deadline": 4.0}, alone=True),
    plot("share", "silence, and no limit but the deadline is short: each untried target keeps its share",
         "vendors' clients wait for ten minutes", _silent, _replaced_after(20.0, _FIRST), place=Place.ANSWER,
         fallback={"deadline": 60.0}, limits={"first_event_timeout": 600.0}),
)  # fmt: skip

DOWN: Sequence[Plot] = (
    plot("all-down", "all are down for five seconds: callers wait together", "an outage", _silent, _wait_together),
    plot("all-down-fast", "all are down, and nobody wants to wait", "an outage", _silent, _fail_fast,
         fallback={"max_wait": 0.0}),
    plot("all-limited", "all ask to wait: a later caller waits", "RFC 9110, 10.2.3", _silent, _wait_for_limits),
)  # fmt: skip

BESIDE: Sequence[Plot] = (
    plot("hedge-no-head", "silence: one more target is asked after a second", "the caller's choice, `hedge`", _silent,
         _hedged(1.0, "backup"), fallback=_HEDGE, vendors=_is_idempotent),
    plot("hedge-no-content", "no content: one more target is asked after a second", "the caller's choice, `hedge`",
         _begun(0), _hedged(1.0, "backup"), fallback=_HEDGE, vendors=_is_idempotent),
    plot("hedge-first-wins", "the first target answers after all", "the caller's choice, `hedge`",
         lambda moment: (Wait(1.5), *moment.vendor.good(moment.request)), _hedged(1.5, "primary"), fallback=_HEDGE,
         vendors=_is_idempotent),
    plot("hedge-in-time", "an answer in time: nobody else is asked", "the caller's choice, `hedge`",
         lambda moment: (Wait(0.5), *moment.vendor.good(moment.request)), _not_hedged(0.5, ["primary"]),
         fallback=_HEDGE, place=Place.ANSWER),
    plot("hedge-never", "a prediction is never made beside another", "the caller's choice, `hedge`",
         _silent, _not_hedged(2.0, ["primary", "backup"]), fallback=_HEDGE, place=Place.ANSWER,
         vendors=_only_replicate, limits={"first_event_timeout": 2.0, "timeout": 2.0}),
)  # fmt: skip

PREDICTIONS: Sequence[Plot] = (
    plot("lost-and-found", "the answer to the making of a prediction is lost: it is searched for, and followed",
         "Replicate's HTTP API, predictions.list", _silent, _lost_creation(_found, [("primary", False)], 1),
         vendors=_only_replicate),
    plot("lost-for-certain", "it was not made: once more", "Replicate's HTTP API, predictions.list", _silent,
         _lost_creation(_nowhere, [("primary", True), ("primary", False)], 2), vendors=_only_replicate),
    plot("lost-for-ever", "whether it was made cannot be known: never again there",
         "Replicate's HTTP API, predictions.list", _silent,
         _lost_creation(lambda _stage, _inputs: (Head(503),), [("primary", True), ("backup", False)], 1),
         vendors=_only_replicate),
)  # fmt: skip

PLOTS: Mapping[str, Sequence[Plot]] = {
    "callers": CALLERS, "time": TIME, "down": DOWN, "beside": BESIDE, "predictions": PREDICTIONS,
}  # fmt: skip
