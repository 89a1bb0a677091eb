"""Which recordings the contract suite must decode, and why it leaves the others out.

A recording is in scope unless one of the `EXCLUSIONS` applies; each has its reason. `MINIMUM_SHARE` keeps the scope
from shrinking unnoticed: an exclusion that becomes too greedy fails `test_scope.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from understudy import providers

from tests.contract.recordings import Recording

PROVIDER_TYPES = {"gemini": "google", "azure_openai": "azure-openai", "responses": "openai"}
"""Folder name -> provider type, where they differ. `responses` is what `built.py` stands in for."""

OPERATIONS = frozenset({"chat", "chat_stream", "embed", "models", "count_tokens", "error"})

PATHS = {
    "openai": r"/v1/(chat/completions|embeddings|responses|models(/[^/]+)?)",
    "groq": r"/openai/v1/(chat/completions|models(/[^/]+)?)",
    "anthropic": r"/v1/(messages|messages/count_tokens|models(/[^/]+)?)",
    "ollama": r"/api/(chat|embed|tags|show)",
}
"""What a row speaks, as paths of recorded URLs. A row without an entry here has nothing in scope."""


def provider_type(recording: Recording) -> str:
    return PROVIDER_TYPES.get(recording.provider, recording.provider)


def _without_row(recording: Recording) -> bool:
    kind = provider_type(recording)
    return kind not in providers.types() or kind not in PATHS


def _other_endpoint(recording: Recording) -> bool:
    if recording.request is None:
        return False
    return re.fullmatch(PATHS[provider_type(recording)], urlsplit(recording.request.url).path) is None


class Exclusion(NamedTuple):
    reason: str
    applies: Callable[[Recording], bool]


EXCLUSIONS = (
    Exclusion("this provider has no row yet", _without_row),
    Exclusion(
        "a text completion (`/api/generate`) is none of our operations: we speak chat to Ollama",
        lambda recording: recording.operation in ("generate", "generate_stream"),
    ),
    Exclusion("another operation than ours", lambda recording: recording.operation not in OPERATIONS),
    Exclusion(
        "another API on the same host (organisation usage, Ollama's OpenAI-compatible routes)", _other_endpoint
    ),
)

MINIMUM_SHARE = {"openai": 0.98, "groq": 1.0, "anthropic": 1.0, "ollama": 0.88}
"""Of a provider's recordings, how many must be in scope at least."""


def exclusion(recording: Recording) -> str | None:
    """Return why a recording is out of scope; `None` when it is in."""
    return next((rule.reason for rule in EXCLUSIONS if rule.applies(recording)), None)
