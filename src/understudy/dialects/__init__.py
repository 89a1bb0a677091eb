"""Wire formats: how to talk. Pure functions and push parsers, no I/O. `load` finds one by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.dialects.base import Dialect

_MODULES = {
    "openai": "understudy.dialects.openai",
    "responses": "understudy.dialects.responses",
    "anthropic": "understudy.dialects.anthropic",
    "gemini": "understudy.dialects.gemini",
    "ollama": "understudy.dialects.ollama",
    "replicate": "understudy.dialects.replicate",
    "hf-features": "understudy.dialects.hf_features",
    "cohere": "understudy.dialects.cohere",
}

_loaded: dict[str, Dialect] = {}


def names() -> tuple[str, ...]:
    """Return the names of all dialects."""
    return tuple(_MODULES)


def load(name: str) -> Dialect:
    """Return the dialect of that name, importing it at its first use. Raises `LookupError` for an unknown name."""
    dialect = _loaded.get(name)
    if dialect is None:
        if name not in _MODULES:
            raise LookupError(f"no dialect is called {name!r}; there are {', '.join(sorted(_MODULES))}")
        dialect = _loaded[name] = import_module(_MODULES[name]).DIALECT
    return dialect
