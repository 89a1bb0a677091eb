"""What is left of the limits of each key and model, so that a target is left before it refuses."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from understudy.domain.bounded import BoundedDict
from understudy.domain.quotas import Quota, ReadQuotas
from understudy.policy.plan import Plan, Step
from understudy.policy.targets import Target

UNSTATED = 60.0
"""Seconds for which a report counts that does not say when its limit is whole again: most limits are by the minute."""


class Quotas:
    """The latest report of each key of each target."""

    __slots__ = ("_reports",)

    def __init__(self) -> None:
        self._reports: BoundedDict[tuple[str, str], _Report] = BoundedDict()

    def note(self, target: Target, read: ReadQuotas, now: float) -> None:
        """Keep what an answer reports. `target`: with the key that was used."""
        self._reports[target.label, target.credential] = _Report(read, now)

    def left(self, target: Target, now: float) -> Iterator[tuple[str, tuple[Quota, ...]]]:
        """Yield each key of a target and what is left of its limits: those that are not whole again since."""
        for key in target.credentials or (target.credential,):
            report = self._reports.get((target.label, key))
            yield key, report.current(now) if report is not None else ()

    def shortage(self, target: Target, now: float, *, share: float, tokens: float) -> Quota | None:
        """Return the limit that is about to end: of which less than `share` is left, or fewer tokens than are needed.

        A target with a pool of keys is short only if every key is. `None` if it is not, or if that is unknown.
        """
        short = None
        for _, quotas in self.left(target, now):
            short = next((quota for quota in quotas if _is_short(quota, share, tokens)), None)
            if short is None:
                return None
        return short

    def spare(self, plan: Plan, now: float, *, share: float, tokens: float, named: str | None = None) -> Plan:
        """Return a plan with the targets behind the others whose limits are about to end. `named`: the label of one
        that the call names, which stays first."""
        if not self._reports:
            return plan
        ready: list[Step] = []
        short: list[Step] = []
        for step in plan.steps:
            quota = None
            if step.target.label != named:
                quota = self.shortage(step.target, now, share=share, tokens=tokens)
            if quota is None:
                ready.append(step)
            else:
                short.append(replace(step, why=f"only {quota}, so behind the others ({step.why})"))
        return replace(plan, steps=(*ready, *short)) if short and ready else plan


class _Report:
    """What one answer reported. It is read when it is needed first."""

    __slots__ = ("_moment", "_quotas", "_read")

    def __init__(self, read: ReadQuotas, moment: float) -> None:
        self._read = read
        self._moment = moment
        self._quotas: tuple[Quota, ...] | None = None

    def current(self, now: float) -> tuple[Quota, ...]:
        if self._quotas is None:
            self._quotas = self._read()
        age = now - self._moment
        return tuple(
            replace(quota, resets=None if quota.resets is None else quota.resets - age)
            for quota in self._quotas
            if age < (UNSTATED if quota.resets is None else quota.resets)
        )


def _is_short(quota: Quota, share: float, tokens: float) -> bool:
    if quota.left == 0 or ("tokens" in quota.unit and quota.left < tokens):
        return True
    return quota.share is not None and quota.share < share
