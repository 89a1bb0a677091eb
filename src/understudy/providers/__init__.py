"""The providers, as rows. `row` finds one by its type."""

from __future__ import annotations

import enum
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.providers.base import ProviderRow


class ProviderType(enum.StrEnum):
    """The ten providers, in the order in which they are tried by default.

    Each has its row in the module of its name: `azure-openai` in `understudy.providers.azure_openai`.
    """

    OLLAMA = "ollama"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GOOGLE = "google"
    AZURE_OPENAI = "azure-openai"
    GROQ = "groq"
    TOGETHER = "together"
    REPLICATE = "replicate"
    HUGGINGFACE = "huggingface"
    COHERE = "cohere"

    @classmethod
    def _missing_(cls, value: object) -> ProviderType | None:
        """Accept other spellings: any case, `_` for `-`, and common names."""
        if not isinstance(value, str):
            return None
        name = value.strip().lower().replace("_", "-")
        name = _ALIASES.get(name, name)
        return next((member for member in cls if member.value == name), None)

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other names that are accepted."""
        return tuple(alias for alias, name in _ALIASES.items() if name == self.value)


_ALIASES = {
    "gemini": "google",
    "google-gemini": "google",
    "azure": "azure-openai",
    "azureopenai": "azure-openai",
    "claude": "anthropic",
    "together-ai": "together",
    "togetherai": "together",
    "hf": "huggingface",
    "hugging-face": "huggingface",
}


def types() -> tuple[str, ...]:
    """Return the types of all providers, in the order in which they are tried by default."""
    return tuple(kind.value for kind in ProviderType)


def row(provider_type: str) -> ProviderRow:
    """Return a provider's row. Raise `LookupError` for an unknown type."""
    if provider_type not in types():
        raise LookupError(f"unknown provider {provider_type!r}; expected one of {', '.join(types())}")
    found: ProviderRow = import_module(f"understudy.providers.{provider_type.replace('-', '_')}").ROW
    return found
