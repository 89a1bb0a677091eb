"""Counts what happens in a simulation, from what providers and callers see of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.quantiles import Sketch
from understudy.engine.job import Job
from understudy.policy.targets import Target
from understudy.simulator.invariants import Exchange, Invariants
from understudy.simulator.measures import PARTS, Measures, Part, TargetMeasures
from understudy.simulator.modelled import ModelledTarget
from understudy.simulator.scenario import Behaviour
from understudy.simulator.weather import Window

_HARMLESS = frozenset({Behaviour.SLOW, Behaviour.PRICE})
"""What leaves a target in use."""
REQUEST = "request"
"""The label of a request that holds its number."""
DOWN = 0.999
"""The share of requests from which on a target counts as down."""


def is_down(window: Window) -> bool:
    """Check whether every request fails while an incident is at its height."""
    return window.incident.kind not in _HARMLESS and window.incident.share >= DOWN


class Observer:
    """The measures of one run while it is under way."""

    def __init__(self, targets: dict[str, ModelledTarget], duration: float, now: Callable[[], float]) -> None:
        self._now = now
        self.measures = Measures(targets={name: TargetMeasures() for name in targets})
        self.invariants = Invariants()
        self._exchanges: dict[str, Exchange] = {}
        self._latencies, self._first_tokens = Sketch(), Sketch()
        self._parts = [Part() for _ in range(PARTS)]
        self._part_length = max(duration, 1e-9) / PARTS
        self._hash = hashlib.sha256()
        self._encode = msgspec.json.Encoder().encode_into
        self._buffer = bytearray()
        self._weather = {name: each.weather for name, each in targets.items()}
        self._recoveries = {name: _Recoveries(each.weather.windows, duration) for name, each in targets.items()}

    # ---- what happens ----

    def began(self, number: str, tokens: int) -> Exchange:
        """Note that a caller sends a request, whose label `REQUEST` is its number."""
        exchange = self._exchanges[number] = Exchange(number, self._now(), tokens)
        return exchange

    def launched(self, job: Job, target: Target, attempt_id: str) -> int:
        """Note an attempt as it is opened; return the tokens of its prompt."""
        now, exchange = self._now(), self._exchanges[job.request.labels[REQUEST]]
        self.invariants.launched(exchange, target, job.rules, attempt_id, now)
        measures = self.measures.targets[target.name]
        measures.attempts += 1
        if any(is_down(window) and window.share(now) >= DOWN for window in self._weather[target.name].active(now)):
            measures.during += 1
        return exchange.tokens

    def recorded(self, record: AttemptRecord) -> None:
        """Note a record."""
        now = self._now()
        self.invariants.recorded(self._exchanges[record.labels[REQUEST]], record, now)
        self._encode(record, self._buffer)
        self._hash.update(self._buffer)
        measures = self.measures
        measures.attempts += 1
        target = measures.targets[record.provider]
        if record.cost is not None:
            measures.nano_usd += record.cost.amount.nano_usd
            target.nano_usd += record.cost.amount.nano_usd
        elif record.cost_basis not in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            measures.unpriced += 1
        if record.outcome is Outcome.WON:
            target.won += 1
            self._recoveries[record.provider].answered(now - record.duration, now)
        elif record.failure is not None:
            kind = str(record.failure.kind)
            target.failures[kind] = target.failures.get(kind, 0) + 1

    def ended(self, exchange: Exchange, *, error: str | None, provider: str | None) -> None:
        """Note how a request ended for its caller."""
        now = self._now()
        del self._exchanges[exchange.number]
        self.invariants.settled(exchange, now, answered=error is None, targets=len(self._weather))
        measures = self.measures
        measures.requests += 1
        part = self._parts[min(PARTS - 1, int(exchange.start / self._part_length))]
        part.requests += 1
        part.paid += exchange.failed > 0
        measures.paid += exchange.failed > 0
        if error is not None:
            measures.errors[error] = measures.errors.get(error, 0) + 1
            return
        measures.answered += 1
        part.answered += 1
        if provider is not None:
            part.by_target[provider] = part.by_target.get(provider, 0) + 1
        self._latencies.add(now - exchange.start)

    def first_token(self, exchange: Exchange) -> None:
        """Note that the caller of a stream has received the first content."""
        exchange.committed = True
        self._first_tokens.add(self._now() - exchange.start)

    # ---- the result ----

    def finish(self, now: float, elapsed: float) -> Measures:
        """Return the measures once everything has ended."""
        for exchange in self._exchanges.values():
            self.invariants.violated(exchange, now, "it never ended")
        measures = self.measures
        measures.latency, measures.first_token = self._latencies.snapshot(), self._first_tokens.snapshot()
        measures.parts = self._parts
        measures.violations, measures.notes = self.invariants.count, self.invariants.noted
        measures.traces = [self._hash.hexdigest()]
        measures.virtual, measures.elapsed = now, elapsed
        for each in self._recoveries.values():
            each.finish()
            measures.recoveries += each.times
            measures.unrecovered += each.unrecovered
        return measures


class _Recoveries:
    """How long one target stays unused after each incident: until the first attempt that is answered is launched."""

    def __init__(self, windows: tuple[Window, ...], duration: float) -> None:
        self._waiting = sorted(
            (each for each in windows if is_down(each) and each.incident.every is None and each.gone < duration),
            key=lambda window: window.gone,
            reverse=True,
        )
        self._last_answer = -1.0
        """When the target answered last, before the incident that is waited for."""
        self.times: list[float] = []
        self.unrecovered = 0

    def answered(self, launched: float, now: float) -> None:
        """Note an answer."""
        while self._waiting and launched >= self._waiting[-1].gone:
            window = self._waiting.pop()
            if self._last_answer >= 0.0:
                self.times.append(launched - window.gone)
        self._last_answer = now

    def finish(self) -> None:
        """Count the incidents after which there was no answer."""
        self.unrecovered = len(self._waiting) if self._last_answer >= 0.0 else 0
