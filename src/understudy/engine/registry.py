"""Which backend a provider has."""

from __future__ import annotations

from functools import singledispatch

from understudy.engine.backend import Backend
from understudy.protocol import LLMProvider


@singledispatch
def backend_of(provider: LLMProvider) -> Backend:
    """Return the backend of a provider: an adapter, unless the provider's class registered another here."""
    from understudy.engine.custom_backend import CustomBackend

    return CustomBackend(provider)
