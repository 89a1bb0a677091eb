"""What happens at this moment: is all well, and if not, what is wrong, who stands in, and what it costs.

`now_report` is a pure function of what the processes report, the history of the last minutes, and the time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from understudy.domain.money import dollars
from understudy.domain.quotas import Quota
from understudy.fleet.fleet import LOOKING, SILENT, Fleet
from understudy.fleet.orders import Order
from understudy.fleet.store import MINUTE, FleetUnavailable, History, Member, history_of, start_of
from understudy.reports.traffic import Traffic, sorted_counts, traffic_of
from understudy.telemetry.snapshot import Minute, Snapshot, Tally, TargetSnapshot, TargetState, sum_tallies

SPAN = 5
"""Whole minutes, besides the current one, that `lately` covers."""
_LEAST = 10.0
"""Seconds that a span lasts at least: one request right after the start is no torrent."""
_WORST = (
    TargetState.OPEN,
    TargetState.DISABLED,
    TargetState.DRAINING,
    TargetState.COOLDOWN,
    TargetState.HALF_OPEN,
    TargetState.CLOSED,
)


class TargetNow(msgspec.Struct, frozen=True, kw_only=True):
    """A target, as all processes see it together."""

    entry: str
    model: str | None
    provider_type: str
    operation: str
    state: TargetState
    """The worst that a process reports."""
    seen_by: int
    """How many processes report that state."""
    workers: int
    """How many know the target."""
    until: float | None
    """Unix seconds until it may be asked by all again; `None` if that is not known, or it may be asked now."""
    why: str | None
    in_flight: int
    quotas: tuple[Quota, ...]
    """What is left of the limits of its key: the least that a process was informed of."""
    succeeded: int
    """Attempts of the last minutes, as `lately` of the report."""
    failed: int
    aborted: int
    failures: dict[str, int]
    latency_p50: float | None
    latency_p95: float | None
    first_p50: float | None
    first_p95: float | None
    cost_usd: str
    unknown_costs: int
    ordered: str | None
    """What an operator ordered that stands: `open` or `drain`."""
    ordered_by: str | None
    ordered_at: float | None

    @property
    def label(self) -> str:
        """The name of the target: `entry/model`."""
        return f"{self.entry}/{self.model}" if self.model else self.entry


class StandInNow(msgspec.Struct, frozen=True, kw_only=True):
    """A target that is asked in place of another one."""

    route: str | None
    """`None` for requests that name no route."""
    primary: str
    acting: str | None
    """`None` if no target is left."""
    why: str | None
    until: float | None
    seen_by: int
    """How many processes do so."""


class WorkerNow(msgspec.Struct, frozen=True, kw_only=True):
    """A process of the gateway."""

    worker: str
    instance: str
    host: str
    pid: int
    version: str
    started: float
    heard: float
    """Seconds since it was heard of."""
    is_silent: bool
    """Whether that is too long: it hangs, was killed, or cannot reach the store."""
    is_draining: bool
    under_way: int
    obeyed: int
    """The number of the latest order that it obeys."""
    has_other_config: bool
    """Whether its configuration differs from that of most others."""


class NowReport(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway at one moment."""

    at: float
    status: str
    """`off` if no process is running; `well`, also without entries that operators have taken out, which `orders` has;
    `degraded` if a target is down, a process is missing or requests fail; `down` if a route has no target that may be
    asked."""
    problems: tuple[str, ...]
    """What is wrong, a sentence each, the gravest first."""
    recent: Traffic
    """Of the current minute and the one before."""
    lately: Traffic
    """Of the current minute and the five before."""
    under_way: int
    """Requests of callers that are being answered."""
    in_flight: int
    """Attempts under way."""
    waiting: int
    """Requests to providers that wait before their next attempt."""
    targets: tuple[TargetNow, ...]
    stand_ins: tuple[StandInNow, ...]
    workers: tuple[WorkerNow, ...]
    orders: tuple[Order, ...]
    """Those of operators that stand."""
    trouble: str | None
    """Why only this process is known; `None` if all are."""


