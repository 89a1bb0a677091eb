"""The emulated providers, as data. `find` returns one by its type."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.emulator.cast.base import EmulatedProvider

_TYPES = (
    "openai",
    "anthropic",
    "google",
    "ollama",
    "groq",
    "together",
    "azure-openai",
    "replicate",
    "huggingface",
    "cohere",
)


def types() -> tuple[str, ...]:
    """Return the types of all providers that can be emulated."""
    return _TYPES


def find(provider_type: str) -> EmulatedProvider:
    """Return an emulated provider. Raises `LookupError` for an unknown type."""
    if provider_type not in _TYPES:
        raise LookupError(f"no emulator for {provider_type!r}; available: {', '.join(_TYPES)}")
    found: EmulatedProvider = import_module(f"{__name__}.{provider_type.replace('-', '_')}").PROVIDER
    return found
