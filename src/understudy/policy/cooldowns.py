"""What is left alone until a stated time: after a rate limit its target, after a refusal the model, key or host.

For an entry with a pool of keys, what concerns a key alone is remembered by key: `key` is its name. Without one, the
methods are about the target as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown

FIRST_PAUSE = 1.0
"""Seconds of cooldown for a target without a hint; doubles with each further failure in a row."""
LONGEST_PAUSE = 60.0
FIRST_DISABLE = 300.0
"""Seconds for which a refused key, model or host is disabled; doubles up to an hour."""
LONGEST_DISABLE = 3600.0
LONGEST_HINT = 24 * 3600.0

_MOST_DOUBLINGS = 16
"""More would not make a pause longer, and a thousand would exceed a float."""
_TARGET, _MODEL, _CREDENTIAL, _ENDPOINT = Cooldown.TARGET, Cooldown.MODEL, Cooldown.CREDENTIAL, Cooldown.ENDPOINT
_OF_ALL = (_TARGET, _MODEL, _CREDENTIAL, _ENDPOINT)
_OF_FREE = (_CREDENTIAL, _ENDPOINT)
"""Those that concern an operation which no model answers, such as the list of models."""
_OF_KEYS = (_TARGET, _MODEL, _CREDENTIAL)
_OF_KEYS_FREE = (_CREDENTIAL,)
"""The same for one key of a pool: its rate limit, the models that it may not use, and the key itself."""


class Pause:
    """A cooldown: of a target, a model, a key or a host."""

    __slots__ = ("disabled", "in_a_row", "kind", "noted", "probed", "probing", "until", "why")

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
        self.kind: FailureKind | None = None
        """The failure for which it lasts until then."""
        self.why = ""


class Denial(msgspec.Struct, frozen=True):
    """Refusal until `until` (monotonic seconds) at most, because of `why`."""

    until: float
    why: str
    probed: bool = False
    """Another request probes the target, and may end this before `until`."""
    breaker: bool = False
    """A circuit breaker refuses: no probe is made in spite of it."""
    proven: bool = False
    """The probe of that breaker has had an answer: a request without another target may go on beside it."""
    kind: FailureKind | None = None
    """The failure that led to a cooldown."""


class Cooldowns:
    """All cooldowns, by what they concern."""

    __slots__ = ("_pauses",)

    def __init__(self) -> None:
        # Each scope has its own dictionary: model names come from callers, and however many of them fail, the
        # cooldown of a key is not forgotten for theirs.
        self._pauses: dict[Cooldown, BoundedDict[str, Pause]] = {scope: BoundedDict() for scope in _OF_ALL}

    @property
    def empty(self) -> bool:
        """Whether none is remembered, not even one that is over."""
        return not any(self._pauses.values())

    def concern(self, target: Target) -> bool:
        """Check whether any is remembered of a target, its key or its host. Of a pool, whose keys are remembered one by
        one, that is taken to be so. What was never in cooldown is found at once, of however many targets."""
        pauses, label = self._pauses, target.label
        return (
            label in pauses[_MODEL]
            or (target.rate_limit_domain or label) in pauses[_TARGET]
            or (target.credential or target.name) in pauses[_CREDENTIAL]
            or target.host in pauses[_ENDPOINT]
            or bool(target.credentials)
        )

    def active(self, target: Target, now: float, *, free: bool = False, key: str = "") -> list[Pause]:
        """Return the cooldowns in force for a target; for operations that are `free`, those of key and host."""
        if self.empty:
            return []
        return [pause for pause in self._over(target, free=free, key=key) if pause.until > now]

    def failed(
        self, target: Target, launched: float, failure: Failure, scope: Cooldown, now: float, key: str = ""
    ) -> None:
        """Note a failure. A cooldown is only ever extended, never shortened by a later event.

        Attempts that were under way together fail together: only one that was launched after the latest failure makes
        the row longer, and so the cooldown.
        """
        pause = self._pause(target, scope, key)
        if now >= pause.until:
            pause.probed = False
        disabled = scope is not Cooldown.TARGET
        together = launched < pause.noted
        length = _length(failure, pause.in_a_row - (together and pause.in_a_row > 0), disabled=disabled)
        if not together:
            pause.in_a_row += 1
            pause.noted = now
        if now + length > pause.until:
            pause.until = now + length
            pause.disabled = disabled
            pause.kind = failure.kind
            pause.why = f"{failure.kind}: {failure.message}"

    def succeeded(self, target: Target, launched: float, probed: tuple[Pause, ...], key: str = "") -> None:
        """Note a success: failures in a row end, and so do the cooldowns that were over or probed.

        A cooldown that began while the attempt was under way stays: the attempt proves nothing against it.
        """
        for scope in _OF_KEYS if key else _OF_ALL:
            pauses = self._pauses[scope]
            if not pauses or (pause := pauses.get(name := name_of(target, scope, key))) is None:
                continue
            pause.in_a_row = 0
            if pause in probed or pause.until <= launched:
                del pauses[name]

    def lift(self, target: Target, key: str = "", *, kinds: Collection[FailureKind] | None = None) -> None:
        """Enable what was disabled for a target: for failures of some `kinds`, or for any."""
        for scope in _OF_KEYS if key else _OF_ALL:
            pauses, name = self._pauses[scope], name_of(target, scope, key)
            pause = pauses.get(name)
            if pause is not None and pause.disabled and (kinds is None or pause.kind in kinds):
                del pauses[name]

    def is_refused(self, target: Target, now: float, kinds: Collection[FailureKind], key: str = "") -> bool:
        """Return whether a key, or the host, is disabled for failures of some `kinds`."""
        names = ((scope, name_of(target, scope, key)) for scope in _OF_FREE)
        pauses = (self._pauses[scope].get(name) for scope, name in names)
        return any(each is not None and each.disabled and each.until > now and each.kind in kinds for each in pauses)

    def forget(self, target: Target) -> None:
        """Forget every cooldown that concerns a target, or one of its keys."""
        for scope, pauses in self._pauses.items():
            for key in ("", *target.credentials):
                pauses.pop(name_of(target, scope, key), None)

    def _pause(self, target: Target, scope: Cooldown, key: str) -> Pause:
        """Return the cooldown of a scope, creating it if it is missing, and make it the last to be forgotten."""
        pauses, name = self._pauses[scope], name_of(target, scope, key)
        pause = pauses[name] = pauses.get(name) or Pause()
        return pause

    def _over(self, target: Target, *, free: bool, key: str) -> list[Pause]:
        """Return the cooldowns that concern a target, those that are over included."""
        scopes: tuple[Cooldown, ...] = _OF_FREE if free else _OF_ALL
        if key:
            scopes = _OF_KEYS_FREE if free else _OF_KEYS
        found = (self._pauses[scope].get(name_of(target, scope, key)) for scope in scopes if self._pauses[scope])
        return [pause for pause in found if pause is not None]


def _length(failure: Failure, earlier: int, *, disabled: bool) -> float:
    """Return for how long something goes into cooldown after `earlier` failures in a row."""
    hint, daily = failure.retry_after, failure.kind is FailureKind.DAILY_QUOTA
    if daily and hint is None:
        return LONGEST_DISABLE
    first, longest = (FIRST_DISABLE, LONGEST_DISABLE) if disabled or daily else (FIRST_PAUSE, LONGEST_PAUSE)
    length = min(longest, first * 2.0 ** min(earlier, _MOST_DOUBLINGS))
    if disabled or hint is None or (daily and hint <= length):
        # Google writes the seconds of its limit per minute beside a quota that is renewed once a day: too short a
        # wait to be believed.
        return length
    return min(LONGEST_HINT, hint)


def name_of(target: Target, scope: Cooldown, key: str = "") -> str:
    """Return the name under which a scope knows a target, or one key of it."""
    match scope:
        case Cooldown.CREDENTIAL:
            return key or target.credential or target.name
        case Cooldown.ENDPOINT:
            return target.endpoint or target.name
        case Cooldown.TARGET:
            name = target.rate_limit_domain or target.label
        case _:
            name = target.label
    return f"{name} {key}" if key else name
