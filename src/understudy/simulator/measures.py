"""What a simulation measures; measures of several seeds add up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from understudy.domain.quantiles import Quantiles

PARTS = 60
"""Parts of the simulated time for which figures are kept, for plots."""


class Part(msgspec.Struct):
    """One part of the time. Requests are counted where they began."""

    requests: int = 0
    answered: int = 0
    paid: int = 0
    """Requests with at least one failed attempt."""
    by_target: dict[str, int] = msgspec.field(default_factory=dict)
    """Answers by target."""


class TargetMeasures(msgspec.Struct):
    """The attempts at one target."""

    attempts: int = 0
    won: int = 0
    failures: dict[str, int] = msgspec.field(default_factory=dict)
    nano_usd: int = 0
    during: int = 0
    """Attempts launched while an incident affected every request."""


class Measures(msgspec.Struct, kw_only=True):
    """The result of a simulation, of one seed or of several together."""

    seeds: int = 1
    requests: int = 0
    answered: int = 0
    attempts: int = 0
    paid: int = 0
    """Requests with at least one failed attempt."""
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    """Requests without an answer, by the class of the error."""
    latency: Quantiles = Quantiles()
    """Of answered requests, from the call to the answer; seconds."""
    first_token: Quantiles = Quantiles()
    """Of answered streams."""
    nano_usd: int = 0
    unpriced: int = 0
    """Attempts of unknown cost."""
    targets: dict[str, TargetMeasures] = msgspec.field(default_factory=dict)
    recoveries: list[float] = msgspec.field(default_factory=list)
    """For each incident of a target that was in use before: seconds from its end until an attempt at
    that target is launched which is answered."""
    unrecovered: int = 0
    """Incidents after which the target never answered again."""
    parts: list[Part] = msgspec.field(default_factory=list)
    violations: int = 0
    notes: list[str] = msgspec.field(default_factory=list)
    """The first violations."""
    traces: list[str] = msgspec.field(default_factory=list)
    """A hash of all records for each seed, in the order of the seeds."""
    virtual: float = 0.0
    """Simulated seconds."""
    elapsed: float = 0.0
    """Seconds of processor time."""

    # ---- the values that assertions and reports name ----

    def values(self) -> dict[str, float | None]:
        """Return every figure by its name; `None` if there is nothing to measure."""
        requests, answered = self.requests or 1, self.answered or 1
        return {
            "availability": self.answered / requests,
            "requests": self.requests,
            "errors": self.requests - self.answered,
            "p50": self.latency.percentile(50),
            "p95": self.latency.percentile(95),
            "p99": self.latency.percentile(99),
            "first_token_p50": self.first_token.percentile(50),
            "first_token_p95": self.first_token.percentile(95),
            "first_token_p99": self.first_token.percentile(99),
            "cost": self.nano_usd / 1e9,
            "cost_per_1000": self.nano_usd / 1e6 / answered,
            "attempts": self.attempts,
            "attempts_per_request": self.attempts / requests,
            "paid": self.paid,
            "recovery_p50": _quantile(self.recoveries, 0.5),
            "recovery_max": max(self.recoveries, default=None),
            "unrecovered": self.unrecovered,
            "violations": self.violations,
            **{f"share.{name}": each.won / answered for name, each in self.targets.items()},
            **{f"attempts.{name}": each.attempts for name, each in self.targets.items()},
            **{f"attempts_down.{name}": each.during for name, each in self.targets.items()},
        }


def _quantile(values: list[float], share: float) -> float | None:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else None


def combined(several: Iterable[Measures]) -> Measures:
    """Return the measures of several seeds together."""
    total = Measures(seeds=0)
    for each in several:
        for name in _SUMS:
            setattr(total, name, getattr(total, name) + getattr(each, name))
        _add(total.errors, each.errors)
        _add_targets(total.targets, each.targets)
        total.parts += [Part() for _ in range(len(each.parts) - len(total.parts))]
        for part, other in zip(total.parts, each.parts, strict=False):
            part.requests += other.requests
            part.answered += other.answered
            part.paid += other.paid
            _add(part.by_target, other.by_target)
    return total


_SUMS = (
    *("seeds", "requests", "answered", "attempts", "paid", "latency", "first_token", "nano_usd", "unpriced"),
    *("recoveries", "unrecovered", "violations", "notes", "traces", "virtual", "elapsed"),
)


def _add(total: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count


def _add_targets(total: dict[str, TargetMeasures], targets: Mapping[str, TargetMeasures]) -> None:
    for name, each in targets.items():
        sums = total.setdefault(name, TargetMeasures())
        sums.attempts += each.attempts
        sums.won += each.won
        sums.nano_usd += each.nano_usd
        sums.during += each.during
        _add(sums.failures, each.failures)
