"""The targets and callers' requests of all processes of a gateway together, by the labels that name them.

Names become labels first and are merged afterwards: two samples with the same labels would make Prometheus refuse the
whole answer. Of each entry so many models have samples of their own, the rest share the model `other`; which ones they
are changes only in one direction, so that no counter falls: what comes first stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from understudy.domain.quantiles import Quantiles
from understudy.domain.quotas import Quota
from understudy.telemetry.prometheus.scrape import Scrape
from understudy.telemetry.prometheus.text import label
from understudy.telemetry.snapshot import (
    Snapshot,
    StandIn,
    Tally,
    TargetSnapshot,
    TargetState,
    add_tallies,
)

MODELS = 100
"""Of one entry, with samples of their own: callers may name models freely."""
OTHER = "other"

STATES = (
    TargetState.CLOSED,
    TargetState.HALF_OPEN,
    TargetState.COOLDOWN,
    TargetState.OPEN,
    TargetState.DRAINING,
    TargetState.DISABLED,
)
"""From the best to the worst."""
_ASKED = (TargetState.CLOSED, TargetState.HALF_OPEN)
_TIMED = (TargetState.COOLDOWN, TargetState.OPEN)

TargetLabels = tuple[str, str, str]
"""Entry, model and operation."""


class MergedTarget(msgspec.Struct):
    """One target over all processes."""

    provider: str
    total: Tally = Tally()
    state: TargetState = TargetState.CLOSED
    """The worst."""
    blocked: int = 0
    """Processes that do not ask it."""
    cooldown: float = 0.0
    """Seconds until all may ask it again, as far as that is known."""
    in_flight: int = 0
    quotas: dict[str, Quota] = {}
    """By unit: those of which the least is left. They reset so many seconds from now."""
    is_live: bool = False
    """Whether a live process has it."""


def merged_targets(scrape: Scrape) -> Mapping[TargetLabels, MergedTarget]:
    """Return all targets, by their labels."""
    found: dict[TargetLabels, MergedTarget] = {}
    models: dict[str, set[str]] = {}
    live = {worker.worker for worker in scrape.workers}
    for worker in sorted((*scrape.ended, *scrape.workers), key=_age):
        for each in worker.targets:
            merged = _place(found, models, each)
            merged.total = add_tallies(merged.total, each.total)
            if worker.worker in live:
                _add(merged, each, scrape.now, worker.at)
    return found


def _age(worker: Snapshot) -> tuple[bool, float, str]:
    """Return what sorts processes by age, those first that ended long ago."""
    return bool(worker.worker), worker.started, worker.worker


def _place(
    found: dict[TargetLabels, MergedTarget], models: dict[str, set[str]], target: TargetSnapshot
) -> MergedTarget:
    """Return where a target counts."""
    entry, model = label(target.entry), label(target.model)
    known = models.setdefault(entry, set())
    if model not in known:
        if len(known) < MODELS:
            known.add(model)
        else:
            model = OTHER
    labels = (entry, model, label(target.operation))
    return found.setdefault(labels, MergedTarget(provider=label(target.provider_type)))


def _add(merged: MergedTarget, target: TargetSnapshot, now: float, at: float) -> None:
    """Add the state of a target in a live process, which it reported at a time."""
    merged.is_live = True
    merged.in_flight += target.in_flight
    merged.state = max(merged.state, target.state, key=STATES.index)
    merged.blocked += target.state not in _ASKED
    if target.state in _TIMED and target.until is not None:
        merged.cooldown = max(merged.cooldown, target.until - now)
    for quota in target.quotas:
        unit, known = label(quota.unit), merged.quotas.get(label(quota.unit))
        if known is None or quota.left < known.left:
            resets = None if quota.resets is None else max(0.0, quota.resets - (now - at))
            merged.quotas[unit] = msgspec.structs.replace(quota, resets=resets)


class MergedFace(msgspec.Struct):
    """Requests to one face of the gateway."""

    outcomes: dict[str, int]
    statuses: dict[str, int]
    latency: Quantiles = Quantiles()


OUTCOMES = ("answered", "refused", "failed", "interrupted", "client_left", "shutdown")
"""Each is stated even if it is 0: a counter that begins with 1 shows no increase."""


def merged_faces(scrape: Scrape) -> Mapping[str, MergedFace]:
    """Return callers' requests, by the label of the face."""
    found: dict[str, MergedFace] = {}
    for each in (face for worker in (*scrape.ended, *scrape.workers) for face in worker.faces):
        face = found.setdefault(label(each.face), MergedFace(dict.fromkeys(OUTCOMES, 0), {}))
        outcome, status = label(each.outcome), str(each.status)
        face.outcomes[outcome] = face.outcomes.get(outcome, 0) + each.count
        face.statuses[status] = face.statuses.get(status, 0) + each.count
        face.latency += each.latency
    return found


def merged_stand_ins(workers: Iterable[Snapshot]) -> Mapping[tuple[str, str, str], int]:
    """Return how many processes see each stand-in, by route, primary and acting target."""
    found: dict[tuple[str, str, str], int] = {}
    for worker in workers:
        for labels in {_stand_in_labels(each) for each in worker.stand_ins}:
            found[labels] = found.get(labels, 0) + 1
    return found


def _stand_in_labels(stand_in: StandIn) -> tuple[str, str, str]:
    return label(stand_in.route), label(stand_in.primary), label(stand_in.acting)
