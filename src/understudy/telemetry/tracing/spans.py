"""What a request becomes in a trace: one span for the request, and below it one for each attempt. Pure.

Tokens, models and costs are attributes of the attempts alone, so that a back end which adds them up counts them once.
No prompt, no answer and no words of a provider are in them: see `content` for what is added where that is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.ledger.observing import EndedRequest
from understudy.settings.tracing import Backend
from understudy.telemetry.tracing.backends import of_attempt, of_request
from understudy.telemetry.tracing.names import OPERATIONS, PROVIDERS

Value = str | bool | int | float | Sequence[str]
LONGEST = 256
"""Characters of a name or a label; callers choose them."""
MOST_LABELS = 32
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, overrides of the writing direction, and lone surrogates."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")


class SpanEvent(msgspec.Struct, frozen=True):
    """Something that happened within a span."""

    name: str
    at: float
    """Unix seconds."""
    attributes: Mapping[str, Value] = {}


class SpanData(msgspec.Struct, frozen=True, kw_only=True):
    """One span. Times are Unix seconds."""

    name: str
    id_of: str
    """The id of the request or the attempt, from which the span's id follows."""
    start: float
    end: float
    attributes: Mapping[str, Value]
    events: tuple[SpanEvent, ...] = ()
    added: Mapping[str, Any] = {}
    """Further attributes, which only some back ends read."""
    error: str | None = None
    """Why it failed, in a few words; `None` if it did not."""


class RequestSpans(msgspec.Struct, frozen=True, kw_only=True):
    """The spans of one request."""

    request: SpanData
    attempts: tuple[SpanData, ...]
    answering: int | None
    """Which attempt answered, else the last one; `None` without attempts."""
    is_served: bool = False
    """Whether a gateway served it."""


class Content(NamedTuple):
    """The attributes with what was asked and answered."""

    request: Mapping[str, str] = {}
    """Those of the request's span: for back ends whose lists show them."""
    attempt: Mapping[str, str] = {}
    """Those of the attempt that answered, else of the last one."""


NO_CONTENT = Content()


def spans_of(
    ended: EndedRequest, names: Mapping[str, str], backends: Sequence[Backend] = (), *, is_served: bool = False
) -> RequestSpans:
    """Return the spans of a request. `names`: those of the attributes; `backends`: for which attributes are added;
    `is_served`: whether a gateway served it."""
    attempts = ended.attempts
    won = next((at for at, each in enumerate(attempts) if each.outcome is Outcome.WON), None)
    answering = won if won is not None else (len(attempts) - 1 if attempts else None)
    return RequestSpans(
        request=_request_span(ended, names, backends, None if won is None else attempts[won]),
        attempts=tuple(
            _attempt_span(ended, each, names, backends, answers=at == won) for at, each in enumerate(attempts)
        ),
        answering=answering,
        is_served=is_served,
    )


def clean(text: str) -> str:
    """Return a text of limited length without control characters, direction overrides and lone surrogates."""
    return _UNSAFE.sub("\ufffd", text[:LONGEST])


# ---- the request ----


