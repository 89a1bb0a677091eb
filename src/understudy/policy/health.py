"""What is set aside, and until when, and what was learned of targets.

One object per manager, called without `await`, so it needs no lock. Circuit breakers and learned latencies belong here
too; `acquire` and `release` are where they will look on.
"""

from __future__ import annotations

import math

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.targets import Target, TargetFacts
from understudy.policy.verdicts import Aside

FIRST_PAUSE = 1.0
"""Seconds that a target without a hint is set aside; doubles with each further failure in a row."""
LONGEST_PAUSE = 60.0
FIRST_DISABLE = 300.0
"""Seconds that a refused key, model or host is set aside; doubles up to an hour (fault model §3.3)."""
LONGEST_DISABLE = 3600.0
LONGEST_HINT = 24 * 3600.0
LEARNING = 0.1
"""Weight of the latest answer in what is expected of the next one."""


class Permit(msgspec.Struct, frozen=True):
    """Leave to launch an attempt, returned when the attempt is settled.

    `probe` marks the one attempt that is let through although its target is set aside, because nothing else is left.
    """

    target: Target
    launched: float = 0.0
    """Monotonic seconds."""
    probe: bool = False


class Denial(msgspec.Struct, frozen=True):
    """No leave: set aside until `until` (monotonic seconds), because of `why`."""

    until: float
    why: str


class _Pause:
    """What is set aside under one name."""

    __slots__ = ("disabled", "in_a_row", "noted", "until", "why")

    def __init__(self) -> None:
        self.until = 0.0
        self.in_a_row = 0
        self.noted = -math.inf
        """When the latest failure of the row was noted."""
        self.disabled = False
        self.why = ""


_NOBODY: frozenset[str] = frozenset()


class Health:
    """Cooldowns by target, key and host, and the attempts in flight."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}
        self._in_flight: dict[str, int] = {}
        self._probing: set[str] = set()
        self._outputs: dict[str, float] = {}

    def acquire(self, target: Target, now: float) -> Permit | Denial:
        """Ask for leave to launch an attempt at a target."""
        denial = self.denial(target, now)
        if denial is not None:
            return denial
        return self._leave(Permit(target, now))

    def probe(self, target: Target, now: float) -> Permit | None:
        """Ask for leave in spite of a denial; one at a time per target (fault model row 69)."""
        if target.name in self._probing:
            return None
        self._probing.add(target.name)
        return self._leave(Permit(target, now, probe=True))

    def release(self, permit: Permit) -> None:
        """Give a permit back, whatever became of the attempt."""
        name = permit.target.name
        self._in_flight[name] -= 1
        if permit.probe:
            self._probing.discard(name)

    def denial(self, target: Target, now: float) -> Denial | None:
        """Tell until when and why a target is set aside; `None` when it is not."""
        found: Denial | None = None
        if not self._pauses:
            return None
        for name in _scopes(target):
            pause = self._pauses.get(name)
            if pause is not None and pause.until > now and (found is None or pause.until > found.until):
                found = Denial(pause.until, pause.why)
        return found

    def facts(self, target: Target, now: float) -> TargetFacts:
        """Return what is known of a target."""
        denial = self.denial(target, now)
        return TargetFacts(
            cooling=denial.until - now if denial else None,
            in_flight=self._in_flight.get(target.name, 0),
            expected_output=self._outputs.get(target.label),
        )

    def aside(self, targets: tuple[Target, ...], now: float) -> frozenset[str]:
        """Return the labels of those targets that are set aside."""
        if not self._pauses:
            return _NOBODY
        return frozenset(each.label for each in targets if self.denial(each, now) is not None)

    def answered(self, target: Target, output: int) -> None:
        """Learn how long a target's answers are, in tokens."""
        label = target.label
        usual = self._outputs.get(label)
        self._outputs[label] = output if usual is None else usual + LEARNING * (output - usual)

    def succeeded(self, permit: Permit) -> None:
        """Note a success: failures in a row end. A probe's success proves that what was disabled works again."""
        if not self._pauses:
            return
        for name in _scopes(permit.target):
            pause = self._pauses.get(name)
            if pause is not None:
                pause.in_a_row = 0
                if permit.probe and pause.disabled:
                    del self._pauses[name]

    def failed(self, permit: Permit, failure: Failure, aside: Aside, now: float) -> None:
        """Note a failure. A pause is only ever extended, never shortened by a later event.

        Attempts that were under way together fail together: only one that was launched after the latest failure makes
        the row longer, and so the pause.
        """
        target = permit.target
        if aside is Aside.NOTHING:
            return
        pause = self._pauses.setdefault(_scope(target, aside), _Pause())
        disabled = aside is not Aside.TARGET
        daily = failure.kind is FailureKind.DAILY_QUOTA
        first, longest = (FIRST_DISABLE, LONGEST_DISABLE) if disabled or daily else (FIRST_PAUSE, LONGEST_PAUSE)
        together = permit.launched < pause.noted
        length = min(longest, first * 2 ** (pause.in_a_row - together))
        hint = failure.retry_after
        if daily and hint is None:
            length = LONGEST_DISABLE
        elif not disabled and hint is not None and (not daily or hint > length):
            # Google writes the seconds of its limit per minute beside a quota that is renewed once a day: too short a
            # wait to be believed.
            length = min(LONGEST_HINT, hint)
        if not together:
            pause.in_a_row += 1
            pause.noted = now
        if now + length > pause.until:
            pause.until = now + length
            pause.disabled = disabled
            pause.why = f"{failure.kind}: {failure.message}"

    def lift(self, target: Target) -> None:
        """Take back what was disabled for a target, after a free check proved that it works."""
        for name in _scopes(target):
            if (pause := self._pauses.get(name)) is not None and pause.disabled:
                del self._pauses[name]

    def _leave(self, permit: Permit) -> Permit:
        name = permit.target.name
        self._in_flight[name] = self._in_flight.get(name, 0) + 1
        return permit


def _scope(target: Target, aside: Aside) -> str:
    match aside:
        case Aside.CREDENTIAL:
            return f"key {target.credential or target.name}"
        case Aside.ENDPOINT:
            return f"host {target.endpoint or target.name}"
        case Aside.MODEL:
            return f"model {target.label}"
        case _:
            return f"target {target.label}"


def _scopes(target: Target) -> tuple[str, ...]:
    return tuple(_scope(target, aside) for aside in (Aside.TARGET, Aside.MODEL, Aside.CREDENTIAL, Aside.ENDPOINT))
