"""Breadth-first search: every state that a number of moves can reach, and the shortest trace to a broken law."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from tests.modelcheck import liveness
from tests.modelcheck.ledger import Broken
from tests.modelcheck.memory import Coder, Snapshot, renamings
from tests.modelcheck.scenes import Scene
from tests.modelcheck.view import view
from tests.modelcheck.world import Move, World

_MOST_DRAWS = 6
MOST_OF_A_WHOLE = 300_000
"""States of a scene that is small enough for every one of them to be visited."""


class Violation(NamedTuple):
    """A broken law, and the moves that lead there."""

    scene: Scene
    law: str
    how: str
    trace: tuple[Move, ...]
    story: tuple[str, ...] = ()
    """The trace as it was told by the machine that broke the law, which a seeded bug changes only for a while."""

    def __str__(self) -> str:
        return "\n".join([f"{self.law}: {self.how}", *(self.story or told(self.scene, self.trace))])


class Found(NamedTuple):
    """What a search has seen."""

    scene: Scene
    states: int
    transitions: int
    depth: int
    """Every state that so many moves reach was visited."""
    whole: bool
    """There are no others."""
    violation: Violation | None
    seconds: float


def code(world: World) -> bytes:
    """Return what tells a state from others."""
    pairs = zip(world.calls, world.books, strict=True)
    open_ones = [(call, book) for call, book in pairs if call is not None and not book.settled]
    ended = [(book.settled, book.late) for book in world.books]
    parts = [world.health, world.budgets, world.ledger, ended, open_ones]
    return min(Coder(world.now, renamed).digest(parts) for renamed in ({}, *renamings(world.targets)))


def told(scene: Scene, trace: tuple[Move, ...]) -> list[str]:
    """Return a trace for readers: what happened when, and what the machine did."""
    world, lines = World(scene), [f"scene: {scene.name}"]
    start = world.now
    for move in trace:
        try:
            said, broken = world.make(move), ""
        except Broken as error:
            said, broken = [], f"  <- {error}"
        does = f"  -> {'; '.join(said)}" if said else ""
        lines.append(f"{world.now - start:8.2f} s  {move}{does}{broken}")
    return lines


class Search:
    """The search of one scene."""

    def __init__(self, scene: Scene, *, states: int, seconds: float = float("inf"), live: int = 1) -> None:
        """`live`: of how many new states one is followed to its end; none if zero."""
        self._scene = scene
        self._most = states
        self._seconds = seconds
        self._live = live
        self._world = World(scene)
        self._code: Callable[[World], bytes] = view if scene.abstract else code
        self._nodes: list[tuple[int, Move | None, int]] = [(-1, None, 0)]
        """By state: the one before it, the move from there, and how many moves lead there."""
        self._next = deque([Snapshot(self._world)])
        """The states that are not expanded yet."""
        self._seen = {self._code(self._world)}
        self._transitions = 0

    def run(self) -> Found:
        """Search until a law is broken, all states are visited or the limits are reached."""
        began, collects = time.process_time(), gc.isenabled()
        at, violation = 0, None
        gc.disable()  # there are many objects, and no circles among them
        try:
            while self._next and len(self._nodes) < self._most and time.process_time() - began < self._seconds:
                violation = self._expand(at)
                at += 1
                if violation is not None:
                    violation = violation._replace(story=tuple(told(self._scene, violation.trace)))
                    break
        finally:
            if collects:
                gc.enable()
        whole = at >= len(self._nodes) and violation is None
        depth = self._nodes[-1][2] if whole else self._nodes[min(at, len(self._nodes) - 1)][2]
        took = time.process_time() - began
        return Found(self._scene, len(self._seen), self._transitions, depth, whole, violation, took)

    def trace(self, at: int) -> tuple[Move, ...]:
        """Return the moves that lead to a state."""
        moves: list[Move] = []
        while True:
            at, move, _ = self._nodes[at]
            if move is None:
                return tuple(reversed(moves))
            moves.append(move)

    def _expand(self, at: int) -> Violation | None:
        world, here = self._world, self._next.popleft()
        here.restore()
        for bare in world.moves():
            script: tuple[bool, ...] | None = ()
            while script is not None:
                here.restore()
                move = bare._replace(chance=script)
                try:
                    world.make(move)
                except Broken as error:
                    return Violation(self._scene, error.law, error.how, (*self.trace(at), _drawn(move, world)))
                move = _drawn(move, world)
                self._transitions += 1
                broken = self._note(at, move, world)
                if broken is not None:
                    return Violation(self._scene, broken.law, broken.how, (*self.trace(at), move, *broken.moves))
                script = _next_script(move.chance)
        return None

    def _note(self, at: int, move: Move, world: World) -> Broken | None:
        """Remember a state, if it is new, and follow some of them to their end."""
        key = self._code(world)
        if key in self._seen:
            return None
        self._seen.add(key)
        self._nodes.append((at, move, self._nodes[at][2] + 1))
        self._next.append(Snapshot(world))
        if not self._live or len(self._seen) % self._live:
            return None
        try:
            liveness.check(world)
        except Broken as error:
            return error
        return None


def _drawn(move: Move, world: World) -> Move:
    """Return a move with all that was drawn while it was made."""
    drawn = min(world.chance.drawn, _MOST_DRAWS)
    return move._replace(chance=(*move.chance, *([False] * drawn))[:drawn])


def _next_script(drawn: tuple[bool, ...]) -> tuple[bool, ...] | None:
    """Return what is to be drawn next time, so that each combination is drawn once."""
    for last in range(len(drawn) - 1, -1, -1):
        if not drawn[last]:
            return (*drawn[:last], True)
    return None


def paths(scenes: tuple[Scene, ...], each: int, *, seconds: float, live: int, processes: int) -> Iterator[Found]:
    """Search scenes side by side, within so many seconds; those that are small enough are not cut."""
    search = partial(_path, each=each, seconds=seconds * processes / len(scenes), live=live)
    if processes == 1:
        yield from map(search, scenes)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(search, scenes)


def _path(scene: Scene, *, each: int, seconds: float, live: int) -> Found:
    """Search one scene."""
    if scene.whole:
        return Search(scene, states=MOST_OF_A_WHOLE, live=live).run()
    return Search(scene, states=each, seconds=seconds, live=live).run()
