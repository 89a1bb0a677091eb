"""Health checks: what free calls reveal about a provider. They never make a billed call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from understudy.domain.errors import ConfigError, LLMError
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.quotas import Quota
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import HealthStatus
from understudy.engine import clock
from understudy.engine.attempt_stream import AttemptFailed, internal_failure
from understudy.engine.http_backend import HttpBackend
from understudy.engine.job import Job, new_id
from understudy.policy.targets import Limits, Target

CHECK_TIMEOUT = 10.0
"""Seconds for one call of a check."""

_K = FailureKind
_UNREACHABLE = frozenset(
    {_K.DNS, _K.CONNECT, _K.CONNECT_TIMEOUT, _K.TLS, _K.PROXY, _K.TIMEOUT_HEADERS, _K.DISCONNECTED, _K.NOT_SIGNED}
)

_REFUSED = frozenset({_K.AUTHENTICATION, _K.PERMISSION, _K.BILLING, _K.NOT_SIGNED})

_INCONCLUSIVE = frozenset({_K.NOT_FOUND, _K.UNSUPPORTED, _K.INVALID_REQUEST})
"""A server of the same wire format may generate without supporting model lists."""


async def status_of(backend: HttpBackend) -> HealthStatus:
    """Check one provider: its model list shows whether it is reachable and accepts the key. Then look up its model.

    That is the text model, or the embedding model of an entry that has no other. Each key of a pool is checked.
    """
    began = clock.now()
    try:
        targets = _targets(backend)
        if len(targets) == 1:
            outcomes = [await _outcome(backend, targets[0])]
        else:
            outcomes = await asyncio.gather(*(_outcome(backend, target) for target in targets))
    except ConfigError as error:
        return HealthStatus(provider=backend.name, reachable=False, authenticated=False, detail=error.message)
    failures = {number: found for number, found in enumerate(outcomes, start=1) if isinstance(found, Failure)}
    refused = tuple(number for number, failure in failures.items() if failure.kind in _REFUSED)
    working = [(target, found) for target, found in zip(targets, outcomes, strict=True) if isinstance(found, tuple)]
    if not working:
        return _unwell(backend, failures, refused)
    works, quotas = working[0]
    latency = clock.now() - began
    config = backend.config
    model = config.embedding_model if config.embeds_alone else config.text_model or backend.row.text_model
    asked = model is not None and not backend.row.catalogue_only
    available, detail = await _has(backend, model or "", works) if asked else (None, None)
    return HealthStatus(
        provider=backend.name,
        reachable=True,
        serving=True,
        authenticated=True if backend.credential.authenticates and not backend.row.catalogue_is_open else None,
        model_available=available,
        latency=latency,
        quotas=quotas,
        detail="; ".join(filter(None, (_by_key(failures, len(targets)), detail))) or None,
        refused_keys=refused,
    )


def _targets(backend: HttpBackend) -> tuple[Target, ...]:
    """Return the entry once for each key of its pool. Raises `ConfigError` if a key is missing, before any request."""
    count = len(backend.credentials)
    names = tuple(map(str, range(1, count + 1))) if count > 1 else ()
    return tuple(Target(name=backend.name, credential=name, credentials=names) for name in names or ("",))


async def _outcome(backend: HttpBackend, target: Target) -> Failure | tuple[Quota, ...]:
    """Ask for the list of models with one key; return the failure, or what is left of the key's limits."""
    try:
        return (await _call(backend, ModelsRequest(limit=1), target))[1]
    except AttemptFailed as error:
        return error.failure
    except LLMError:
        raise
    except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
        return internal_failure(error, "a health check")


def _by_key(failures: Mapping[int, Failure], count: int) -> str:
    """Return what is wrong with which keys; of an entry with one key, what is wrong."""
    if count == 1:
        return "".join(failure.message for failure in failures.values())
    return "; ".join(f"key {number} of {count}: {failure.message}" for number, failure in failures.items())


async def _has(backend: HttpBackend, model: str, target: Target) -> tuple[bool | None, str | None]:
    try:
        return bool((await _call(backend, ModelsRequest(model=model), target))[0]), None
    except AttemptFailed as error:
        if error.failure.kind is _K.NOT_FOUND:
            return False, f"model {model!r}: {error.failure.message}"
        return None, error.failure.message
    except LLMError:
        raise
    except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
        return None, internal_failure(error, "a health check").message


async def _call(backend: HttpBackend, request: ModelsRequest, target: Target) -> tuple[list[object], tuple[Quota, ...]]:
    """Make one call, without retries, statistics or effect on cooldowns; return what it found, and what is left of the
    key's limits."""
    job = Job(id=new_id(), operation=Operation.MODELS, request=request)
    limits = Limits(connect=backend.config.connect_timeout, total=CHECK_TIMEOUT)
    stream = backend.attempt(job, target, limits, new_id())
    found: list[object] = []
    try:
        async for batch in stream:
            found.extend(batch)
    finally:
        await stream.aclose()
    return found, stream.quotas() if stream.quotas is not None else ()


def _unwell(backend: HttpBackend, failures: Mapping[int, Failure], refused: tuple[int, ...]) -> HealthStatus:
    """Return the status of a provider of which no key works, by the key that comes closest."""
    failure = next((each for number, each in failures.items() if number not in refused), failures[1])
    reachable = failure.kind not in _UNREACHABLE
    is_refused = failure.kind in _REFUSED
    detail = _by_key(failures, len(failures))
    if failure.kind is _K.CONNECT and backend.row.local:
        detail = f"{detail}; is {backend.row.title} running?"
    return HealthStatus(
        provider=backend.name,
        reachable=reachable,
        serving=False if reachable and not is_refused and failure.kind not in _INCONCLUSIVE else None,
        authenticated=False if is_refused else None,
        detail=detail,
        refused_keys=refused if len(failures) > 1 else (),
    )
