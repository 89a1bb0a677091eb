"""Guesses at what a mistyped word was meant to be."""

from __future__ import annotations

from collections.abc import Iterable

_ELSEWHERE = {
    "api_base": "base_url",
    "api_url": "base_url",
    "endpoint": "base_url",
    "host": "base_url",
    "ollama_url": "base_url",
    "url": "base_url",
    "apikey": "api_key",
    "key": "api_key",
    "token": "api_key",
    "chat_model": "text_model",
    "model": "text_model",
    "model_name": "text_model",
    "type": "provider",
    "max_output_tokens": "max_tokens",
    "num_retries": "max_retries",
    "retries": "max_retries",
    "retry_delay": "retry_delay_ms",
}
"""What other tools, and people, call our keys."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that is most like `word`, at least by `cutoff` (0 to 1), or that goes by that name."""
    from difflib import get_close_matches  # only mistakes pay for this import

    known = list(known)
    lower = word.lower().replace("-", "_")
    if _ELSEWHERE.get(lower) in known:
        return _ELSEWHERE[lower]
    found = get_close_matches(lower, known, n=1, cutoff=cutoff)
    return found[0] if found else None
