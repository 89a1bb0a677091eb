"""The report of one request: its attempts on one scale of time, what was decided after each, and what each cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from understudy.domain.attempts import AttemptRecord
from understudy.domain.failures import Failure
from understudy.domain.money import dollars
from understudy.domain.prices import Price
from understudy.ledger.captures import CapturedTexts
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.rows import TOKENS
from understudy.reports.usage import RequestResult, report_request

PriceOf = Callable[[AttemptRecord], Price | None]
"""Returns the price by which an attempt may have been charged; `None` if it is unknown."""


class FailureResult(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt failed."""

    kind: str
    message: str
    """The provider's words or ours, without secrets."""
    status: int | None
    code: str | None
    """The provider's own error code."""
    retry_after: float | None
    """Seconds that the provider asked to wait."""
    provider_request_id: str | None
    """The provider's own id of the request, for its support."""


class WarningResult(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was not done as the request says."""

    kind: str
    """`dropped`, `clamped`, `renamed`, `emulated` or `degraded`."""
    what: str
    why: str


class ClassResult(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one class, and what they cost."""

    name: str
    """`input`, `cache_read`, `output`, `reasoning`, …; `call` and `tools` for fees that do not depend on tokens."""
    tokens: int | None
    """`None` for fees."""
    cost_usd: str | None
    """`None` if the price at that time is not known any more."""


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. Offsets are seconds since the request began: with its first attempt, or the wait before it."""

    id: str
    number: int
    """1 for the first attempt of the request, or of its batch."""
    batch: int | None
    """Of an embedding in several batches: which one, from 1."""
    state: str
    """`started`, `succeeded`, `failed`, `aborted` or `unknown`."""
    provider: str
    """Name of the entry."""
    provider_type: str
    model: str | None
    answered_model: str | None
    """The model that answered, as the provider wrote it."""
    dialect: str | None
    pool_key: str | None
    """Which key of the entry's pool was used, such as `2 of 3`."""
    service_tier: str | None
    why: str | None
    """Why this target was asked at this place: `priority 10`, `named by the call`."""
    next_step: str | None
    """What was decided after it, and why: `retry in 0.4 s`, `fall back to backup`."""
    waits_from: float
    """Offset of the wait before it; equal to `begins` if there was none."""
    begins: float
    """Offset at which it was sent."""
    first_content: float | None
    """Offset of the first content, of streams."""
    ends: float | None
    """Offset of its end; `None` as long as it is under way, or unknown."""
    waited: float
    """Seconds of back-off before it."""
    seconds: float | None
    """How long it took."""
    failure: FailureResult | None
    warnings: tuple[WarningResult, ...]
    tokens: tuple[ClassResult, ...]
    """By class, as far as they are known."""
    tools: dict[str, int]
    """Calls of tools that the provider hosts."""
    cost_usd: str | None
    """`None` if it is unknown."""
    cost_basis: str | None
    """How certain it is: `not_sent`, `unknown`, `refused`, `estimated` or `exact`."""
    price_source: str | None
    price_date: str | None
    """ISO date of the price."""
    captured: CapturedTexts | None
    """The prompt and the answer, if they were kept and asked for."""


class RequestDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One request with all its attempts, in order."""

    request: RequestResult
    began: float
    """Unix seconds of offset 0."""
    seconds: float | None
    """From offset 0 to the end of the last attempt; `None` as long as one is under way, or unknown."""
    attempts: tuple[AttemptResult, ...]


def report_detail(
    entries: Sequence[LedgerEntry],
    captured: Mapping[str, CapturedTexts] | None = None,
    price_of: PriceOf | None = None,
) -> RequestDetail:
    """Return the report of a request, of its attempts in order: at least one.

    `captured`: prompts and answers by the ids of their attempts. `price_of`: without it, costs are not split.
    """
    began = min(each.start.started - each.start.waited for each in entries)
    attempts = tuple(_attempt(each, began, (captured or {}).get(each.start.attempt_id), price_of) for each in entries)
    ends = [each.ends for each in attempts if each.ends is not None]
    return RequestDetail(
        request=report_request(entries),
        began=began,
        seconds=max(ends) if len(ends) == len(attempts) else None,
        attempts=attempts,
    )


def _attempt(
    entry: LedgerEntry, began: float, captured: CapturedTexts | None, price_of: PriceOf | None
) -> AttemptResult:
    start = entry.start
    begins = _round(start.started - began)
    return AttemptResult(
        id=start.attempt_id,
        number=start.number,
        batch=start.batch,
        state=entry.state.value,
        provider=start.provider,
        provider_type=start.provider_type,
        model=start.model,
        pool_key=start.key,
        why=start.why,
        waits_from=_round(start.started - start.waited - began),
        begins=begins,
        waited=_round(start.waited),
        captured=captured,
        **_ended(entry.record, start.started - began, price_of),
    )


def _ended(record: AttemptRecord | None, begins: float, price_of: PriceOf | None) -> dict[str, Any]:
    """Return what is known at the end of an attempt only."""
    if record is None:
        known = (
            "answered_model",
            "dialect",
            "service_tier",
            "next_step",
            "first_content",
            "ends",
            "seconds",
            "failure",
        )
        money = ("cost_usd", "cost_basis", "price_source", "price_date")
        return {**dict.fromkeys((*known, *money)), "warnings": (), "tokens": (), "tools": {}}
    cost, first = record.cost, record.first_event
    return {
        **{name: getattr(record, name) for name in ("answered_model", "dialect", "service_tier", "next_step")},
        "first_content": None if first is None else _round(begins + first),
        "ends": _round(begins + record.duration),
        "seconds": _round(record.duration),
        "failure": None if record.failure is None else _failure(record.failure),
        "warnings": tuple(
            WarningResult(kind=each.kind.value, what=each.what, why=each.why) for each in record.warnings
        ),
        "tokens": _classes(record, None if price_of is None else price_of(record)),
        "tools": dict(record.usage.tools or {}),
        "cost_usd": None if cost is None else _usd(cost.amount.nano_usd),
        "cost_basis": record.cost_basis.value,
        "price_source": None if cost is None else cost.source,
        "price_date": None if cost is None else cost.as_of,
    }


def _failure(failure: Failure) -> FailureResult:
    return FailureResult(
        kind=failure.kind.value,
        message=failure.message,
        status=failure.status,
        code=failure.code,
        retry_after=failure.retry_after,
        provider_request_id=failure.request_id,
    )


def _classes(record: AttemptRecord, price: Price | None) -> tuple[ClassResult, ...]:
    """Return the tokens of an attempt by class. Costs are split by a price that comes to what was charged, and by no
    other: it may have changed since, or depend on more than is kept."""
    usage = record.usage
    parts = price.parts(usage) if price is not None and not usage.by_model else None
    is_that_price = parts is not None and record.cost is not None and sum(parts.values()) == record.cost.amount.nano_usd
    costs = parts if parts is not None and is_that_price else {}
    counts = {name: count for name in TOKENS if (count := getattr(usage, name)) is not None}
    return tuple(
        ClassResult(
            name=name,
            tokens=counts.get(name),
            cost_usd=_usd(costs.get(name, 0)) if is_that_price else None,
        )
        for name in dict.fromkeys((*counts, *costs))
    )


def _round(seconds: float) -> float:
    return round(seconds, 6)


def _usd(nano_usd: int) -> str:
    return dollars(nano_usd)
