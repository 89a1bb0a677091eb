"""Two requests over one `Health` and one `Budgets`: which moves the world may make, and making one."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from tests.modelcheck.faults import Fault
from tests.modelcheck.laws import Book
from tests.modelcheck.ledger import Broken, Ledger, Seen
from tests.modelcheck.memory import times_after
from tests.modelcheck.scenes import START, Scene, targets_of
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Began, Cancelled, Denied, Ended, Failed

DENIED = Failure(kind=FailureKind.UNSUPPORTED, message="over budget", sent=False)


class Chance(Random):
    """Draws the least or the most, as written; the least when nothing more is written."""

    script: tuple[bool, ...] = ()
    drawn = 0

    def write(self, script: tuple[bool, ...]) -> None:
        """Say what is drawn next."""
        self.script, self.drawn = script, 0

    def _most(self) -> bool:
        self.drawn += 1
        return self.drawn <= len(self.script) and self.script[self.drawn - 1]

    def uniform(self, a: float, b: float) -> float:
        """Return one end; no draw where both are the same."""
        return a if a == b or not self._most() else b

    def random(self) -> float:
        """Return the least or the most number below one."""
        return 0.999999 if self._most() else 0.0


class Move(NamedTuple):
    """Something that happens. `chance` is what is drawn while it is handled."""

    what: str
    request: int = -1
    attempt: int = 0
    fault: Fault | None = None
    chance: tuple[bool, ...] = ()

    def __str__(self) -> str:
        who = "" if self.request < 0 else f"request {self.request + 1}: "
        which = f"attempt {self.attempt} " if self.attempt else ""
        how = f" with {self.fault.name}" if self.fault else ""
        drawn = f" (chance: {', '.join('most' if most else 'least' for most in self.chance)})" if self.chance else ""
        return f"{who}{which}{self.what}{how}{drawn}"


class World:
    """One state. `memory.Snapshot` keeps it and `memory.Coder` tells it from others."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.now = START
        self.chance = Chance()
        self.health = Health(self.chance)
        self.budgets = Budgets()
        if scene.history is not None:
            scene.history(self.health, self.budgets)
        self.targets = targets_of(scene)
        self.ledger = Ledger(scene)
        self.books = [Book(number, plan, scene.rules, self.ledger) for number, plan in enumerate(scene.plans)]
        self.calls: list[Call | None] = [None, None]

    # ---- what may happen ----

    def moves(self) -> list[Move]:
        """Return every move that may be made now, without its chance."""
        moves: list[Move] = []
        waits = True
        for number, (call, book) in enumerate(zip(self.calls, self.books, strict=True)):
            if call is None:
                if number == 0 or self.calls[0] is not None:
                    moves.append(Move("starts", number))
                waits = waits and number > 0
                continue
            moves.extend(Move("is late", number, late) for late in book.late)
            if book.settled:
                continue
            due = call.timer()
            if due is not None and due <= self.now:
                moves.append(Move("timer", number))
                waits = False
            if self.scene.cancels:
                moves.append(Move("is cancelled", number))
            for attempt, run in book.running.items():
                moves.extend(self._of_attempt(number, attempt))
                waits = waits and run.limit > self.now
        if self.scene.checks and self.ledger.dead:
            moves.append(Move("a health check succeeds"))
        if waits and not all(book.settled for book in self.books if self.calls[book.number] is not None):
            moves.append(Move("time passes"))
        return moves

    def _of_attempt(self, number: int, attempt: int) -> list[Move]:
        book, rules = self.books[number], self.scene.rules
        run = book.running[attempt]
        moves = []
        shows = rules.streamed or run.probes or rules.has_effects
        if shows and not run.begun and run.limit > self.now:
            moves.append(Move("begins", number, attempt))
        if run.begun and not run.full and rules.hold_chars is not None:
            moves.append(Move("brings enough", number, attempt))
        if run.begun or not rules.streamed:
            moves.append(Move("ends well", number, attempt))
        moves.extend(Move("fails", number, attempt, fault) for fault in self.scene.faults)
        if len(book.closed) < self.scene.denials and not run.begun and run.launched == self.now:
            moves.append(Move("is denied", number, attempt))
        return moves

    def _next_time(self) -> float | None:
        """Return when the next timer goes: of a request, of an attempt, or of anything that health remembers."""
        times: list[float] = []
        for call, book in zip(self.calls, self.books, strict=True):
            if call is None or book.settled:
                continue
            times.extend(run.limit for run in book.running.values() if run.limit > self.now)
            if (due := call.timer()) is not None:
                times.append(due)
        if not times:
            return None
        return min([*times, *times_after(self.health, self.now)])

    # ---- making it happen ----

    def make(self, move: Move) -> list[str]:
        """Make a move; return what the machine does. Raise `Broken` if that breaks a law."""
        self.chance.write(move.chance)
        if move.what == "time passes":
            later = self._next_time()
            if later is None:
                raise Broken("a timer always exists", "no timer, and a request is not settled")
            self.now = later
            for book in self.books:
                book.no_progress = 0
            return []
        if move.what == "a health check succeeds":
            for target in self.targets:
                self.health.lift(target)
            self.ledger.dead.clear()
            return []
        number, book = move.request, self.books[move.request]
        call = self.calls[number]
        if call is None:
            plan = Plan(tuple(Step(target, "test") for target in self.scene.plans[number]))
            call = Call(plan, self.scene.rules, health=self.health, budgets=self.budgets, rng=self.chance)
            self.calls[number] = call
        before = Seen.of(self.targets, self.health, self.now)
        try:
            actions = self._actions(call, move)
        except Exception as error:
            raise Broken("nothing is raised", f"{type(error).__name__}: {error}") from error
        said = book.perform(actions, self.health, self.now, before)
        self.ledger.look(self.health, self.now, before)
        self._check(call, book)
        return said

    def _actions(self, call: Call, move: Move) -> list[object]:
        book, now, attempt = self.books[move.request], self.now, move.attempt
        match move.what:
            case "starts":
                book.start(now)
                return [*call.start(now)]
            case "timer":
                book.no_progress += 1
                return [*call.tick(now)]
            case "is cancelled":
                return [*call.receive(Cancelled(), now)]
            case "begins" | "brings enough":
                full = move.what == "brings enough"
                book.begins(attempt, now, full=full)
                return [*call.receive(Began(attempt, full), now)]
            case "ends well":
                book.ends(attempt, None, now)
                return [*call.receive(Ended(attempt), now)]
            case "is denied":
                book.is_denied(attempt)
                return [*call.receive(Denied(attempt, DENIED), now)]
            case "is late":
                book.late.remove(attempt)
                began: list[object] = [*call.receive(Began(attempt), now)]
                return [*began, *call.receive(Ended(attempt), now)]
        assert move.fault is not None
        begun, fault = book.running[attempt].begun, move.fault
        book.ends(attempt, fault, now)
        failed = Failed(attempt, fault.failure, begun, fault.translated, continuable=not fault.once_shown)
        return [*call.receive(failed, now)]

    def _check(self, call: Call, book: Book) -> None:
        """Check what must be true of every state."""
        book.check(call, self.health, self.now)
        for target in self.targets:
            running = sum(run.target.label == target.label for run in self.ledger.running)
            known = self.health.facts(target, self.now).in_flight
            if known != running:
                raise Broken("permits are returned", f"{known} in flight at {target.label}, {running} attempts run")
            if not self.ledger.running:
                denial = self.health.denial(target, self.now)
                if denial is not None and denial.probed:
                    raise Broken("permits are returned", f"nothing runs, but {target.label} is said to be probed")
