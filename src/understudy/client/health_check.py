"""Health checks: what free calls reveal about a provider. They never make a billed call."""

from __future__ import annotations

from understudy.domain.errors import ConfigError, LLMError
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
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

    That is the text model, or the embedding model of an entry that has no other.
    """
    began = clock.now()
    try:
        backend.credential  # noqa: B018 - a missing key is found before anything is sent
        await _call(backend, ModelsRequest(limit=1))
    except ConfigError as error:
        return HealthStatus(provider=backend.name, reachable=False, authenticated=False, detail=error.message)
    except AttemptFailed as error:
        return _unwell(backend, error)
    except LLMError:
        raise
    except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
        return _unwell(backend, AttemptFailed(internal_failure(error, "a health check")))
    latency = clock.now() - began
    config = backend.config
    model = config.embedding_model if config.embeds_alone else config.text_model or backend.row.text_model
    asked = model is not None and not backend.row.catalogue_only
    available, detail = await _has(backend, model or "") if asked else (None, None)
    return HealthStatus(
        provider=backend.name,
        reachable=True,
        serving=True,
        authenticated=True if backend.credential.authenticates and not backend.row.catalogue_is_open else None,
        model_available=available,
        latency=latency,
        detail=detail,
    )


async def _has(backend: HttpBackend, model: str) -> tuple[bool | None, str | None]:
    try:
        return bool(await _call(backend, ModelsRequest(model=model))), None
    except AttemptFailed as error:
        if error.failure.kind is _K.NOT_FOUND:
            return False, f"model {model!r}: {error.failure.message}"
        return None, error.failure.message
    except LLMError:
        raise
    except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
        return None, internal_failure(error, "a health check").message


async def _call(backend: HttpBackend, request: ModelsRequest) -> list[object]:
    """Make one call, without retries, statistics or effect on cooldowns."""
    job = Job(id=new_id(), operation=Operation.MODELS, request=request)
    limits = Limits(connect=backend.config.connect_timeout, total=CHECK_TIMEOUT)
    stream = backend.attempt(job, Target(name=backend.name), limits, new_id())
    found: list[object] = []
    try:
        async for batch in stream:
            found.extend(batch)
    finally:
        await stream.aclose()
    return found


def _unwell(backend: HttpBackend, error: AttemptFailed) -> HealthStatus:
    failure = error.failure
    reachable = failure.kind not in _UNREACHABLE
    refused = failure.kind in _REFUSED
    detail = failure.message
    if failure.kind is _K.CONNECT and backend.row.local:
        detail = f"{detail}; is {backend.row.title} running?"
    return HealthStatus(
        provider=backend.name,
        reachable=reachable,
        serving=False if reachable and not refused and failure.kind not in _INCONCLUSIVE else None,
        authenticated=False if refused else None,
        detail=detail,
    )