def now_report(
    members: Sequence[Member],
    history: History,
    at: float,
    *,
    orders: Iterable[Order] = (),
    trouble: str | None = None,
) -> NowReport:
    """Return what happens now.

    `members`: all processes, this one included. `history`: at least of the last six minutes. `at`: Unix seconds.
    `orders`: those that stand. `trouble`: why other processes are not known.
    """
    present = [each for each in members if not each.ended]
    live = [each.snapshot for each in present if each.age <= SILENT]
    stands = {order.entry: order for order in orders}
    now = start_of(at)
    lately = history.within(now - SPAN * MINUTE, now + MINUTE)
    begun = _begun(present, lately)
    report = NowReport(
        at=at,
        status="well",
        problems=(),
        recent=traffic_of(history.within(now - MINUTE, now + MINUTE), _seconds(at, now - MINUTE, begun)),
        lately=traffic_of(lately, _seconds(at, now - SPAN * MINUTE, begun)),
        under_way=sum(each.under_way for each in live),
        in_flight=sum(target.in_flight for each in live for target in each.targets),
        waiting=sum(each.waiting for each in live),
        targets=_targets(live, lately.minutes, stands),
        stand_ins=_stand_ins(live),
        workers=_workers(present),
        orders=tuple(stands.values()),
        trouble=trouble,
    )
    problems, is_down = _problems(report)
    # Each process reports it, of the same ledger.
    problems += tuple(dict.fromkeys(each.ledger_trouble for each in live if each.ledger_trouble is not None))
    status = "down" if is_down else "degraded" if problems else "well"
    if not present:
        status = "off"
    return msgspec.structs.replace(report, problems=problems, status=status)


async def read_now(fleet: Fleet) -> NowReport:
    """Return what happens now in all processes; while others cannot be read, in this one."""
    at = time.time()
    members = await fleet.members()
    try:
        history = await fleet.history(at - (SPAN + 1) * MINUTE, at + MINUTE, patience=LOOKING)
    except FleetUnavailable:
        history = history_of(fleet.snapshot())
    return now_report(members, history, at, orders=fleet.standing.values(), trouble=fleet.trouble)


def _begun(present: Iterable[Member], history: History) -> float | None:
    """Return since when something can have happened: the start of the first process, or earlier if a process that has
    ended since was at work; `None` if nothing is known."""
    starts = [each.snapshot.started for each in present]
    starts += [each.start for each in history.minutes]
    starts += [each.start for each in history.requests]
    return min(starts, default=None)


def _seconds(at: float, since: float, begun: float | None) -> float:
    """Return how long a span was watched. Before the gateway began nothing could be asked, which is not to lower what
    happens in a minute, or costs in an hour."""
    return max(at - max(since, since if begun is None else begun), min(at - since, _LEAST))


# ---- targets ----


def _targets(live: Iterable[Snapshot], minutes: Iterable[Minute], stands: Mapping[str, Order]) -> tuple[TargetNow, ...]:
    seen: dict[tuple[str, str | None, str], list[TargetSnapshot]] = {}
    for snapshot in live:
        for target in snapshot.targets:
            seen.setdefault((target.entry, target.model, target.operation), []).append(target)
    tallies: dict[tuple[str, str | None], list[Tally]] = {}
    for minute in minutes:
        tallies.setdefault((minute.entry, minute.model), []).append(minute.tally)
    return tuple(
        _target(same, sum_tallies(tallies.get((entry, model), ())), stands.get(entry))
        for (entry, model, _), same in seen.items()
    )


def _target(same: Sequence[TargetSnapshot], tally: Tally, order: Order | None) -> TargetNow:
    state = min((each.state for each in same), key=_WORST.index)
    alike = [each for each in same if each.state is state]
    latest = max(alike, key=lambda each: each.until or 0.0)
    return TargetNow(
        entry=latest.entry,
        model=latest.model,
        provider_type=latest.provider_type,
        operation=latest.operation,
        state=state,
        seen_by=len(alike),
        workers=len(same),
        until=latest.until,
        why=latest.why,
        in_flight=sum(each.in_flight for each in same),
        quotas=_quotas(same),
        succeeded=tally.succeeded,
        failed=sum(tally.failed.values()),
        aborted=tally.aborted,
        failures=sorted_counts(tally.failed),
        latency_p50=tally.latency.percentile(50),
        latency_p95=tally.latency.percentile(95),
        first_p50=tally.first_content.percentile(50),
        first_p95=tally.first_content.percentile(95),
        cost_usd=dollars(tally.cost),
        unknown_costs=tally.unknown_costs,
        ordered=None if order is None else str(order.kind),
        ordered_by=None if order is None else order.by,
        ordered_at=None if order is None else order.at,
    )


