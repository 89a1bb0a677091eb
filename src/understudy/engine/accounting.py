"""The account of an attempt: how it ended, what it used and cost, and how sure that is; and the error of them all."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome
from understudy.domain.errors import EmbeddingFailed, GenerationFailed, LLMError, error_of
from understudy.domain.events import Restarted
from understudy.domain.explanation import EXPLAIN
from understudy.domain.failures import Failure
from understudy.domain.money import NOT_BILLED, Cost
from understudy.domain.operation import BILLED, Operation
from understudy.domain.prices import PriceQuery
from understudy.domain.requests import GenerationRequest, whole_of
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import USAGE, Usage
from understudy.domain.wire_answer import with_wire_answer
from understudy.engine.attempt import Attempt
from understudy.engine.backend import Backend
from understudy.policy.estimate import BYTES_PER_TOKEN, expected_usage, size_of
from understudy.policy.journal import Journal
from understudy.policy.plan import Plan
from understudy.policy.verdicts import VERDICTS

logger = logging.getLogger("understudy")

_EXACT = CostBasis.EXACT
_FREE = frozenset({CostBasis.NOT_SENT, CostBasis.REFUSED})
"""How sure it is that nothing is charged."""


def start_of(attempt: Attempt, plan: Plan) -> AttemptStart:
    """Return the beginning of an attempt of a plan."""
    return AttemptStart(**_beginning(attempt, plan))


def record_of(
    attempt: Attempt, plan: Plan, outcome: Outcome, failure: Failure | None, next_step: str | None
) -> AttemptRecord:
    """Return the record of an attempt of a plan, once it has ended."""
    if attempt.response is None:
        attempt.fold_rest()
    response = attempt.response
    answer = attempt.answer if response is None else response
    usage = _usage(answer) if response is None else response.usage
    model = _answered_model(attempt, answer)
    basis = _basis(attempt, answer, outcome, failure, usage)
    extra = response.extra if response is not None else None
    tier = _string(extra, "service_tier") if extra else None
    return AttemptRecord(
        **_beginning(attempt, plan),
        outcome=outcome,
        duration=attempt.duration,
        first_event=attempt.first_event,
        answered_model=model,
        dialect=attempt.stream.dialect,
        service_tier=tier,
        failure=failure,
        next_step=next_step,
        usage=usage,
        cost=_cost(attempt, basis, usage, model, tier),
        cost_basis=basis,
        warnings=response.warnings if response is not None else (),
    )


def _beginning(attempt: Attempt, plan: Plan) -> dict[str, Any]:
    """Return what is known of an attempt when it begins: the fields of `AttemptStart`, which records have too."""
    if attempt.beginning is not None:
        return attempt.beginning
    job, request, target = attempt.job, attempt.job.request, attempt.launch.target
    attempt.beginning = {
        "request_id": job.id,
        "attempt_id": attempt.id,
        "number": attempt.number,
        "batch": job.batch,
        "provider": target.name,
        "provider_type": target.provider_type,
        "model": target.model,
        "operation": job.operation,
        "started": attempt.started_at,
        "waited": attempt.launch.waited,
        "key": f"{target.key_number} of {len(target.credentials)}" if target.credentials else None,
        "streamed": job.rules.streamed,
        "why": attempt.launch.why,
        "route": plan.route,
        "task": plan.task or getattr(request, "task", None),
        "session": getattr(request, "session", None),
        "labels": getattr(request, "labels", None) or {},
    }
    return attempt.beginning


def restarted(attempt: Attempt, records: Sequence[AttemptRecord], replaced: int) -> Restarted:
    """Return the event that an attempt replaces the one of that number, which was broken off."""
    target, broken = attempt.launch.target, next(record for record in records if record.number == replaced)
    if broken.failure is None:
        raise AssertionError("an attempt that is replaced has failed")
    return Restarted(provider=target.name, model=target.model, failed_provider=broken.provider, failure=broken.failure)


def error_after(
    failure: Failure, attempts: tuple[AttemptRecord, ...], operation: Operation, *, surfaced: bool
) -> LLMError:
    """Return the error of a request that ends with a failure: of its own kind if all attempts failed for that reason,
    or if the failure itself is the answer (`surfaced`)."""
    kinds = {record.failure.kind for record in attempts if record.failure}
    if surfaced or len(kinds) <= 1:
        return error_of(failure, attempts=attempts)
    leaf = EmbeddingFailed if operation is Operation.EMBED else GenerationFailed
    lines = "".join(f"\n  {record}" for record in attempts)
    return leaf(f"all {len(attempts)} attempts failed:{lines}", failure=failure, attempts=attempts)


def finished(
    attempt: Attempt, won: AttemptRecord, records: Sequence[AttemptRecord], journal: Journal
) -> GenerationResponse | None:
    """Return the answer of the attempt that won, with what became of every attempt; `None` for other operations."""
    answer = attempt.whole
    if answer is None:
        return None
    response = replace(
        answer,
        provider=won.provider,
        attempts=tuple(records),
        cost=won.cost,
        model=answer.model or won.model,
    )
    with_wire_answer(response, attempt.stream.wire_answer)
    vars(response)[EXPLAIN] = journal.explanation  # as `explained` does, without a call for each answer
    return response


def _usage(answer: object) -> Usage:
    """Return the usage that the provider reported; empty if it reported none."""
    usage = getattr(answer, "usage", None)
    return usage if isinstance(usage, Usage) else Usage()


def _answered_model(attempt: Attempt, answer: object) -> str | None:
    """Return the name of the model that answered, as the provider wrote it, without the secrets that were sent."""
    model = getattr(answer, "model", None)
    if not isinstance(model, str):
        return None
    return model if model == attempt.launch.target.model else attempt.stream.clean(model)


def _basis(attempt: Attempt, answer: object, outcome: Outcome, failure: Failure | None, usage: Usage) -> CostBasis:
    """Return how sure the cost of an attempt is: exact, estimated, refused (so free), never sent, or unknown."""
    if failure is not None and not failure.sent:
        return CostBasis.NOT_SENT
    verdict = _EXACT if failure is None else VERDICTS[failure.kind].basis
    if verdict is _EXACT or outcome is Outcome.WON:
        reported = _is_reported(usage, generates=attempt.generates)
        return _EXACT if reported and not _has_odd_counts(answer) else CostBasis.ESTIMATED
    return CostBasis.ESTIMATED if usage.output_total or _counted(attempt.response) else verdict


def _cost(attempt: Attempt, basis: CostBasis, usage: Usage, model: str | None, tier: str | None) -> Cost | None:
    """Return what an attempt cost, given how sure its usage is, and which `model` answered at which `tier`; `None` if
    unknown."""
    if basis in _FREE or attempt.job.operation not in BILLED:
        return NOT_BILLED
    if basis is CostBasis.UNKNOWN:
        return None
    if attempt.stream.cost is not None:
        return attempt.stream.cost
    extra, raw = attempt.response.extra if attempt.response is not None else None, usage.raw
    is_estimated = basis is CostBasis.ESTIMATED
    query = PriceQuery(
        usage=_completed(attempt, usage) if is_estimated else usage,
        model=attempt.launch.target.model,
        answered_model=model,
        service_tier=tier,
        speed=_string(raw, "speed"),
        region=_region(raw),
        partner=_string(extra, "inference_provider") if extra else None,
        estimated=is_estimated,
    )
    try:
        return _cost_of_all(attempt.backend, query) if usage.by_model else attempt.backend.cost_of(query)
    except Exception:
        # An unknown cost is no reason to lose the answer.
        logger.exception("the price of attempt %s could not be computed", attempt.id)
        return None


def _cost_of_all(backend: Backend, query: PriceQuery) -> Cost | None:
    """Return what the requests cost that a provider made for one answer, each at the price of its own model, and the
    fees of hosted tools; `None` if one of them is unknown."""
    total, tools = None, query.usage.tools
    for request in query.usage.by_model:
        model, usage = request.model or query.answered_model, replace(request.usage, tools=tools)
        cost = backend.cost_of(replace(query, usage=usage, answered_model=model))
        if cost is None:
            return None
        total, tools = (cost if total is None else total + cost), None
    return total


def _whole(request: Any) -> Any:
    """Return a request whose size can be estimated. What the provider took is counted even if it is invalid here."""
    try:
        return whole_of(request) if isinstance(request, GenerationRequest) else request
    except LLMError:
        return request


def _is_reported(usage: Usage, *, generates: bool) -> bool:
    """Check whether the provider reported what is charged: the prompt, and the answer where one is generated."""
    if usage.input is None and usage.input_total is None:
        return False
    return not generates or usage.output is not None or usage.output_total is not None


def _has_odd_counts(answer: object) -> bool:
    """Check whether some of the provider's counts had to be ignored."""
    warnings = getattr(answer, "warnings", ())
    return bool(warnings) and any(warning.what in (USAGE, "numbers") for warning in warnings)


