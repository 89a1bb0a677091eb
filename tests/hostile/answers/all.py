"""The eight wire formats."""

from __future__ import annotations

from tests.hostile.answers import anthropic, cohere, gemini, hf_features, ollama, openai, replicate, responses
from tests.hostile.answers.base import Answers

_MODULES = (openai, responses, anthropic, gemini, cohere, ollama, replicate, hf_features)
DIALECTS: dict[str, Answers] = {module.ANSWERS.dialect: module.ANSWERS for module in _MODULES}
BACKUPS = {
    "openai": "anthropic",
    "responses": "gemini",
    "anthropic": "openai",
    "gemini": "cohere",
    "cohere": "ollama",
    "ollama": "openai",
    "replicate": "openai",
    "hf-features": "openai",
}
"""Who stands in for whom in a generation or a list."""
EMBEDDING_BACKUPS = {
    "openai": "gemini",
    "gemini": "cohere",
    "cohere": "ollama",
    "ollama": "openai",
    "hf-features": "openai",
}
