"""Which program a request comes from, by the headers that it sends of its own accord.

Measured with the versions of November 2026: Claude Code 2.1.197, Codex 0.171.0, Gemini CLI 0.61.0, opencode 1.18.33,
the official SDKs. Nothing is granted to a client because of its name: it selects only how errors are worded in status
and headers (`manners`), and the label of records.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import lru_cache


class Client(enum.StrEnum):
    """The clients whose behaviour differs."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    GEMINI_CLI = "gemini-cli"
    OPENCODE = "opencode"
    OPENAI_SDK = "openai-sdk"
    ANTHROPIC_SDK = "anthropic-sdk"
    GOOGLE_SDK = "google-genai-sdk"
    COHERE_SDK = "cohere-sdk"
    OLLAMA_SDK = "ollama-sdk"
    UNKNOWN = "unknown"


AGENTS = frozenset({Client.CLAUDE_CODE, Client.CODEX, Client.GEMINI_CLI, Client.OPENCODE})
"""Those that work on their own, in tool loops."""

_BY_HEADER = (
    ("x-claude-code-session-id", Client.CLAUDE_CODE),
    ("x-codex-turn-metadata", Client.CODEX),
    ("x-opencode-session", Client.OPENCODE),
)
_MARKS = frozenset(name for name, _ in _BY_HEADER)
_BY_AGENT = (
    # What the user agent begins with, in lower case.
    ("claude-cli/", Client.CLAUDE_CODE),
    ("claude-code/", Client.CLAUDE_CODE),
    ("codex", Client.CODEX),  # codex_cli_rs/, codex_exec/, codex-tui/
    ("geminicli", Client.GEMINI_CLI),
    ("opencode/", Client.OPENCODE),
    ("openai/", Client.OPENAI_SDK),
    ("asyncopenai/", Client.OPENAI_SDK),
    ("anthropic/", Client.ANTHROPIC_SDK),
    ("asyncanthropic/", Client.ANTHROPIC_SDK),
    ("google-genai-sdk/", Client.GOOGLE_SDK),
    ("cohere/", Client.COHERE_SDK),
    ("ollama", Client.OLLAMA_SDK),
)


def client_of(headers: Mapping[str, str]) -> Client:
    """Return the client that sent a request, whose header names are in lower case."""
    if not _MARKS.isdisjoint(headers):
        return next(client for name, client in _BY_HEADER if name in headers)
    if (origin := headers.get("originator")) is not None and origin.lower().startswith("codex"):
        return Client.CODEX
    return _named(headers.get("user-agent", "").lower())


@lru_cache(maxsize=256)
def _named(agent: str) -> Client:
    return next((client for begin, client in _BY_AGENT if agent.startswith(begin)), Client.UNKNOWN)