def _quotas(same: Iterable[TargetSnapshot]) -> tuple[Quota, ...]:
    found: dict[str, Quota] = {}
    for target in same:
        for quota in target.quotas:
            known = found.get(quota.unit)
            if known is None or quota.left < known.left:
                found[quota.unit] = quota
    return tuple(found.values())


def _stand_ins(live: Iterable[Snapshot]) -> tuple[StandInNow, ...]:
    found: dict[tuple[str | None, str, str | None], StandInNow] = {}
    for snapshot in live:
        for each in snapshot.stand_ins:
            name = (each.route, each.primary, each.acting)
            known = found.get(name)
            seen_by = 1 if known is None else known.seen_by + 1
            why, until = each.why, each.until
            if known is not None and (known.until or 0.0) > (until or 0.0):
                why, until = known.why, known.until
            found[name] = StandInNow(
                route=each.route, primary=each.primary, acting=each.acting, why=why, until=until, seen_by=seen_by
            )
    return tuple(found.values())


# ---- processes ----


def _workers(present: Iterable[Member]) -> tuple[WorkerNow, ...]:
    found = sorted(present, key=lambda each: (each.snapshot.host, each.snapshot.started, each.snapshot.pid))
    configs = [each.snapshot.config for each in found]
    usual = max(configs, key=configs.count, default="")
    return tuple(
        WorkerNow(
            worker=each.snapshot.worker,
            instance=each.snapshot.instance,
            host=each.snapshot.host,
            pid=each.snapshot.pid,
            version=each.snapshot.version,
            started=each.snapshot.started,
            heard=each.age,
            is_silent=each.age > SILENT,
            is_draining=each.snapshot.is_draining,
            under_way=each.snapshot.under_way,
            obeyed=each.snapshot.obeyed,
            has_other_config=each.snapshot.config != usual,
        )
        for each in found
    )


# ---- what is wrong ----


def _problems(report: NowReport) -> tuple[tuple[str, ...], bool]:
    """Return what is wrong, the gravest first, and whether a route has no target left."""
    alone = [each for each in report.stand_ins if each.acting is None]
    found = [f"{_route(each.route)} no target may be asked: {each.primary}: {each.why}" for each in alone]
    down = (TargetState.OPEN, TargetState.COOLDOWN)
    covered, replaced = {each.primary for each in alone}, {each.primary for each in report.stand_ins}
    for target in report.targets:
        if target.state in down and target.label not in covered:
            of = f" in {target.seen_by} of {target.workers} processes" if target.seen_by < target.workers else ""
            found.append(f"{target.label} is not asked{of}{_alone(target, report.targets)}: {target.why}")
        elif target.state is TargetState.HALF_OPEN and target.label in replaced:
            found.append(
                f"{target.label} is on probation, and the next request finds out whether it works: {target.why}"
            )
    success, requests = report.recent.success, report.recent.requests
    if success is not None and (success < WELL if requests >= ENOUGH else success <= HALF):
        found.append(f"{1 - success:.0%} of the requests of the last minutes failed")
    found.extend(
        f"process {worker.pid} on {worker.host} is silent for {worker.heard:.0f} s"
        for worker in report.workers
        if worker.is_silent
    )
    if any(each.has_other_config for each in report.workers):
        found.append("not all processes use the same configuration: reload it where it differs")
    if report.trouble is not None:
        found.append(f"other processes are not known: {report.trouble}")
    return tuple(found), bool(alone)


def _alone(target: TargetNow, targets: Iterable[TargetNow]) -> str:
    """Return what follows for embeddings, whose model nothing but the same one replaces."""
    if target.operation != "embedding":
        return ""
    same = [each for each in targets if each.operation == "embedding" and each.model == target.model]
    is_covered = any(each.state is TargetState.CLOSED for each in same)
    return "" if is_covered else ", and no other entry embeds with its model"


WELL = 0.99
"""The part of the requests that is answered while all is well."""
ENOUGH = 10
"""Requests from which a share means something."""
HALF = 0.5
"""The part of fewer requests that may be answered while something is wrong all the same."""


def _route(name: str | None) -> str:
    return "for requests without a route" if name is None else f"on route {name!r}"
