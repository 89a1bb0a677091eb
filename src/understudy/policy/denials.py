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

LookUp = Callable[[Target, float], Denial | None]
_LABEL = attrgetter("label")


class Denials:
    """Which targets were looked up, and those among them that are denied."""

    __slots__ = ("_denied", "_found", "_known", "_over")

    def __init__(self) -> None:
        self._denied: dict[str, float] = {}
        """By label, until when."""
        self._known: set[str] = set()
        """The labels of all that were looked up."""
        self._over = math.inf
        """When the first denial is over."""
        self._found: tuple[Sequence[Target], frozenset[str]] | None = None
        """Which targets were asked about last, and what was found."""

    def forget(self) -> None:
        """Forget all of it, because something has happened."""
        if self._known:
            self._denied, self._known = {}, set()
            self._over, self._found = math.inf, None

    def among(self, targets: Sequence[Target], now: float, look_up: LookUp) -> frozenset[str]:
        """Return the labels of those targets that may not be asked now: the same object as long as nothing changes."""
        found = self._found
        if found is not None and found[0] is targets and now < self._over:
            return found[1]
        labels = self._labels(targets, now, look_up)
        denied = frozenset(self._denied.keys() & labels)
        self._found = targets, denied
        return denied

    def back_by(self, latest: float, targets: Sequence[Target], now: float, look_up: LookUp) -> int:
        """Return how many targets may be asked now, or are back by `latest`."""
        labels = self._labels(targets, now, look_up)
        return sum(map(le, map(self._denied.get, labels, repeat(-math.inf)), repeat(latest)))

    def _labels(self, targets: Sequence[Target], now: float, look_up: LookUp) -> list[str]:
        """Return the labels of targets, each of which is looked up if it was not yet."""
        if now >= self._over:
            self.forget()
        labels = list(map(_LABEL, targets))
        if not self._known.issuperset(labels):
            for target in targets:
                if target.label not in self._known and (denial := look_up(target, now)) is not None:
                    self._denied[target.label] = denial.until
                    self._over = min(self._over, denial.until)
            self._known.update(labels)
        return labels
