"""Reports of what was used: sums by day or by what they belong to, and requests one by one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from understudy.domain.attempts import AttemptRecord
from understudy.domain.money import dollars
from understudy.ledger.entries import AGENT, CLASS, KEY, NO_TAGS, EntryState, LedgerEntry
from understudy.ledger.sums import UsageSums


class UsageResult(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of what belongs to one value. Unknown tokens and costs are not in them, but counted."""

    value: str
    requests: int
    """Requests whose first attempt is among these."""
    attempts: int
    succeeded: int
    failed: int
    aborted: int
    unknown: int
    """Attempts whose end is not known, because their process ended before it could say."""
    input_tokens: int
    """Cached ones included."""
    cached_tokens: int
    output_tokens: int
    """Thinking included."""
    cost_usd: str
    """As far as it is known."""
    unknown_costs: int
    """Attempts whose cost is not known."""
    unknown_tokens: int
    """Successful attempts whose tokens are not known."""
    mean_seconds: float | None = None
    """Of successful attempts."""
    mean_first_seconds: float | None = None
    """Until the first content of successful streams."""


class RequestResult(msgspec.Struct, frozen=True, kw_only=True):
    """One request, with all that its attempts took."""

    id: str
    started: float
    """Unix seconds."""
    seconds: float | None = None
    """From the first attempt to the end of the last one; `None` as long as one is under way, or unknown."""
    outcome: str
    """`answered`, `failed`, `aborted`, `started` or `unknown`."""
    failure: str | None
    """Why the last attempt failed that did (`rate_limited`, `server_error`, …), also if another one answered."""
    operation: str
    """`chat`, `embed`, …"""
    streamed: bool
    provider: str
    """The entry that answered, else the last one asked."""
    model: str | None = None
    attempts: int
    warnings: int
    """What the answer came with: parts of the request that were dropped, renamed and the like."""
    first_seconds: float | None = None
    """From the first attempt to the first content that the caller received, of streams."""
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: str | None = None
    """Of all attempts; `None` if any of them is unknown."""
    key: str | None = None
    agent: str | None = None
    request_class: str | None = None
    session: str | None = None
    route: str | None = None
    task: str | None = None
    tags: dict[str, str] = {}
    """All other labels."""


def report_sums(value: str, sums: UsageSums) -> UsageResult:
    """Return the report of sums."""
    return UsageResult(
        value=value,
        requests=sums.requests,
        attempts=sums.attempts,
        succeeded=sums.succeeded,
        failed=sums.failed,
        aborted=sums.aborted,
        unknown=sums.unknown,
        input_tokens=sums.input,
        cached_tokens=sums.cached,
        output_tokens=sums.output,
        cost_usd=dollars(sums.cost),
        unknown_costs=sums.unpriced,
        unknown_tokens=sums.uncounted,
        mean_seconds=_mean(sums.duration, sums.succeeded),
        mean_first_seconds=_mean(sums.first_event, sums.streams),
    )


def report_request(entries: Sequence[LedgerEntry]) -> RequestResult:
    """Return the report of a request, of its attempts in order: at least one."""
    first, last = entries[0].start, next((each for each in entries if each.state is EntryState.SUCCEEDED), entries[-1])
    records = [each.record for each in entries if each.record is not None]
    costs = [record.cost for record in records]
    known = [cost.amount.nano_usd for cost in costs if cost is not None]
    failures = [record.failure.kind.value for record in records if record.failure is not None]
    won = last.record
    is_over = len(records) == len(entries)
    ends = (record.started + record.duration for record in records)
    return RequestResult(
        id=first.request_id,
        started=first.started,
        seconds=round(max(ends) - first.started, 6) if is_over else None,
        outcome="answered" if last.state is EntryState.SUCCEEDED else last.state.value,
        failure=failures[-1] if failures else None,
        operation=first.operation.value,
        streamed=first.streamed,
        provider=last.start.provider,
        model=last.start.model,
        attempts=len(entries),
        warnings=len(won.warnings) if won is not None else 0,
        first_seconds=_first(first.started, won),
        input_tokens=_total([record.usage.input_total for record in records]),
        cached_tokens=_total([record.usage.cached for record in records]),
        output_tokens=_total([record.usage.output_total for record in records]),
        cost_usd=dollars(sum(known)) if is_over and len(known) == len(costs) else None,
        key=first.labels.get(KEY),
        agent=first.labels.get(AGENT),
        request_class=first.labels.get(CLASS),
        session=first.session,
        route=first.route,
        task=first.task,
        tags={name: value for name, value in first.labels.items() if name not in NO_TAGS},
    )


def _first(began: float, answer: AttemptRecord | None) -> float | None:
    """Return the seconds until the first content of a stream."""
    if answer is None or not answer.streamed or answer.first_event is None:
        return None
    return round(answer.started + answer.first_event - began, 6)


def _mean(microseconds: int, count: int) -> float | None:
    return round(microseconds / count / 1_000_000, 3) if count else None


def _total(counts: Sequence[int | None]) -> int | None:
    """Return the sum of what is known; `None` if nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
