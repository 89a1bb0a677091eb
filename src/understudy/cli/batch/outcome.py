"""What became of a line, as a line of output.

The form is that of OpenAI's Batch API ("The request output object"): an answer, or a provider's own error with its
status, stands in `response`; what went wrong without a status stands in `error`. `understudy` is ours beside it: who
answered, in how many attempts, at which cost, and what could not be expressed there.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from understudy import dialects
from understudy.cli.batch.lines import Line
from understudy.cli.results import usd
from understudy.dialects.server import Inbound, ServerHalf
from understudy.domain.attempts import AttemptRecord, CostBasis
from understudy.domain.errors import LLMError
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost, Money
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
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
"""What is the fault of this line, and says nothing of the next."""

_PASSING = frozenset({FailureKind.RATE_LIMITED, FailureKind.OVERLOADED})
"""What passes by itself, where it is said when."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is finished."""

    record: bytes
    """The line of output, without its end."""
    failure: str | None = None
    """What went wrong, in a word or two; `None` for an answer."""
    message: str = ""
    own_fault: bool = False
    """The line itself is to blame, so that others may still succeed."""
    tokens: int = 0
    cost: int = 0
    """Nano-USD, as far as known."""
    cost_known: bool = True
    retry_after: float | None = None
    """Seconds after which the line may be asked again: a limit is to blame that passes by itself."""


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
    """The keys in this order: `journal.PREFIX` is how they begin."""

    id: str
    custom_id: str
    response: _Response | None
    error: _Error | None
    understudy: _Facts


def answered(
    line: Line, response: GenerationResponse | EmbeddingResponse, server: ServerHalf, inbound: Inbound
) -> Outcome:
    """Return what an answer becomes."""
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
    """Return what an error becomes."""
    failure, attempts = error.failure, error.attempts
    last = attempts[-1] if attempts else None
    cost, known = _spent(attempts)
    facts = _Facts(
        provider=last.provider if last else None,
        model=last.model if last else None,
        attempts=len(attempts),
        cost_usd=_usd(cost, known=known),
    )
    told = failure is not None and failure.status is not None and failure.status >= 400
    if failure is not None and told:
        told_of = msgspec.structs.replace(failure, message=error.message)
        record = _write(line, facts, response=_refusal(told_of, last.request_id if last else line.id))
    else:
        code = failure.kind.value if failure else "misuse"
        record = _write(line, facts, error=_Error(code, error.message))
    return Outcome(
        record=record,
        failure=failure.kind.value if failure else "misuse",
        message=error.message.partition("\n")[0],
        own_fault=failure is not None and failure.kind in _OF_THE_REQUEST,
        cost=cost,
        cost_known=known,
        retry_after=error.retry_after if failure is not None and failure.kind in _PASSING else None,
    )


def unreadable(line: Line, failure: Failure) -> Outcome:
    """Return what a body that is no request becomes: the error that OpenAI would answer."""
    facts = _Facts(provider=None, model=None, attempts=0, cost_usd=0.0)
    record = _write(line, facts, response=_refusal(failure, line.id))
    return Outcome(record=record, failure=failure.kind.value, message=failure.message, own_fault=True)


def _body(line: Line, response: GenerationResponse | EmbeddingResponse, server: ServerHalf, inbound: Inbound) -> bytes:
    """Return the answer in the form of its url. A provider that speaks that form itself is quoted as it is."""
    if isinstance(response, EmbeddingResponse):
        return server.render(response, inbound).body
    spoken = response.attempts[-1].dialect if response.attempts else None
    if response.raw is not None and spoken == line.route.dialect:
        return json.encode(json.decode(response.raw))
    return server.render(response, inbound).body


def _refusal(failure: Failure, request_id: str) -> _Response:
    """Write an error with a status as OpenAI does."""
    reply = dialects.load_server("openai").render_error(failure)
    return _Response(reply.status, request_id, msgspec.Raw(reply.body))


def _write(line: Line, facts: _Facts, *, response: _Response | None = None, error: _Error | None = None) -> bytes:
    record = _Record(id=line.id, custom_id=line.custom_id, response=response, error=error, understudy=facts)
    return json.encode(record)


def _spent(attempts: Iterable[AttemptRecord]) -> tuple[int, bool]:
    """Return what is known of the cost of all attempts, lost ones too, and whether that is all of it."""
    cost, known = 0, True
    for attempt in attempts:
        if attempt.cost is not None:
            cost += attempt.cost.amount.nano_usd
        elif attempt.cost_basis not in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            known = False
    return cost, known


def _usd(cost: int, *, known: bool) -> float | None:
    return usd(Cost(amount=Money(cost), source="")) if known else None
