"""Pools of keys: which key of an entry is used next, and which of them may be used.

The attempts are spread: of the keys that may be used, one with the fewest attempts in flight is next, and of several
the one that was picked longest ago. Keys are known by opaque names, never by what they are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from understudy.policy.cooldowns import Cooldowns, Denial, Pause
from understudy.policy.targets import Target


class _Use:
    """How a key is used."""

    __slots__ = ("in_flight", "picked")

    def __init__(self) -> None:
        self.in_flight = 0
        self.picked = 0
        """The number of its latest pick, among those of all keys."""


class KeyPools:
    """All pools of a manager, by the names of the keys."""

    __slots__ = ("_cooldowns", "_picks", "_uses")

    def __init__(self, cooldowns: Cooldowns) -> None:
        self._cooldowns = cooldowns
        self._picks = 0
        self._uses: dict[str, _Use] = {}

    def take(self, keys: Iterable[str]) -> str:
        """Pick one of some keys for an attempt."""
        key = min(keys, key=self._order)
        use = self._uses.setdefault(key, _Use())
        self._picks += 1
        use.in_flight += 1
        use.picked = self._picks
        return key

    def give_back(self, key: str) -> None:
        """Note that an attempt has ended."""
        self._uses[key].in_flight -= 1

    def _order(self, key: str) -> tuple[int, int]:
        use = self._uses.get(key)
        return (use.in_flight, use.picked) if use is not None else (0, 0)

    def usable(self, target: Target, now: float, *, free: bool, but: Collection[str] = ()) -> list[str]:
        """Return the keys of a target that may be used now; `but`: those that the request may not use."""
        active = self._cooldowns.active
        return [key for key in target.credentials if key not in but and not active(target, now, free=free, key=key)]

    def refused(self, target: Target, now: float, keys: Iterable[str], *, free: bool) -> list[str]:
        """Return those of some keys that are disabled, rather than limited."""
        active = self._cooldowns.active
        return [key for key in keys if any(pause.disabled for pause in active(target, now, free=free, key=key))]

    def denial(self, target: Target, now: float, *, free: bool, but: Collection[str] = ()) -> Denial | None:
        """Return until when and why none of the keys of a target may be used; `None` if one may."""
        if self.usable(target, now, free=free, but=but):
            return None
        count = len(target.credentials)
        waits = self._waits(target, now, free=free, but=but)
        if not waits:
            return Denial(math.inf, f"the provider refused each of the {count} keys")
        until, key, pauses = min(waits, key=lambda wait: wait[0])
        longest = max(pauses, key=lambda pause: pause.until)
        number = target.credentials.index(key) + 1
        why = f"none of the {count} keys may be used; the first to be is key {number}, {longest.why}"
        return Denial(until, why, any(pause.probing for _, _, each in waits for pause in each))

    def to_probe(
        self, target: Target, now: float, *, free: bool, but: Collection[str] = ()
    ) -> tuple[Sequence[str], Sequence[Pause]] | None:
        """Return the keys of which one may be tried although a target is in cooldown, with the key's own cooldowns.

        `None` if none may: each is being probed, or a probe of it has failed.
        """
        if usable := self.usable(target, now, free=free, but=but):
            return usable, ()
        waits = self._waits(target, now, free=free, but=but)
        fresh = [wait for wait in waits if not any(pause.probing or pause.probed for pause in wait[2])]
        if not fresh:
            return None
        _, key, pauses = min(fresh, key=lambda wait: wait[0])
        return (key,), pauses

    def _waits(
        self, target: Target, now: float, *, free: bool, but: Collection[str]
    ) -> list[tuple[float, str, list[Pause]]]:
        """Return the keys in cooldown, each with the end of its cooldown and what that consists of."""
        found = (
            (key, self._cooldowns.active(target, now, free=free, key=key))
            for key in target.credentials
            if key not in but
        )
        return [(max(pause.until for pause in pauses), key, pauses) for key, pauses in found if pauses]
