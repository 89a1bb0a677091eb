"""Targets that a request may not ask now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.cooldowns import Denial
from understudy.policy.targets import Target


class Skipped(msgspec.Struct, frozen=True):
    """A target that may not be asked, as it was found `at` that time: until when, and why."""

    label: str
    why: str
    at: float
    until: float = math.inf
    probed: bool = False
    """Another request probes it."""
    refused: bool = False
    """A limit of this side forbids it, whatever is known of its health."""
    kind: FailureKind | None = None
    """The failure that led to its cooldown."""

    def __str__(self) -> str:
        until = "" if math.isinf(self.until) else f" for {self.until - self.at:.0f} s"
        return f"{self.label}{until} ({self.why})"


def skipped(target: Target, denial: Denial, now: float) -> Skipped:
    """Return a target as it is skipped `now` because of what is known of its health."""
    return Skipped(target.label, denial.why, now, denial.until, denial.probed, kind=denial.kind)


def also_refused(earlier: Failure, failure: Failure, label: str) -> Failure:
    """Return why a limit of this side forbids several targets: the same that forbade those before, or another one."""
    if earlier.sent or earlier.code is None or earlier.code != failure.code:
        return failure
    soonest = min(filter(None, (earlier.retry_after, failure.retry_after)), default=None)
    message = f"{earlier.message}; {label} is refused too"
    return msgspec.structs.replace(earlier, message=message, retry_after=soonest)


_NAMED = 3
"""Targets that are named where a request went past them."""


def why_asked(why: str, target: Target, denials: Mapping[str, Skipped]) -> str:
    """Return why a request begins at a target: its place in the plan, and which ones ahead of it may not be asked."""
    ahead = [each for each in denials.values() if each.label != target.label]
    if not ahead:
        return why
    named = "; ".join(map(str, islice(ahead, _NAMED)))
    others = f"; and {len(ahead) - _NAMED} others" if len(ahead) > _NAMED else ""
    return f"{why}; not asked: {named}{others}"
