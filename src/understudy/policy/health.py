"""Which targets are in cooldown, and until when; and what was learned of targets.

One object per manager, called without `await`, so it needs no lock. Circuit breakers and learned latencies belong here
too; they will observe `acquire` and `release`.
"""

from __future__ import annotations

import math

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.latencies import Latencies
from understudy.policy.targets import Target, TargetFacts
from understudy.policy.verdicts import Cooldown

FIRST_PAUSE = 1.0
"""Seconds of cooldown for a target without a hint; doubles with each further failure in a row."""
LONGEST_PAUSE = 60.0
FIRST_DISABLE = 300.0
"""Seconds for which a refused key, model or host is disabled; doubles up to an hour."""
LONGEST_DISABLE = 3600.0
LONGEST_HINT = 24 * 3600.0
LEARNING = 0.1
"""Weight of the latest answer in what is expected of the next one."""

_MOST_DOUBLINGS = 16
"""More would not make a pause longer, and a thousand would exceed a float."""

_K = FailureKind
_NOT_OF_THE_TARGET = frozenset(
    {_K.POOL, _K.NOT_SIGNED, _K.LOCAL, _K.CANCELLED, _K.DEADLINE}
    | {_K.INVALID_REQUEST, _K.CONTEXT_LENGTH, _K.REQUEST_TOO_LARGE, _K.CONTENT_FILTER, _K.UNSUPPORTED}
)
"""Failures of this side or of the request: a probe that ends with one has not shown whether the target is back."""


class _Pause:
    """A cooldown: of a target, a model, a key or a host."""

    __slots__ = ("disabled", "in_a_row", "noted", "probed", "probing", "until", "why")

    def __init__(self) -> None:
        self.until = 0.0
        self.in_a_row = 0
        self.noted = -math.inf
        """When the latest failure of the row was noted."""
        self.disabled = False
        self.probing = False
        """A probe is under way."""
        self.probed = False
        """A probe failed, so the rest of the cooldown is waited for."""
        self.why = ""


class Permit(msgspec.Struct, frozen=True):
    """Permission to launch an attempt, returned when the attempt is settled.

    A probe is the one attempt per cooldown that is let through in spite of it, because no other target is left.
    """

    target: Target
    launched: float
    """Monotonic seconds."""
    probes: tuple[_Pause, ...] = ()
    """The cooldowns that the attempt probes; none, unless it is a probe."""


class Denial(msgspec.Struct, frozen=True):
    """Refusal: in cooldown until `until` (monotonic seconds), because of `why`."""

    until: float
    why: str


_NONE: frozenset[str] = frozenset()


