"""Wire formats: how to talk. Pure functions and push parsers, no I/O.

Each has two halves, found by name: `load` returns the client half, `load_server` the server half.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.dialects.base import Dialect
    from understudy.dialects.server import ServerHalf

_NAMES = ("openai", "responses", "anthropic", "gemini", "ollama", "replicate", "hf-features", "cohere")


def names() -> tuple[str, ...]:
    """Return the names of all dialects."""
    return _NAMES


@cache
def load(name: str) -> Dialect:
    """Return the client half of a dialect, imported at its first use. Raises `LookupError` for an unknown name."""
    dialect: Dialect = _module(name, "client").DIALECT
    return dialect


@cache
def load_server(name: str) -> ServerHalf:
    """Return the server half of a dialect, imported at its first use. Raises `LookupError` for an unknown name."""
    half: ServerHalf = _module(name, "server").SERVER
    return half


def _module(name: str, half: str) -> Any:
    if name not in _NAMES:
        raise LookupError(f"unknown dialect {name!r}; known: {', '.join(sorted(_NAMES))}")
    return import_module(f"{__name__}.{name.replace('-', '_')}.{half}")