def _request_span(
    ended: EndedRequest, names: Mapping[str, str], backends: Sequence[Backend], won: AttemptRecord | None
) -> SpanData:
    first = ended.attempts[0] if ended.attempts else None
    labels = _labels(first.labels if first is not None else getattr(ended.request, "labels", None) or {})
    model = ended.model or (first.model if first is not None else None)
    found: dict[str, Value | None] = {
        "understudy.request.id": ended.id,
        "understudy.operation": str(ended.operation),
        "understudy.model": ended.model,
        "understudy.streamed": ended.streamed,
        "understudy.outcome": _outcome(ended),
        "understudy.attempts": len(ended.attempts),
        **_totals(ended.attempts),
        names["error"]: str(ended.failure.kind) if ended.failure is not None and not _is_abandoned(ended) else None,
    }
    if first is not None:
        found["understudy.route"] = first.route
        found["understudy.task"] = first.task
        found[names["conversation"]] = first.session
    found |= {f"understudy.label.{name}": value for name, value in labels.items()}
    if won is not None:
        found["understudy.entry"] = won.provider
        found["understudy.fell_back"] = first is not None and won.provider != first.provider
        if won.first_event is not None:
            found["understudy.time_to_first_content"] = won.started + won.first_event - ended.started
    failed = ended.failure is not None and not _is_abandoned(ended)
    return SpanData(
        name=_named(ended.operation, model),
        id_of=ended.id,
        start=ended.started,
        end=ended.started + ended.duration,
        attributes=_present(found),
        added=_present(of_request(labels, backends)),
        events=tuple(_waits(ended.attempts)),
        error=str(ended.failure.kind) if failed and ended.failure is not None else None,
    )


def _outcome(ended: EndedRequest) -> str:
    if ended.failure is None:
        return "answered"
    return "abandoned" if _is_abandoned(ended) else "failed"


def _is_abandoned(ended: EndedRequest) -> bool:
    """Check whether the caller gave the request up, which is no error of it."""
    return ended.failure is not None and ended.failure.kind is FailureKind.CANCELLED


def _totals(attempts: Sequence[AttemptRecord]) -> dict[str, Value | None]:
    """Return what the attempts cost together: as far as it is known, and how many costs are unknown."""
    known = [each.cost.amount for each in attempts if each.cost is not None]
    total = sum(each.nano_usd for each in known)
    return {
        "understudy.cost.usd": total / 1e9,
        "understudy.cost.nano_usd": total,
        "understudy.cost.unknown": len(attempts) - len(known),
    }


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    chosen = list(labels.items())[:MOST_LABELS]
    return {_NOT_IN_NAMES.sub("_", name[:LONGEST]): value for name, value in chosen}


def _waits(attempts: Sequence[AttemptRecord]) -> Iterator[SpanEvent]:
    for each in attempts:
        if each.waited > 0:
            before: dict[str, Value] = {
                "understudy.attempt.number": each.number,
                "understudy.entry": clean(each.provider),
            }
            waited = {"understudy.waited": each.waited, **before}
            yield SpanEvent("understudy.wait", each.started - each.waited, waited)


# ---- an attempt ----


def _attempt_span(
    ended: EndedRequest, attempt: AttemptRecord, names: Mapping[str, str], backends: Sequence[Backend], *, answers: bool
) -> SpanData:
    end = attempt.started + attempt.duration
    failure = attempt.failure
    failed = attempt.outcome is Outcome.FAILED and failure is not None
    found: dict[str, Value | None] = {
        names["operation"]: OPERATIONS.get(attempt.operation, str(attempt.operation)),
        names["provider"]: PROVIDERS.get(attempt.provider_type, attempt.provider_type),
        names["request_model"]: attempt.model,
        names["conversation"]: attempt.session,
        **_asked(ended, names),
        names["response_model"]: attempt.answered_model,
        names["first_chunk"]: attempt.first_event,
        **_usage(attempt, names),
        **_server(ended.servers.get(attempt.attempt_id), names),
        names["error"]: str(failure.kind) if failed and failure is not None else None,
        **_own(attempt),
    }
    if answers and isinstance(ended.answer, GenerationResponse):
        found[names["response_id"]] = ended.answer.id
        found[names["finish_reasons"]] = (_finish_reason(ended.answer),)
    status = failure.status if failure is not None else None
    return SpanData(
        name=_named(attempt.operation, attempt.model),
        id_of=attempt.attempt_id,
        start=attempt.started,
        end=end,
        attributes=_present(found | {"http.response.status_code": status}),
        added=of_attempt(attempt, backends),
        events=tuple(_events(attempt, end)),
        error=str(failure.kind) if failed and failure is not None else None,
    )


