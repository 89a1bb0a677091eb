"""The providers, as rows. `row` finds one by type or alias."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.providers.base import ProviderRow

_MODULES = {
    "ollama": "understudy.providers.ollama",
    "openai": "understudy.providers.openai",
    "anthropic": "understudy.providers.anthropic",
    "google": "understudy.providers.google",
    "groq": "understudy.providers.groq",
    "together": "understudy.providers.together",
    "azure-openai": "understudy.providers.azure_openai",
    "replicate": "understudy.providers.replicate",
    "huggingface": "understudy.providers.huggingface",
    "cohere": "understudy.providers.cohere",
}


def types() -> tuple[str, ...]:
    """Return the types of all providers that have a row, in the order in which they are tried by default."""
    return tuple(_MODULES)


def row(provider_type: str) -> ProviderRow:
    """Return a provider's row. Raises `LookupError` for an unknown type."""
    if provider_type not in _MODULES:
        raise LookupError(f"no provider is called {provider_type!r}; there are {', '.join(_MODULES)}")
    found: ProviderRow = import_module(_MODULES[provider_type]).ROW
    return found
