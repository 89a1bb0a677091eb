"""A trace, replayed by the real engine on virtual time: scripted providers do what the moves say, when they say it.

The engine's own time-outs and timers run as they always do. Of events at the same moment the engine may take another
one first, so that not every trace can be replayed; the ones of the tests can.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import understudy as u
from tests.engine.denying import denying
from tests.modelcheck.faults import Fault
from tests.modelcheck.ledger import Broken
from tests.modelcheck.scenes import START, Scene
from tests.modelcheck.world import DENIED, Chance, Move, World
from understudy.domain.errors import LLMError, error_of
from understudy.domain.events import Finished, Started, TextDelta
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.engine.custom_backend import CustomBackend
from understudy.engine.engine import Engine, Sources
from understudy.engine.job import Job
from understudy.engine.run import Run
from understudy.policy.budgets import Budgets
from understudy.policy.health import Health
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Launch
from understudy.virtual_time import run

ENOUGH_WORDS = 30
"""Whatever is held back is shorter."""
_APART = 1e-6
"""Seconds between two moves of the same moment."""
_BEFORE = 1e-4
"""Seconds by which a move is made before a timer of the same moment."""


class Asked(NamedTuple):
    """An attempt that was launched."""

    request: int
    target: str
    at: float


class Event(NamedTuple):
    """A move, and when it is made. Numbers of denied attempts are used again, so launches are counted too."""

    at: float
    what: str
    fault: Fault | None
    request: int
    launch: int
    """The number of the attempt's launch among those of its request; zero if the move concerns none."""


def expected(scene: Scene, trace: tuple[Move, ...]) -> tuple[list[Asked], list[Event], list[bool]]:
    """Return the attempts that the moves lead to, when each move is made, and everything that is drawn."""
    world, events, draws = World(scene), list[Event](), list[bool]()
    asked_by_launch: list[tuple[Asked, int]] = []
    launched, launches = [0, 0], dict[tuple[int, int], int]()
    for index, move in enumerate(trace):
        early = _BEFORE if _is_before_a_timer(world, move) else 0.0
        launch = launches.get((move.request, move.attempt), 0)
        events.append(Event(world.now - early + index * _APART, move.what, move.fault, move.request, launch))
        try:
            said = world.make(move)
        except Broken:
            break
        draws.extend(move.chance)
        for what in said:
            if what.startswith("launch"):
                launched[move.request] += 1
                launches[move.request, int(what.split()[2])] = launched[move.request]
                asked = Asked(move.request, what.split()[4], round(world.now - START, 2))
                asked_by_launch.append((asked, launched[move.request]))
    denied = {(event.request, event.launch) for event in events if event.what == "is denied"}
    made = [each for each, launch in asked_by_launch if (each.request, launch) not in denied]
    return made, events, draws


def _is_before_a_timer(world: World, move: Move) -> bool:
    """Return whether a move is made when an attempt's limit or a request's timer has come, and before it is heeded."""
    if move.what in ("timer", "time passes"):
        return False
    run = world.books[move.request].running.get(move.attempt) if move.attempt else None
    timers = [call.timer() for call in world.calls if call is not None]
    return (run is not None and run.limit <= world.now) or any(due is not None and due <= world.now for due in timers)


class _Provider:
    """One target as one request sees it."""

    provider_type, priority = "own", 10

    def __init__(self, name: str, stage: _Stage, request: int) -> None:
        self.name = name
        self._stage = stage
        self._request = request

    async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
        started = False
        async for event in self._stage.attempt(self._request, self.name):
            if not started:
                started = True
                yield Started(model="m")
            words = {"begins": 1, "brings enough": ENOUGH_WORDS}.get(event.what, 0)
            yield TextDelta(0, "word " * words) if words else Finished(u.FinishReason.STOP)

    async def generate(self, request: u.GenerationRequest) -> u.GenerationResponse:
        async for _ in self._stage.attempt(self._request, self.name):
            pass
        return u.GenerationResponse(message=u.Message.assistant("word"), finish_reason=u.FinishReason.STOP)


class _Stage:
    """What happens, and what was seen of it."""

    def __init__(self, scene: Scene, trace: tuple[Move, ...]) -> None:
        self.asked: list[Asked] = []
        self._scene = scene
        _, self._events, draws = expected(scene, trace)
        self._launched = [0, 0]
        self._admitted: tuple[list[int], list[int]] = ([], [])
        chance = Chance()
        health, budgets = Health(chance), Budgets()
        if scene.history is not None:
            scene.history(health, budgets)
        chance.write(tuple(draws))
        engine = Engine(health=health, budgets=budgets, sources=Sources(rng=chance))
        self._engine = denying(engine, self._admit)

    async def play(self) -> list[Asked]:
        """Make every move; return the attempts that were launched."""
        await asyncio.sleep(START)
        tasks: dict[int, asyncio.Task[None]] = {}
        for event in self._events:
            await _until(event.at)
            if event.what == "starts":
                tasks[event.request] = asyncio.ensure_future(self._ask(event.request))
            elif event.what == "is cancelled":
                tasks[event.request].cancel()
            await asyncio.sleep(_APART / 2)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        await self._engine.background.finish()
        return self.asked

    async def attempt(self, request: int, target: str) -> AsyncIterator[Event]:
        """Note an attempt, and let it go on as the moves say."""
        number = self._admitted[request].pop(0)
        self.asked.append(Asked(request, target, round(asyncio.get_running_loop().time() - START, 2)))
        for event in self._events:
            if (event.request, event.launch) != (request, number) or event.what == "is late":
                continue
            await _until(event.at)
            if event.fault is not None:
                raise error_of(event.fault.failure)
            if event.what == "ends well":
                yield event._replace(what="begins")
            yield event
            if event.what == "ends well":
                return
        await asyncio.sleep(1e6)

    def _admit(self, job: Job, launch: Launch) -> Failure | None:
        request = int(job.id)
        number = self._launched[request] = self._launched[request] + 1
        denied = any(
            event.what == "is denied" and (event.request, event.launch) == (request, number) for event in self._events
        )
        if not denied:
            self._admitted[request].append(number)
        return DENIED if denied else None

    async def _ask(self, request: int) -> None:
        rules = self._scene.rules
        steps = tuple(Step(target, "test") for target in self._scene.plans[request])
        body = u.GenerationRequest(messages=(u.Message.user("Hi"),))
        job = Job(id=str(request), operation=Operation.CHAT, request=body, rules=rules)
        backends = {
            each.target.name: CustomBackend(_Provider(each.target.name, self, request))  # type: ignore[arg-type]
            for each in steps
        }
        one = Run(job, Plan(steps), backends, self._engine)
        try:
            if rules.streamed:
                async for _ in one.events():
                    pass
            else:
                await one.to_end()
        except LLMError:
            pass


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))


def replay(scene: Scene, trace: tuple[Move, ...]) -> list[Asked]:
    """Let the engine go through a trace; return the attempts that it launches."""
    return run(_Stage(scene, trace).play())[0]