def _own(attempt: AttemptRecord) -> dict[str, Value | None]:
    cost, failure = attempt.cost, attempt.failure
    return {
        "understudy.entry": attempt.provider,
        "understudy.attempt.id": attempt.attempt_id,
        "understudy.attempt.number": attempt.number,
        "understudy.attempt.batch": attempt.batch,
        "understudy.attempt.why": attempt.why,
        "understudy.outcome": str(attempt.outcome),
        "understudy.key": attempt.key,
        "understudy.dialect": attempt.dialect,
        "understudy.service_tier": attempt.service_tier,
        "understudy.failure.code": failure.code if failure is not None else None,
        "understudy.cost.usd": None if cost is None else cost.amount.nano_usd / 1e9,
        "understudy.cost.nano_usd": None if cost is None else cost.amount.nano_usd,
        "understudy.cost.basis": str(attempt.cost_basis),
    }


def _asked(ended: EndedRequest, names: Mapping[str, str]) -> dict[str, Value | None]:
    """Return what the request sets, as far as the version of the conventions has a name for it."""
    request = ended.request
    if isinstance(request, EmbeddingRequest):
        return {names["dimensions"]: request.dimensions}
    if not isinstance(request, GenerationRequest):
        return {}
    given: dict[str, Value | None] = {
        "stream": ended.streamed,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "seed": request.seed,
        "reasoning_level": request.reasoning.effort if request.reasoning is not None else None,
        "output_type": _output_type(request),
    }
    return {names[key]: value for key, value in given.items() if key in names}


def _output_type(request: GenerationRequest) -> str | None:
    if request.output is None:
        return None
    return "text" if request.output.kind == "text" else "json"


def _finish_reason(answer: GenerationResponse) -> str:
    return str(answer.finish_reason)


def _usage(attempt: AttemptRecord, names: Mapping[str, str]) -> dict[str, Value | None]:
    """Return the tokens: prompts with what caches had of them, answers with thinking."""
    usage = attempt.usage
    written = [each for each in (usage.cache_write, usage.cache_write_1h) if each is not None]
    known: dict[str, Value | None] = {
        "input_tokens": usage.input_total,
        "output_tokens": usage.output_total if attempt.operation is not Operation.EMBED else None,
        "cache_read_tokens": usage.cached,
        "cache_write_tokens": sum(written) if written else None,
        "reasoning_tokens": usage.reasoning,
        "audio_input_tokens": usage.audio_input,
        "audio_output_tokens": usage.audio_output,
    }
    return {names[key]: value for key, value in known.items() if key in names}


def _server(server: str | None, names: Mapping[str, str]) -> dict[str, Value | None]:
    if server is None:
        return {}
    try:
        parts = urlsplit(server)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return {}
    return {names["address"]: parts.hostname, names["port"]: port}


def _events(attempt: AttemptRecord, end: float) -> Iterator[SpanEvent]:
    if attempt.first_event is not None:
        yield SpanEvent("understudy.first_content", attempt.started + attempt.first_event)
    for warning in attempt.warnings:
        said: dict[str, Value] = {
            "understudy.warning.kind": str(warning.kind),
            "understudy.warning.what": clean(warning.what),
        }
        yield SpanEvent("understudy.warning", end, said)
    if attempt.next_step is not None:
        yield SpanEvent("understudy.next_step", end, {"understudy.next_step": clean(attempt.next_step)})


# ---- both ----


def _named(operation: Operation, model: str | None) -> str:
    word = OPERATIONS.get(operation, str(operation))
    return f"{word} {clean(model)}" if model else word


def _present(found: Mapping[str, Any]) -> dict[str, Value]:
    """Return what is known, fit to be sent: clean strings."""
    return {name: _fit(value) for name, value in found.items() if value is not None and value != ""}


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return clean(str(value))
    return tuple(map(clean, value)) if isinstance(value, tuple) else value
