"""Reports of how targets did over time: how often they answered, what failed, how long it took, and their states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from understudy.domain.attempts import CostBasis
from understudy.domain.money import dollars
from understudy.domain.quantiles import Sketch
from understudy.ledger.entries import EntryState
from understudy.ledger.lasting import LedgerQueries
from understudy.ledger.pages import Ending
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sql import ALL
from understudy.ledger.sums import DAY
from understudy.policy.verdicts import NOT_OF_THE_TARGET
from understudy.telemetry.snapshot import Minute, Tally, Transition, sum_tallies

MINUTE = 60
WINDOWS = (MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE, 360 * MINUTE)
"""Seconds of the windows, besides the whole span."""
SLICES = 96
"""Parts of the whole span, about: quarters of an hour of a day."""
READ = 20_000
"""Attempts that are read of a ledger, at most."""
LONGEST = 900
"""Seconds that an attempt takes at most: of one that takes longer, the end is not found."""
CHANGES = 100
"""Of the state of a target, the newest that are reported."""
_UNSPENT = (CostBasis.NOT_SENT, CostBasis.REFUSED)
_Name = tuple[str, str | None]


class WindowResult(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts of a target that ended in a span of time. Durations are seconds, within 2 %."""

    since: float
    """Unix seconds."""
    seconds: float
    """Length of the span."""
    succeeded: int
    failed: int
    aborted: int
    up: float | None
    """The part of the attempts that succeeded, from 0 to 1, without those that were aborted, or failed because of their
    request or of this side; `None` without any."""
    failures: dict[str, int]
    """By kind, the most frequent first."""
    latency_p50: float | None
    """Of successful attempts, until the end of the answer."""
    latency_p95: float | None
    first_p50: float | None
    """Of successful streams, until the first content."""
    first_p95: float | None
    cost_usd: str
    """As far as it is known."""
    unknown_costs: int


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A target began to be in another state, as some process saw it."""

    at: float
    """Unix seconds."""
    state: str
    """`closed`, `half_open`, `open`, `cooldown`, `disabled` or `draining`."""
    why: str | None
    worker: str | None
    """The process that saw it, if that is known."""


class TargetHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One target over time."""

    provider: str
    """Name of the entry."""
    model: str | None
    windows: tuple[WindowResult, ...]
    """The last minute, 5 and 15 minutes, hour, 6 hours, and the whole span, as far as the report reaches; each with the
    minute that is under way."""
    slices: tuple[WindowResult, ...]
    """Equal parts of the whole span, the oldest first, also those without attempts."""
    changes: tuple[StateChange, ...]
    """The newest 100, the newest first: those of each process by itself."""


class ProviderHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Targets over time."""

    at: float
    """Unix seconds of the report."""
    since: float
    """Unix seconds; what was before is not in the report."""
    step: float
    """Seconds of a slice."""
    source: str
    """`fleet`: what the processes of the gateway measured, or `ledger`: entries."""
    is_complete: bool
    """Whether all attempts since then were read: of a ledger, the newest 20,000 at most."""
    targets: tuple[TargetHistory, ...]
    """By entry and model."""


def history_of_minutes(
    minutes: Sequence[Minute], changes: Sequence[Transition] = (), *, now: float, seconds: float = DAY
) -> ProviderHistory:
    """Return the history of what processes of a gateway measured; of a span that ends now. Its first minute, and the
    slices, begin with whole minutes. `changes`: of the states of targets, by time."""
    step = max(MINUTE, seconds / SLICES // MINUTE * MINUTE)
    until = (now // MINUTE + 1) * MINUTE
    since = until - seconds // step * step
    known: dict[_Name, list[tuple[float, Tally]]] = {}
    for each in minutes:
        if since <= each.start < until:
            known.setdefault((each.entry, each.model), []).append((each.start, each.tally))
    changed: dict[_Name, list[StateChange]] = {}
    for one in reversed(changes):
        if since <= one.at < until:
            change = StateChange(at=one.at, state=str(one.state), why=one.why, worker=one.worker)
            changed.setdefault((one.entry, one.model), []).append(change)
    return ProviderHistory(
        at=now,
        since=since,
        step=step,
        source="fleet",
        is_complete=True,
        targets=tuple(
            _target(name, known.get(name, []), changed.get(name, [])[:CHANGES], since, until, step)
            for name in sorted(known.keys() | changed.keys(), key=_order)
        ),
    )


def history_of_ledger(
    queries: LedgerQueries, *, now: float, seconds: float = DAY, selection: LedgerSelection = ALL
) -> ProviderHistory:
    """Return the history of the attempts of a ledger that ended in a span; `selection`: only what agrees with it."""
    asked = replace(selection, since=now - seconds - LONGEST, until=None)
    endings = queries.endings(asked, limit=READ)
    tallied: dict[tuple[_Name, int], _Counter] = {}
    for each in endings:
        if each.duration is not None:
            place = ((each.provider, each.model), int((each.started + each.duration) // MINUTE) * MINUTE)
            (tallied.get(place) or tallied.setdefault(place, _Counter())).add(each)
    minutes = [
        Minute(start=start, entry=entry, model=model, tally=counter.tally())
        for ((entry, model), start), counter in tallied.items()
    ]
    found = history_of_minutes(minutes, now=now, seconds=seconds)
    is_complete = len(endings) < READ
    since = found.since if is_complete else max(found.since, endings[-1].started)
    return replace(found, source="ledger", since=since, is_complete=is_complete)


class _Counter:
    """Counts the attempts at one target that ended in one minute."""

    def __init__(self) -> None:
        self._succeeded = self._aborted = self._cost = self._unknown = 0
        self._failed: dict[str, int] = {}
        self._latency, self._first = Sketch(), Sketch()

    def add(self, ending: Ending) -> None:
        """Count an attempt."""
        if ending.state == EntryState.SUCCEEDED:
            self._succeeded += 1
            self._latency.add(ending.duration or 0.0)
            if ending.first_event is not None:
                self._first.add(ending.first_event)
        elif ending.state == EntryState.FAILED:
            kind = ending.failure or ""
            self._failed[kind] = self._failed.get(kind, 0) + 1
        else:
            self._aborted += 1
        self._cost += ending.cost or 0
        self._unknown += ending.cost is None and ending.cost_basis not in _UNSPENT

    def tally(self) -> Tally:
        """Return what was counted."""
        return Tally(
            succeeded=self._succeeded,
            failed=self._failed,
            aborted=self._aborted,
            cost=self._cost,
            unknown_costs=self._unknown,
            latency=self._latency.snapshot(),
            first_content=self._first.snapshot(),
        )


def _target(
    name: _Name,
    tallies: list[tuple[float, Tally]],
    changes: Sequence[StateChange],
    since: float,
    until: float,
    step: float,
) -> TargetHistory:
    slices: dict[float, list[Tally]] = {}
    for start, tally in tallies:
        slices.setdefault((start - since) // step, []).append(tally)
    sums = {number: sum_tallies(each) for number, each in slices.items()}
    return TargetHistory(
        provider=name[0],
        model=name[1],
        windows=tuple(_windows(tallies, sum_tallies(list(sums.values())), since, until)),
        slices=tuple(
            _window(since + number * step, step, sums.get(number, Tally()))
            for number in range(round((until - since) / step))
        ),
        changes=tuple(changes),
    )


def _windows(tallies: list[tuple[float, Tally]], total: Tally, since: float, until: float) -> Iterator[WindowResult]:
    """Yield what came of the last minutes and hours. `total`: of the whole span."""
    whole = until - since
    for seconds in (each for each in WINDOWS if each < whole):
        begin = max(since, until - MINUTE - seconds)
        yield _window(begin, seconds, sum_tallies([tally for start, tally in tallies if start >= begin]))
    yield _window(since, whole, total)


def _window(since: float, seconds: float, tally: Tally) -> WindowResult:
    failed = sum(tally.failed.values())
    judged = tally.succeeded + sum(count for kind, count in tally.failed.items() if kind not in NOT_OF_THE_TARGET)
    latency, first = tally.latency, tally.first_content
    return WindowResult(
        since=since,
        seconds=seconds,
        succeeded=tally.succeeded,
        failed=failed,
        aborted=tally.aborted,
        up=round(tally.succeeded / judged, 6) if judged else None,
        failures=dict(sorted(tally.failed.items(), key=lambda item: (-item[1], item[0]))),
        latency_p50=_rounded(latency.percentile(50)),
        latency_p95=_rounded(latency.percentile(95)),
        first_p50=_rounded(first.percentile(50)),
        first_p95=_rounded(first.percentile(95)),
        cost_usd=dollars(tally.cost),
        unknown_costs=tally.unknown_costs,
    )


def _order(name: _Name) -> tuple[str, str]:
    return name[0], name[1] or ""


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
