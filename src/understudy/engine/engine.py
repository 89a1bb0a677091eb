"""What runs share: what is remembered between requests, where time and chance come from, and where records go."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from understudy.dialects.classification import VERSION as CLASSIFICATION
from understudy.domain.attempts import AttemptRecord, AttemptStart, Outcome
from understudy.domain.capture import Capture
from understudy.domain.errors import error_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.engine.backend import Backend
from understudy.engine.background import Background
from understudy.engine.job import new_id
from understudy.engine.prober import Prober
from understudy.ledger import LedgerSink, Observer
from understudy.policy.affinity import Sessions
from understudy.policy.budgets import Budgets
from understudy.policy.health import Health
from understudy.policy.journal import Journal

if TYPE_CHECKING:
    from understudy.domain.warnings import Warning  # noqa: A004 - the public name
    from understudy.engine.capturing import Capturer
    from understudy.ledger.observing import RequestObserver
    from understudy.policy.plan import Plan
    from understudy.settings.budgets import Allowance

logger = logging.getLogger("understudy")
# A program that has not set up logging sees nothing on its stderr: https://docs.python.org/3/howto/logging.html
logger.addHandler(logging.NullHandler())

CLOSED = Failure(kind=FailureKind.CANCELLED, message="the provider was closed")
"""How the requests end that run while their provider is closed."""
CLOSING = 1.0
"""Seconds that closing a provider waits for the requests that it ends."""


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Where chance, ids and dates come from."""

    rng: Random = msgspec.field(default_factory=Random)
    new_id: Callable[[], str] = new_id
    """Makes the ids of requests and attempts."""
    wall_clock: Callable[[], float] = time.time
    """Returns Unix seconds; read once per request and once per attempt. Durations come from the event loop's clock."""


class Running(Protocol):
    """A job under way."""

    loop: asyncio.AbstractEventLoop

    @property
    def waits(self) -> bool:
        """Whether no attempt of it is under way."""
        ...

    async def close(self, failure: Failure) -> None:
        """End the job with a failure, and wait until it has ended."""
        ...


class Gate(Protocol):
    """Lets attempts through for which budgets and limits have room."""

    def guards(self, attempt: Any, plan: Plan, backends: Mapping[str, Backend]) -> bool:
        """Have an attempt wait until it is admitted; return whether it does."""
        ...

    def concerns(self, start: AttemptStart, allowances: tuple[Allowance, ...]) -> bool:
        """Check whether an attempt that has no plan must wait."""
        ...

    async def pass_on(self, start: AttemptStart, allowances: tuple[Allowance, ...]) -> tuple[Warning, ...]:
        """Wait until it is admitted; return what is to be said of it. Raise `AttemptFailed` if it is not."""
        ...


class Engine:
    """One per provider or manager. Everything that it remembers or draws from can be handed in."""

    def __init__(
        self,
        *,
        sink: LedgerSink | None = None,
        observers: tuple[Observer, ...] = (),
        health: Health | None = None,
        budgets: Budgets | None = None,
        sources: Sources | None = None,
    ) -> None:
        sources = sources or Sources()
        self.health = health or Health(sources.rng)
        self.budgets = budgets or Budgets()
        self.sessions = Sessions()
        self.rng = sources.rng
        self.new_id = sources.new_id
        self.wall_clock = sources.wall_clock
        self.background = Background()
        """Where attempts end that the answer does not wait for."""
        self.prober = Prober(self.health, self.rng, self.new_id)
        self.running: set[Running] = set()
        """The jobs under way, of all event loops."""
        self.closings = 0
        """How often the provider was closed."""
        self.sink = sink
        self._begin: Callable[[AttemptStart], None] | None = getattr(sink, "begin", None)
        self.keeps_beginnings = self._begin is not None
        """Whether the ledger wants to know of attempts before they are sent."""
        self._observers = observers
        self.request_observers: tuple[RequestObserver, ...] = ()
        """Those that follow whole requests."""
        if observers:
            from understudy.engine.observing import following

            self.request_observers = following(observers)
        self.admission: Gate | None = None
        """What attempts wait for before anything of them is sent; see `engine/admission.py`."""
        self.capturer: Capturer | None = None
        """Keeps prompts and answers, where the ledger is to."""
        capture, keep = getattr(sink, "capture", None), getattr(sink, "keep_captured", None)
        if isinstance(capture, Capture) and keep is not None and capture.mode != "off":
            from understudy.engine.capturing import Capturer

            self.capturer = Capturer(capture, keep)
        self.settle: Callable[[AttemptRecord], None] | None = None
        """Settles what an attempt has reserved, unless the ledger does so itself."""

    async def close(self) -> None:
        """End the jobs of the running event loop with `Unavailable`. Those that begin afterwards run as usual."""
        self.closings += 1
        loop = asyncio.get_running_loop()
        await self.prober.close()
        runs = [run for run in self.running if run.loop is loop]
        if runs:
            await asyncio.gather(*(run.close(CLOSED) for run in runs))
        await self.background.finish()

    def check_open(self, since: int) -> None:
        """Raise `Unavailable` if the provider was closed since `closings` had that value: nothing is sent then."""
        if self.closings != since:
            raise error_of(CLOSED)

    def begin(self, start: AttemptStart) -> None:
        """Tell the ledger of an attempt that is about to be sent. What it raises is logged."""
        try:
            if self._begin is not None:
                self._begin(start)
        except Exception:
            logger.exception("the ledger failed to keep the beginning of attempt %s", start.attempt_id)

    def publish(self, record: AttemptRecord, backend: Backend) -> None:
        """Hand a record to the statistics, the ledger and the observers, and log a failed attempt.

        What one of them raises is logged: it must not cost the caller the answer.
        """
        try:
            backend.tally(record)
            if self.settle is not None:
                self.settle(record)
            if self.sink is not None:
                self.sink.record(record)
        except Exception:
            logger.exception("the ledger failed to record attempt %s", record.attempt_id)
        for observer in self._observers:
            try:
                given = observer(record)
                if given is not None and isawaitable(given):
                    self.background.start(guarded(given, f"observer {observer!r}"))
            except Exception:
                logger.exception("observer %r failed on attempt %s", observer, record.attempt_id)
        if record.failure is not None and record.failure.unknown_code is not None:
            logger.debug(
                "request %s attempt %d: the classification of %s has no row for the code %r of %s",
                record.request_id,
                record.number,
                CLASSIFICATION,
                record.failure.unknown_code,
                record.provider,
            )
        if record.outcome is Outcome.FAILED:
            # That a model is not offered is the answer to a look-up, not a failure.
            is_answer = record.operation is Operation.MODELS and _is_not_found(record)
            logger.log(
                logging.DEBUG if is_answer else logging.WARNING, "request %s attempt %s", record.request_id, record
            )


def _is_not_found(record: AttemptRecord) -> bool:
    return record.failure is not None and record.failure.kind is FailureKind.NOT_FOUND


def log_news(journal: Journal) -> None:
    """Log what a call decided last, as far as the records of its attempts do not report it."""
    if logger.isEnabledFor(logging.DEBUG):
        for event in journal.news():
            logger.debug("request %s: %s", journal.request_id, event)


async def guarded(work: Awaitable[object], what: str) -> None:
    """Await something whose failure must not cost the caller the answer: it is logged."""
    try:
        await work
    except Exception:
        logger.exception("%s failed", what)