def _completed(attempt: Attempt, usage: Usage) -> Usage:
    """Fill in what the provider did not report: the prompt as estimated, and the output tokens counted here if those
    are more than it reported."""
    if usage.input_total is None:
        expected = expected_usage(_whole(attempt.job.request))
        usage = replace(expected, output=usage.output, reasoning=usage.reasoning, raw=usage.raw)
    counted = _counted(attempt.response)
    if counted > (usage.output_total or 0):
        usage = replace(usage, output=counted, reasoning=None, audio_output=None)
    return usage


def _counted(response: GenerationResponse | None) -> int:
    """Return about how many tokens of an answer arrived."""
    if response is None:
        return 0
    texts = (response.text, response.thinking, response.refusal or "")
    calls = (text for call in response.tool_calls for text in (call.name, call.arguments))
    return -(-sum(map(size_of, (*texts, *calls))) // BYTES_PER_TOKEN)


def _region(raw: Mapping[str, Any] | None) -> str | None:
    """Return the region that a call was bound to; `None` where it could be served anywhere."""
    place = _string(raw, "inference_geo")
    return None if place in ("global", "not_available") else place


def _string(facts: Mapping[str, Any] | None, name: str) -> str | None:
    if not facts or name not in facts:
        return None
    value = facts[name]
    return value if isinstance(value, str) else None
