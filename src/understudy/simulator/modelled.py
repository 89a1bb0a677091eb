"""A modelled provider: what becomes of a request that reaches it at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import inf
from random import Random
from typing import Any

import msgspec

from understudy.domain.events import Event, Finished, TextDelta, UsageReported
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.prices import Price
from understudy.domain.usage import Usage
from understudy.policy.targets import Limits
from understudy.simulator.draws import sampler
from understudy.simulator.limiter import Limiter
from understudy.simulator.scenario import Behaviour, Incident, TargetModel
from understudy.simulator.weather import Weather

_K = FailureKind
_BEFORE_SENDING = frozenset({_K.DNS, _K.CONNECT, _K.CONNECT_TIMEOUT, _K.TLS, _K.PROXY})
_MIDWAY = frozenset({_K.DISCONNECTED, _K.TRUNCATED})
"""Failures of an answer that has begun."""
_AT_THE_END = frozenset({_K.BAD_RESPONSE, _K.EMPTY})
_OF_ANSWERS = _MIDWAY | _AT_THE_END | {_K.RATE_LIMITED, _K.DAILY_QUOTA, _K.BILLING, _K.CONTENT_FILTER, _K.NOT_FOUND}
"""Failures that a list of models does not have."""
_STATUSES: Mapping[FailureKind, int] = {
    _K.RATE_LIMITED: 429,
    _K.BILLING: 402,
    _K.DAILY_QUOTA: 429,
    _K.OVERLOADED: 503,
    _K.SERVER_ERROR: 500,
    _K.CONFLICT: 409,
    _K.AUTHENTICATION: 401,
    _K.PERMISSION: 403,
    _K.NOT_FOUND: 404,
    _K.CONTENT_FILTER: 400,
    _K.INVALID_REQUEST: 400,
}
_USUAL: Mapping[FailureKind, float] = {_K.DNS: 0.02, _K.CONNECT: 0.005, _K.TLS: 0.05, _K.PROXY: 0.05}
"""Seconds until a failure is noticed, where it is not `REFUSED`."""
REFUSED = 0.1
"""Seconds until a server has refused a request."""

_TEXT = TextDelta(0, "A simulated answer, as long as its usage states.")
_END: tuple[Event, ...] = (TextDelta(0, " The end."), Finished(FinishReason.STOP))

Step = tuple[float, "list[Any] | Failure"]
"""When something happens, and what: a batch of events, or the failure that ends the attempt."""


class Fate(msgspec.Struct, frozen=True, gc=False):
    """What will happen to a request, unless a limit of the caller's side comes first.

    Between the first content and the last step, content arrives without a pause that a limit would notice.
    """

    steps: tuple[Step, ...] = ()
    content_at: float = inf
    """When the first content arrives; before the first step, if the answer comes in one piece."""
    ends: bool = False
    """Whether the answer ends after the steps, rather than never."""
    headers: bool = True
    """Whether the server responds at all."""


_SILENT = Fate(headers=False)


class ModelledTarget:
    """One target of a simulation."""

    def __init__(self, name: str, model: TargetModel, weather: Weather, rng: Random) -> None:
        self.name = name
        self.model = model
        self.weather = weather
        self.limiter = Limiter(model.limits)
        self._chance = rng.random
        self._first_token = sampler(model.first_token, rng)
        self._speed = sampler(model.tokens_per_second, rng)
        self._length = sampler(model.output_tokens, rng)
        self._errors = tuple(model.errors.items())
        self._prices = tuple(each for each in weather.windows if each.incident.kind is Behaviour.PRICE)

    def price(self, now: float) -> Price | None:
        """Return the price at a time: that of the incident which began last, else the target's own."""
        found = self.model.price
        for window in self._prices:
            if window.start <= now < window.end:
                found = window.incident.price
        return found

    def fate(self, tokens: int, limits: Limits, *, streamed: bool, now: float) -> Fate:
        """Return what will happen to a request of some tokens that arrives now.

        `streamed`: the first content is a step of its own.
        """
        slow = 1.0
        for window in self.weather.active(now):
            incident = window.incident
            if incident.kind is Behaviour.PRICE:
                continue
            share = window.share(now)
            if share < 1.0 and self._chance() >= share:
                continue
            if incident.kind is not Behaviour.SLOW:
                return self._fails(incident.kind, tokens, limits, now, incident, streamed=streamed)
            slow *= incident.factor
        refusal = self.limiter.refusal(tokens, now)
        if refusal is not None:
            return Fate(((now + REFUSED, refusal),))
        if self._errors:
            at = self._chance()
            for kind, share in self._errors:
                if at < share:
                    return self._fails(kind, tokens, limits, now, streamed=streamed)
                at -= share
        return self._answers(tokens, now, slow, streamed=streamed)

    def fate_of_list(self, limits: Limits, now: float) -> Fate:
        """Return what will happen to a request for the list of models: it fails in what strikes all requests alike."""
        for window in self.weather.active(now):
            incident = window.incident
            if incident.kind is Behaviour.SILENCE:
                return _SILENT
            if isinstance(incident.kind, Behaviour) or incident.kind in _OF_ANSWERS or window.share(now) < 1.0:
                continue
            return self._fails(incident.kind, 0, limits, now, incident, streamed=False)
        return Fate(((now + REFUSED, []),), ends=True)

    def _answers(self, tokens: int, now: float, slow: float, *, streamed: bool) -> Fate:
        length = max(1, round(self._length()))
        first = now + slow * self._first_token()
        last = first + slow * length / self._speed()
        end = [*_END, _usage(tokens, length)]
        steps: tuple[Step, ...] = ((first, [_TEXT]), (last, end)) if streamed else ((last, [_TEXT, *end]),)
        fate = Fate(steps, first, ends=True)
        return fate if not self.weather.cutting else self._cut(fate, now)

    def _cut(self, fate: Fate, now: float) -> Fate:
        """Interrupt an answer at the next incident that interrupts what is under way."""
        cut = self.weather.next_cut(now)
        before = tuple(step for step in fate.steps if step[0] < cut)
        if len(before) == len(fate.steps):
            return fate
        return Fate((*before, (cut, _failure(_K.DISCONNECTED, None))), fate.content_at)

    def _fails(
        self,
        kind: FailureKind | Behaviour,
        tokens: int,
        limits: Limits,
        now: float,
        incident: Incident | None = None,
        *,
        streamed: bool,
    ) -> Fate:
        after = incident.after if incident is not None else None
        if kind is Behaviour.SILENCE:
            return _SILENT
        if isinstance(kind, Behaviour):
            whole = self._answers(tokens, now, 1.0, streamed=streamed)
            return Fate(whole.steps[:1] if streamed else (), whole.content_at)
        failure = _failure(kind, incident.retry_after if incident is not None else None)
        if kind is _K.CONNECT_TIMEOUT:
            return Fate(((now + limits.connect, failure),))
        if after is None and kind in _MIDWAY:
            whole = self._answers(tokens, now, 1.0, streamed=streamed)
            *begun, (end, _) = whole.steps
            return Fate((*begun, (0.5 * (whole.content_at + end), failure)), whole.content_at)
        if after is None and kind in _AT_THE_END:
            whole = self._answers(tokens, now, 1.0, streamed=False)
            return Fate(((whole.steps[0][0], failure),), whole.content_at)
        return Fate(((now + (_USUAL.get(kind, REFUSED) if after is None else after), failure),))


@lru_cache(1024)
def _failure(kind: FailureKind, retry_after: float | None) -> Failure:
    return Failure(
        kind=kind,
        message=f"simulated: {kind.replace('_', ' ')}",
        status=_STATUSES.get(kind),
        retry_after=retry_after,
        sent=kind not in _BEFORE_SENDING,
    )


@lru_cache(4096)
def _usage(tokens: int, length: int) -> UsageReported:
    return UsageReported(Usage(input=tokens, output=length))
