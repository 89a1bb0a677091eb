"""The emulated providers, as data. `find` returns one by its type."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.emulator.cast.base import EmulatedProvider

_MODULES = {
    "openai": "understudy.emulator.cast.openai",
    "anthropic": "understudy.emulator.cast.anthropic",
    "google": "understudy.emulator.cast.google",
    "ollama": "understudy.emulator.cast.ollama",
    "groq": "understudy.emulator.cast.groq",
    "together": "understudy.emulator.cast.together",
    "azure-openai": "understudy.emulator.cast.azure_openai",
    "replicate": "understudy.emulator.cast.replicate",
    "huggingface": "understudy.emulator.cast.huggingface",
    "cohere": "understudy.emulator.cast.cohere",
}


def types() -> tuple[str, ...]:
    """Return the types of all providers that can be emulated."""
    return tuple(_MODULES)


def find(provider_type: str) -> EmulatedProvider:
    """Return an emulated provider. Raises `LookupError` for an unknown type."""
    if provider_type not in _MODULES:
        raise LookupError(f"no emulator for {provider_type!r}; available: {', '.join(_MODULES)}")
    found: EmulatedProvider = import_module(_MODULES[provider_type]).PROVIDER
    return found
