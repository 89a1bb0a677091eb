"""Until when targets may not be asked, remembered from request to request.

Time alone ends a denial, and begins none. So what was looked up holds until something happens to any target, or until
the first of the denials is over: with a thousand targets, of which many are in cooldown, a request looks none up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from operator import attrgetter, le

from understudy.policy.cooldowns import Denial
from understudy.policy.targets import Target

KEPT = 16_384
"""Labels that are remembered at most: names of models come from callers, and have no end."""
LookUp = Callable[[Target, float], Denial | None]
_LABEL = attrgetter("label")


class _Found:
    """What was found since something happened last."""

    __slots__ = ("among", "denied", "known", "over")

    def __init__(self) -> None:
        self.denied: dict[str, float] = {}
        """By label, until when."""
        self.known: set[str] = set()
        """The labels of all that were looked up."""
        self.over = math.inf
        """When the first denial is over."""
        self.among: tuple[Sequence[Target], frozenset[str]] | None = None
        """Which targets were asked about last, and which of them are denied."""


class Denials:
    """Which targets were looked up, and those among them that are denied.

    A thread that explains a request may look targets up while something happens to one: what it finds is not kept then.
    """

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found = _Found()

    def forget(self) -> None:
        """Forget all of it, because something has happened."""
        self._found = _Found()

    def among(self, targets: Sequence[Target], now: float, look_up: LookUp) -> frozenset[str]:
        """Return the labels of those targets that may not be asked now: the same object as long as nothing changes."""
        found = self._found
        if (latest := found.among) is not None and latest[0] is targets and now < found.over:
            return latest[1]
        found, labels = self._looked_up(targets, now, look_up)
        denied = frozenset(found.denied.keys() & labels)
        found.among = targets, denied
        return denied

    def back_by(self, latest: float, targets: Sequence[Target], now: float, look_up: LookUp) -> int:
        """Return how many targets may be asked now, or are back by `latest`."""
        found, labels = self._looked_up(targets, now, look_up)
        return sum(map(le, map(found.denied.get, labels, repeat(-math.inf)), repeat(latest)))

    def _looked_up(self, targets: Sequence[Target], now: float, look_up: LookUp) -> tuple[_Found, list[str]]:
        """Look up each target that was not yet; return all that is known, and the labels of the targets."""
        if now >= self._found.over or len(self._found.known) > KEPT:
            self.forget()
        found, labels = self._found, list(map(_LABEL, targets))
        if not found.known.issuperset(labels):
            for target in targets:
                if target.label not in found.known and (denial := look_up(target, now)) is not None:
                    found.denied[target.label] = denial.until
                    found.over = min(found.over, denial.until)
            found.known.update(labels)
        return found, labels
