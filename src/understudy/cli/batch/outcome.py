"""The outcome of a line, as a line of output.

The format is that of OpenAI's Batch API ("The request output object"): `response` contains an answer, or a provider's
error with its status; `error` contains a failure without a status. `understudy` is added: which entry and model
answered, in how many attempts, at which cost, and with which warnings.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from understudy.cli.batch.lines import Line
from understudy.dialects import load_server
from understudy.dialects.openai.wire import NAME as OPENAI
from understudy.dialects.server import Inbound, ServerHalf
from understudy.domain.attempts import AttemptRecord, CostBasis
from understudy.domain.errors import LLMError, failure_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost, Money
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.reports.results import usd
from understudy.wire import json

_OF_THE_REQUEST = frozenset(
    {
        FailureKind.INVALID_REQUEST,
        FailureKind.CONTEXT_LENGTH,
        FailureKind.REQUEST_TOO_LARGE,
        FailureKind.CONTENT_FILTER,
        FailureKind.SCHEMA_MISMATCH,
        FailureKind.UNSUPPORTED,
    }
)
"""Failures that are the fault of this line, and say nothing about the next."""

_TEMPORARY = frozenset({FailureKind.RATE_LIMITED, FailureKind.OVERLOADED})
"""Failures that pass by themselves, if the provider states when."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a finished line."""

    record: bytes
    """The line of output, without its line feed."""
    failure: str | None = None
    """The kind of failure; `None` for an answer."""
    message: str = ""
    own_fault: bool = False
    """Whether the line itself is to blame, so that others may still succeed."""
    tokens: int = 0
    cost: int = 0
    """Nano-USD, the known part."""
    cost_known: bool = True
    retry_after: float | None = None
    """Seconds after which the line may be asked again, if a temporary limit is to blame."""


class _Facts(msgspec.Struct, kw_only=True):
    provider: str | None
    model: str | None
    attempts: int
    cost_usd: float | None
    warnings: tuple[str, ...] = ()


class _Response(msgspec.Struct):
    status_code: int
    request_id: str
    body: msgspec.Raw


class _Error(msgspec.Struct):
    code: str
    message: str


class _Record(msgspec.Struct, kw_only=True):
    """The keys in this order: `journal.PREFIX` is the beginning of every record."""

    id: str
    custom_id: str
    response: _Response | None
    error: _Error | None
    understudy: _Facts


def answered(
    line: Line, response: GenerationResponse | EmbeddingResponse, server: ServerHalf, inbound: Inbound
) -> Outcome:
    """Return the outcome of an answer."""
    attempts = response.attempts
    body = msgspec.Raw(_body(line, response, server, inbound))
    cost, known = _spent(attempts)
    facts = _Facts(
        provider=response.provider,
        model=response.model,
        attempts=len(attempts),
        cost_usd=_usd(cost, known=known),
        warnings=tuple(f"{each.kind} {each.what}: {each.why}" for each in response.warnings),
    )
    request_id = attempts[-1].request_id if attempts else line.id
    return Outcome(
        record=_write(line, facts, response=_Response(200, request_id, body)),
        tokens=response.usage.total or 0,
        cost=cost,
        cost_known=known,
    )


def failed(line: Line, error: LLMError) -> Outcome:
    """Return the outcome of an error."""
    attempts, code = error.attempts, error.failure.kind.value if error.failure else "misuse"
    last = attempts[-1] if attempts else None
    cost, known = _spent(attempts)
    facts = _Facts(
        provider=last.provider if last else None,
        model=last.model if last else None,
        attempts=len(attempts),
        cost_usd=_usd(cost, known=known),
    )
    failure = failure_of(error)
    if failure.status is not None and failure.status >= 400:
        record = _write(line, facts, response=_error_response(failure, last.request_id if last else line.id))
    else:
        record = _write(line, facts, error=_Error(code, error.message))
    return Outcome(
        record=record,
        failure=code,
        message=error.message.partition("\n")[0],
        own_fault=error.failure is not None and failure.kind in _OF_THE_REQUEST,
        cost=cost,
        cost_known=known,
        retry_after=failure.retry_after if error.failure is not None and failure.kind in _TEMPORARY else None,
    )


def unreadable(line: Line, failure: Failure) -> Outcome:
    """Return the outcome of an invalid body: the error that OpenAI would return."""
    facts = _Facts(provider=None, model=None, attempts=0, cost_usd=0.0)
    record = _write(line, facts, response=_error_response(failure, line.id))
    return Outcome(record=record, failure=failure.kind.value, message=failure.message, own_fault=True)


def _body(line: Line, response: GenerationResponse | EmbeddingResponse, server: ServerHalf, inbound: Inbound) -> bytes:
    """Return the answer in the format of its url; unchanged if the provider itself uses that format."""
    if isinstance(response, EmbeddingResponse):
        return server.render(response, inbound).body
    dialect = response.attempts[-1].dialect if response.attempts else None
    if response.raw is not None and dialect == line.route.dialect:
        return json.encode(json.decode(response.raw))
    return server.render(response, inbound).body


def _error_response(failure: Failure, request_id: str) -> _Response:
    """Return an error with a status as OpenAI does."""
    reply = load_server(OPENAI).render_error(failure)
    return _Response(reply.status, request_id, msgspec.Raw(reply.body))


def _write(line: Line, facts: _Facts, *, response: _Response | None = None, error: _Error | None = None) -> bytes:
    record = _Record(id=line.id, custom_id=line.custom_id, response=response, error=error, understudy=facts)
    return json.encode(record)


def _spent(attempts: Iterable[AttemptRecord]) -> tuple[int, bool]:
    """Return the known cost of all attempts, failed ones included, and whether that is all of it."""
    cost, known = 0, True
    for attempt in attempts:
        if attempt.cost is not None:
            cost += attempt.cost.amount.nano_usd
        elif attempt.cost_basis not in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            known = False
    return cost, known


def _usd(cost: int, *, known: bool) -> float | None:
    return usd(Cost(amount=Money(cost), source="")) if known else None
