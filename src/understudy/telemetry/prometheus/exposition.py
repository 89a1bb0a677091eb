"""From a gateway's state to what Prometheus reads: a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from understudy.domain.money import Money
from understudy.telemetry.prometheus import metrics
from understudy.telemetry.prometheus.histograms import (
    DURATIONS,
    FIRST_CONTENT,
    TOKEN_GAPS,
    histogram,
)
from understudy.telemetry.prometheus.merging import (
    STATES,
    MergedFace,
    MergedTarget,
    TargetLabels,
    merged_faces,
    merged_stand_ins,
    merged_targets,
)
from understudy.telemetry.prometheus.scrape import BudgetLevel, ProcessUse, Scrape
from understudy.telemetry.prometheus.text import Family, Kind, Sample, label, rendered
from understudy.telemetry.snapshot import Snapshot, Tokens

Metric = tuple[Family, Iterable[Sample]]
WORKERS = (metrics.WORKERS, metrics.WORKERS_DRAINING, metrics.CONFIGURATIONS)

SUBJECTS = 100
"""Of one budget, with samples of their own: those with the least left. There may be one for each session."""


def exposition(scrape: Scrape, *, is_open: bool = False) -> bytes:
    """Return all metrics of a gateway: in OpenMetrics, or in Prometheus' own format."""
    stated = (each for each in _metrics(scrape) if scrape.has_totals or not _needs_all(each[0]))
    return rendered(stated, is_open=is_open)


def _needs_all(family: Family) -> bool:
    """Check whether a metric means nothing unless all workers are known."""
    return family.kind in (Kind.COUNTER, Kind.HISTOGRAM) or family in WORKERS


def _metrics(scrape: Scrape) -> Iterator[Metric]:
    targets = merged_targets(scrape)
    live = {labels: target for labels, target in targets.items() if target.is_live}
    yield metrics.BUILD, [((label(scrape.version),), 1)]
    yield from _requests(merged_faces(scrape), scrape.workers)
    yield from _attempts(targets)
    yield metrics.ATTEMPTS_IN_FLIGHT, [(labels, each.in_flight) for labels, each in live.items()]
    yield from _states(live)
    yield metrics.STAND_IN, merged_stand_ins(scrape.workers).items()
    yield from _quotas(live)
    yield from _budgets(scrape.budgets)
    yield metrics.LEDGER_WRITABLE, _ledger(scrape.workers)
    yield metrics.FLEET_UP, [((), int(scrape.has_totals))]
    yield from _workers(scrape.workers)
    yield from _processes(scrape.processes)


def _requests(faces: Mapping[str, MergedFace], workers: tuple[Snapshot, ...]) -> Iterator[Metric]:
    yield metrics.REQUESTS, (((name, key), n) for name, face in faces.items() for key, n in face.outcomes.items())
    yield metrics.RESPONSES, (((name, key), n) for name, face in faces.items() for key, n in face.statuses.items())
    yield metrics.REQUEST_DURATION, (((name,), histogram(face.latency, DURATIONS)) for name, face in faces.items())
    yield metrics.REQUESTS_IN_FLIGHT, [((), sum(each.under_way for each in workers))]
    yield metrics.REQUESTS_WAITING, [((), sum(each.waiting for each in workers))]


def _attempts(targets: Mapping[TargetLabels, MergedTarget]) -> Iterator[Metric]:
    totals = {labels: target.total for labels, target in targets.items()}
    yield (
        metrics.ATTEMPTS,
        (
            ((*labels, outcome), count)
            for labels, total in totals.items()
            for outcome, count in (
                ("succeeded", total.succeeded),
                ("failed", sum(total.failed.values())),
                ("aborted", total.aborted),
            )
        ),
    )
    yield (
        metrics.FAILURES,
        (((*labels, label(kind)), n) for labels, total in totals.items() for kind, n in total.failed.items()),
    )
    yield (
        metrics.TOKENS,
        (
            ((*labels, name), getattr(total.tokens, name))
            for labels, total in totals.items()
            for name in Tokens.__struct_fields__
        ),
    )
    yield metrics.COST, ((labels, usd(total.cost)) for labels, total in totals.items())
    yield metrics.UNKNOWN_COSTS, ((labels, total.unknown_costs) for labels, total in totals.items())
    yield metrics.ATTEMPT_DURATION, ((labels, histogram(each.latency, DURATIONS)) for labels, each in totals.items())
    yield (
        metrics.FIRST_CONTENT,
        ((labels, histogram(each.first_content, FIRST_CONTENT)) for labels, each in totals.items()),
    )
    yield metrics.TOKEN_GAP, ((labels, histogram(each.token_gap, TOKEN_GAPS)) for labels, each in totals.items())


