"""The report of one request: its attempts on one scale of time, what was decided after each, and what each cost."""

from __future__ import annotations

import msgspec

from understudy.ledger.captures import CapturedTexts
from understudy.reports.usage import RequestResult


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
