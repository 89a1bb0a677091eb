"""Health checks: what free calls tell of a provider. Never a billed call."""

from __future__ import annotations

from typing import Protocol

from understudy.domain.errors import ConfigError, LLMError
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import HealthStatus
from understudy.engine import clock
from understudy.engine.attempt_stream import AttemptFailed, AttemptStream, internal_failure
from understudy.engine.auth import Credential
from understudy.engine.job import Job, new_id
from understudy.policy.targets import Limits, Target
from understudy.providers.base import ProviderRow
from understudy.settings import ProviderConfig

CHECK_TIMEOUT = 10.0
"""Seconds for one call of a check."""

_K = FailureKind
_UNREACHABLE = frozenset(
    {_K.DNS, _K.CONNECT, _K.CONNECT_TIMEOUT, _K.TLS, _K.PROXY, _K.TIMEOUT_HEADERS, _K.DISCONNECTED, _K.NOT_SIGNED}
)

_REFUSED = frozenset({_K.AUTHENTICATION, _K.PERMISSION, _K.BILLING, _K.NOT_SIGNED})

_SAYS_NOTHING = frozenset({_K.NOT_FOUND, _K.UNSUPPORTED, _K.INVALID_REQUEST})
"""A server of the same wire format without a model list may well generate."""


class Checked(Protocol):
    """What a check needs of a built-in provider."""

    @property
    def name(self) -> str:
        """The entry's name."""
        ...

    @property
    def config(self) -> ProviderConfig:
        """The entry."""
        ...

    @property
    def row(self) -> ProviderRow:
        """The provider's row."""
        ...

    @property
    def credential(self) -> Credential:
        """The key. Raises `ConfigError` when there is none."""
        ...

    def attempt(self, job: Job, target: Target, limits: Limits, attempt_id: str) -> AttemptStream:
        """Open an attempt."""
        ...


async def status_of(provider: Checked) -> HealthStatus:
    """Check one provider: its model list shows whether it is reachable and accepts the key. Then look its model up.

    That is the text model, or the embedding model of an entry that has only that.
    """
    began = clock.now()
    try:
        provider.credential  # noqa: B018 - a missing key is found before anything is sent
        await _call(provider, ModelsRequest(limit=1))
    except ConfigError as error:
        return HealthStatus(provider=provider.name, reachable=False, authenticated=False, detail=error.message)
    except AttemptFailed as error:
        return _unwell(provider, error)
    except LLMError:
        raise
    except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
        return _unwell(provider, AttemptFailed(internal_failure(error, "a health check")))
    latency = clock.now() - began
    config = provider.config
    model = config.embedding_model if config.embeds_alone else config.text_model or provider.row.text_model
    asked = model is not None and not provider.row.catalogue_only
    available, detail = await _has(provider, model or "") if asked else (None, None)
    return HealthStatus(
        provider=provider.name,
        reachable=True,
        serving=True,
        authenticated=True if provider.credential.authenticates and not provider.row.catalogue_is_open else None,
        model_available=available,
        latency=latency,
        detail=detail,
    )


async def _has(provider: Checked, model: str) -> tuple[bool | None, str | None]:
    try:
        return bool(await _call(provider, ModelsRequest(model=model))), None
    except AttemptFailed as error:
        if error.failure.kind is _K.NOT_FOUND:
            return False, f"model {model!r}: {error.failure.message}"
        return None, error.failure.message
    except LLMError:
        raise
    except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
        return None, internal_failure(error, "a health check").message


async def _call(provider: Checked, request: ModelsRequest) -> list[object]:
    """Ask once, without retries, statistics or effect on cooldowns."""
    job = Job(id=new_id(), operation=Operation.MODELS, request=request)
    limits = Limits(connect=provider.config.connect_timeout, total=CHECK_TIMEOUT)
    flight = provider.attempt(job, Target(name=provider.name), limits, new_id())
    found: list[object] = []
    try:
        async for batch in flight:
            found.extend(batch)
    finally:
        await flight.aclose()
    return found


def _unwell(provider: Checked, error: AttemptFailed) -> HealthStatus:
    failure = error.failure
    reachable = failure.kind not in _UNREACHABLE
    refused = failure.kind in _REFUSED
    detail = failure.message
    if failure.kind is _K.CONNECT and provider.row.local:
        detail = f"{detail}; is {provider.row.title} running?"
    return HealthStatus(
        provider=provider.name,
        reachable=reachable,
        serving=False if reachable and not refused and failure.kind not in _SAYS_NOTHING else None,
        authenticated=False if refused else None,
        detail=detail,
    )