def _states(live: Mapping[TargetLabels, MergedTarget]) -> Iterator[Metric]:
    yield metrics.TARGET, (((*labels, each.provider), 1) for labels, each in live.items())
    yield (
        metrics.STATE,
        (((*labels, state), int(each.state is state)) for labels, each in live.items() for state in STATES),
    )
    yield metrics.BLOCKED, ((labels, each.blocked) for labels, each in live.items())
    yield metrics.COOLDOWN, ((labels, max(0.0, round(each.cooldown, 3))) for labels, each in live.items())


def _quotas(live: Mapping[TargetLabels, MergedTarget]) -> Iterator[Metric]:
    known = [((*labels, unit), quota) for labels, each in live.items() for unit, quota in each.quotas.items()]
    yield metrics.QUOTA_LEFT, ((labels, quota.left) for labels, quota in known)
    yield metrics.QUOTA_LIMIT, ((labels, quota.limit) for labels, quota in known if quota.limit is not None)
    yield metrics.QUOTA_RESET, ((labels, round(quota.resets, 3)) for labels, quota in known if quota.resets is not None)


def _budgets(levels: Iterable[BudgetLevel]) -> Iterator[Metric]:
    known: dict[tuple[str, ...], BudgetLevel] = {}
    counts: dict[str, int] = {}
    for each in sorted(levels, key=lambda level: (_left(level), level.subject)):
        labels = (label(each.budget), label(each.subject), label(each.period))
        counts[each.budget] = counts.get(each.budget, 0) + 1
        if counts[each.budget] <= SUBJECTS:
            known.setdefault(labels, each)
    yield metrics.BUDGET_LEFT, ((labels, usd(_left(each))) for labels, each in known.items())
    yield metrics.BUDGET_SPENT, ((labels, usd(each.spent)) for labels, each in known.items())
    yield metrics.BUDGET_RESERVED, ((labels, usd(each.reserved)) for labels, each in known.items())
    yield metrics.BUDGET_MAX, ((labels, usd(each.ceiling)) for labels, each in known.items())
    yield metrics.BUDGET_RESET, ((labels, each.resets) for labels, each in known.items() if each.resets is not None)


def _left(level: BudgetLevel) -> int:
    return max(0, level.ceiling - level.spent - level.reserved)


def _ledger(workers: tuple[Snapshot, ...]) -> Iterator[Sample]:
    known = [each.ledger_works for each in workers if each.ledger_works is not None]
    if known:
        yield (), int(all(known))


def _workers(workers: tuple[Snapshot, ...]) -> Iterator[Metric]:
    yield metrics.WORKERS, [((), len(workers))]
    yield metrics.WORKERS_DRAINING, [((), sum(each.is_draining for each in workers))]
    yield metrics.CONFIGURATIONS, [((), len({each.config for each in workers if not each.is_draining}))]


def _processes(processes: tuple[ProcessUse, ...]) -> Iterator[Metric]:
    yield metrics.PROCESS_START, (((str(each.pid),), each.started) for each in processes)
    yield metrics.PROCESS_CPU, (((str(each.pid),), each.cpu) for each in processes if each.cpu is not None)
    yield metrics.PROCESS_MEMORY, (((str(each.pid),), each.memory) for each in processes if each.memory is not None)
    yield metrics.PROCESS_FILES, (((str(each.pid),), each.files) for each in processes if each.files is not None)


def usd(nano_usd: int) -> str:
    """Return an amount in US dollars, exactly."""
    return f"{Money(nano_usd).usd.normalize():f}"
