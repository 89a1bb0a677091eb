"""The context window of a listed model, under the names that servers give it."""

from __future__ import annotations

from typing import Any

from understudy.domain.usage import token_count

_NAMES = (
    "loaded_context_length",  # LM Studio: of the model as it is loaded, which may be less than it could hold
    "context_window",  # Groq
    "context_length",  # Together, OpenRouter, Hugging Face
    "max_context_length",  # Mistral, LM Studio
    "max_model_len",  # vLLM, SGLang
    "max_input_tokens",  # Anthropic, LiteLLM
)


def window_of(entry: dict[str, Any]) -> int | None:
    """Return the context window in an entry of a list, in tokens; `None` if it is missing.

    llama.cpp has `meta.n_ctx` and `meta.n_ctx_train`. The latter is what the model was trained with, not what the
    server runs it with: with it, a prompt that does not fit would not reach targets with a larger window.
    """
    found = next((count for name in _NAMES if (count := token_count(entry.get(name)))), None)
    meta = entry.get("meta")
    return found or (token_count(meta.get("n_ctx")) or None if isinstance(meta, dict) else None)
