"""The JSON that `--json` prints. Every key is always there; what is unknown is null."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from understudy.cli.sanitize import escaped_json
from understudy.cli.terminal import is_terminal
from understudy.domain.attempts import AttemptRecord
from understudy.domain.errors import LLMError
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the design's word


class UsageResult(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens by class, each counted once, and their sums."""

    input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None
    input_total: int | None
    output_total: int | None
    total: int | None

    @classmethod
    def of(cls, usage: Usage) -> UsageResult:
        """Read a usage."""
        written = [count for count in (usage.cache_write, usage.cache_write_1h) if count is not None]
        return cls(
            input=usage.input,
            cache_read=usage.cache_read,
            cache_write=sum(written) if written else None,
            output=usage.output,
            reasoning=usage.reasoning,
            input_total=usage.input_total,
            output_total=usage.output_total,
            total=usage.total,
        )


class FailureResult(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt failed."""

    kind: FailureKind
    message: str
    status: int | None
    code: str | None
    retry_after: float | None

    @classmethod
    def of(cls, failure: Failure) -> FailureResult:
        """Read a failure."""
        return cls(
            kind=failure.kind,
            message=failure.message,
            status=failure.status,
            code=failure.code,
            retry_after=failure.retry_after,
        )


class AttemptResult(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt; durations in seconds."""

    number: int
    provider: str
    provider_type: str
    model: str | None
    outcome: str
    failure: FailureResult | None
    waited: float
    duration: float
    first_event: float | None
    usage: UsageResult
    cost_usd: float | None
    next_step: str | None

    @classmethod
    def of(cls, attempt: AttemptRecord) -> AttemptResult:
        """Read a record."""
        failure = attempt.failure
        return cls(
            number=attempt.number,
            provider=attempt.provider,
            provider_type=attempt.provider_type,
            model=attempt.model,
            outcome=attempt.outcome,
            failure=FailureResult.of(failure) if failure else None,
            waited=round(attempt.waited, 6),
            duration=round(attempt.duration, 6),
            first_event=None if attempt.first_event is None else round(attempt.first_event, 6),
            usage=UsageResult.of(attempt.usage),
            cost_usd=usd(attempt.cost),
            next_step=attempt.next_step,
        )


class AnswerResult(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""

    text: str
    parsed: Any
    refusal: str | None
    model: str | None
    provider: str | None
    finish_reason: str
    usage: UsageResult
    cost_usd: float | None
    total_cost_usd: float | None
    """With the attempts that were lost on the way."""
    warnings: tuple[Warning, ...]
    attempts: tuple[AttemptResult, ...]

    @classmethod
    def of(cls, response: GenerationResponse) -> AnswerResult:
        """Read a response."""
        return cls(
            text=response.text,
            parsed=response.parsed,
            refusal=response.refusal,
            model=response.model,
            provider=response.provider,
            finish_reason=response.finish_reason,
            usage=UsageResult.of(response.usage),
            cost_usd=usd(response.cost),
            total_cost_usd=usd(response.total_cost),
            warnings=response.warnings,
            attempts=tuple(map(AttemptResult.of, response.attempts)),
        )


class ErrorDetails(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong. `group` is whom it blames: `misuse`, `refused` or `unavailable`."""

    group: str
    type: str
    kind: FailureKind | None
    message: str
    retry_after: float | None
    attempts: tuple[AttemptResult, ...]


class ErrorResult(msgspec.Struct, frozen=True):
    """An error, in the place of an answer."""

    error: ErrorDetails

    @classmethod
    def of(cls, error: LLMError) -> ErrorResult:
        """Read an error."""
        from understudy.cli.exits import exit_code_of

        return cls(
            ErrorDetails(
                group=exit_code_of(error).name.lower(),
                type=type(error).__name__,
                kind=error.failure.kind if error.failure else None,
                message=error.message,
                retry_after=error.retry_after,
                attempts=tuple(map(AttemptResult.of, error.attempts)),
            )
        )


def usd(cost: Cost | None) -> float | None:
    """Return US dollars, or `None` when the amount is unknown."""
    return None if cost is None else float(cost.amount.usd)


def print_json(value: Any) -> None:
    """Print a value as JSON on stdout, indented for the eye. No terminal obeys what a model or provider wrote in it."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write((escaped_json(text) if is_terminal(sys.stdout) else text) + "\n")
    sys.stdout.flush()