class Health:
    """Cooldowns by target, model, key and host, and the attempts in flight."""

    def __init__(self) -> None:
        # Each scope has its own dictionary: model names come from callers, and however many of them fail, the
        # cooldown of a key is not forgotten for theirs.
        self._pauses: dict[Cooldown, BoundedDict[str, _Pause]] = {
            scope: BoundedDict() for scope in (Cooldown.TARGET, Cooldown.MODEL, Cooldown.CREDENTIAL, Cooldown.ENDPOINT)
        }
        self._in_flight: dict[str, int] = {}
        self._outputs: BoundedDict[str, list[float]] = BoundedDict()
        """Of each target's answers, the tokens to expect: a list of one, so that learning writes no dictionary."""
        self.latencies: Latencies | None = None
        """Learned only if a strategy may read them: see `learn_latencies`."""
        self.calm = True
        """No cooldown is remembered, not even one that is over: `denial` is `None` for every target."""

    def acquire(self, target: Target, now: float) -> Permit | Denial:
        """Ask for a permit to launch an attempt at a target."""
        denial = self.denial(target, now)
        if denial is not None:
            return denial
        return self._permitted(Permit(target, now))

    def probe(self, target: Target, now: float) -> Permit | None:
        """Ask for a permit in spite of a cooldown; `None` if a probe of it runs or has failed already."""
        active = tuple(pause for pause in self._over(target) if pause.until > now)
        if any(pause.probing or pause.probed for pause in active):
            return None
        for pause in active:
            pause.probing = True
        return self._permitted(Permit(target, now, active))

    def is_probed(self, target: Target, now: float) -> bool:
        """Return whether a probe is under way that may end a target's cooldown."""
        return any(pause.probing and pause.until > now for pause in self._over(target))

    def release(self, permit: Permit) -> None:
        """Return a permit, whatever the attempt's outcome. The probe of a cancelled request may be made by another."""
        name = permit.target.name
        left = self._in_flight.get(name, 1) - 1
        if left:
            self._in_flight[name] = left
        else:
            self._in_flight.pop(name, None)
        for pause in permit.probes:
            pause.probing = False

    def denial(self, target: Target, now: float) -> Denial | None:
        """Return until when and why a target is in cooldown; `None` when it is not."""
        if self.calm:
            return None
        latest = max(
            (pause for pause in self._over(target) if pause.until > now), key=lambda pause: pause.until, default=None
        )
        return None if latest is None else Denial(latest.until, latest.why)

    def facts(self, target: Target, now: float) -> TargetFacts:
        """Return what is known of a target."""
        denial = self.denial(target, now)
        latency = self.latencies.of(target.label) if self.latencies is not None else None
        return TargetFacts(
            cooling=denial.until - now if denial else None,
            in_flight=self._in_flight.get(target.name, 0),
            expected_output=usual[0] if (usual := self._outputs.get(target.label)) else None,
            first_token=latency.seconds if latency else None,
            first_token_age=now - latency.measured if latency else None,
        )

    def in_cooldown(self, targets: tuple[Target, ...], now: float) -> frozenset[str]:
        """Return the labels of those targets that are in cooldown."""
        if self.calm:
            return _NONE
        return frozenset(each.label for each in targets if self.denial(each, now) is not None)

    def learn_latencies(self) -> None:
        """Begin to learn how long targets take until their first content, which costs a little at every attempt."""
        self.latencies = self.latencies or Latencies()

    def answered(self, target: Target, output: int) -> None:
        """Learn how long a target's answers are, in tokens."""
        usual = self._outputs.get(target.label)
        if usual is None:
            self._outputs[target.label] = [output]
        else:
            usual[0] += LEARNING * (output - usual[0])

    def succeeded(self, permit: Permit) -> None:
        """Note a success: failures in a row end, and so do the cooldowns that were over or probed.

        A cooldown that began while the attempt was under way stays: the attempt proves nothing against it.
        """
        if self.calm:
            return
        for scope, pauses in self._pauses.items():
            name = _name(permit.target, scope)
            pause = pauses.get(name)
            if pause is None:
                continue
            pause.in_a_row = 0
            if pause in permit.probes or pause.until <= permit.launched:
                del pauses[name]
        self.calm = not any(self._pauses.values())

    def failed(self, permit: Permit, failure: Failure, cooldown: Cooldown, now: float) -> None:
        """Note a failure. A cooldown is only ever extended, never shortened by a later event.

        Attempts that were under way together fail together: only one that was launched after the latest failure makes
        the row longer, and so the cooldown.
        """
        if failure.kind not in _NOT_OF_THE_TARGET:
            for probed in permit.probes:
                probed.probed = True
        if cooldown is Cooldown.NOTHING:
            return
        pause = self._pause(permit.target, cooldown)
        if now >= pause.until:
            pause.probed = False
        disabled = cooldown is not Cooldown.TARGET
        together = permit.launched < pause.noted
        length = _length(failure, pause.in_a_row - (together and pause.in_a_row > 0), disabled=disabled)
        if not together:
            pause.in_a_row += 1
            pause.noted = now
        if now + length > pause.until:
            pause.until = now + length
            pause.disabled = disabled
            pause.why = f"{failure.kind}: {failure.message}"

    def lift(self, target: Target) -> None:
        """Enable what was disabled for a target, after a free check proved that it works."""
        for scope, pauses in self._pauses.items():
            name = _name(target, scope)
            if (pause := pauses.get(name)) is not None and pause.disabled:
                del pauses[name]
        self.calm = not any(self._pauses.values())

    def _pause(self, target: Target, scope: Cooldown) -> _Pause:
        """Return the cooldown of a scope, creating it if it is missing, and make it the last to be forgotten."""
        pauses, name = self._pauses[scope], _name(target, scope)
        pause = pauses[name] = pauses.get(name) or _Pause()
        self.calm = False
        return pause

    def _over(self, target: Target) -> list[_Pause]:
        """Return the cooldowns that concern a target, those that are over included."""
        found = (pauses.get(_name(target, scope)) for scope, pauses in self._pauses.items() if pauses)
        return [pause for pause in found if pause is not None]

    def _permitted(self, permit: Permit) -> Permit:
        name = permit.target.name
        self._in_flight[name] = self._in_flight.get(name, 0) + 1
        return permit


def _length(failure: Failure, earlier: int, *, disabled: bool) -> float:
    """Return for how long something goes into cooldown after `earlier` failures in a row."""
    hint, daily = failure.retry_after, failure.kind is _K.DAILY_QUOTA
    if daily and hint is None:
        return LONGEST_DISABLE
    first, longest = (FIRST_DISABLE, LONGEST_DISABLE) if disabled or daily else (FIRST_PAUSE, LONGEST_PAUSE)
    length = min(longest, first * 2.0 ** min(earlier, _MOST_DOUBLINGS))
    if disabled or hint is None or (daily and hint <= length):
        # Google writes the seconds of its limit per minute beside a quota that is renewed once a day: too short a
        # wait to be believed.
        return length
    return min(LONGEST_HINT, hint)


def _name(target: Target, scope: Cooldown) -> str:
    match scope:
        case Cooldown.CREDENTIAL:
            return target.credential or target.name
        case Cooldown.ENDPOINT:
            return target.endpoint or target.name
        case _:
            return target.label
