"""One row for each coding agent: how it is started, and what its own configuration needs, to work through a gateway.

Tried with Claude Code 2.1, Codex 0.171, Gemini CLI 0.61, opencode 1.18 and aider 0.86, headless against a gateway on
loopback. A template may contain `$url`, `$key`, `$model` and, in the form of
Codex, `$http_headers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from understudy.cli.agents import places
from understudy.cli.agents.connection import Connection

Format = Literal["json", "jsonc", "toml", "yaml", "dotenv"]
Values = Mapping[tuple[str, ...], Any]
"""Values to write, by their path in the file."""


class AgentFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an agent's own configuration."""

    format: Format
    place: Callable[[Mapping[str, str], Path], Path]
    """From the environment and the home folder."""
    values: Callable[[Connection], Values]


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A coding agent."""

    name: str
    title: str
    program: str
    install: str
    """The command that installs it."""
    source: str
    """Where its settings are documented."""
    environment: Mapping[str, str]
    """Variables by which it finds the gateway; templates."""
    removed: tuple[str, ...] = ()
    """Variables that would lead it elsewhere."""
    arguments: tuple[str, ...] = ()
    """Templates, before the user's own arguments."""
    model_environment: tuple[str, ...] = ()
    """Variables that hold the model."""
    model_arguments: tuple[str, ...] = ()
    header_variable: tuple[str, str] | None = None
    """The variable with further headers, as `Name: value`, and what stands between two of them."""
    usual: tuple[str, ...] = ()
    """Models that it asks for by itself, as of late 2026; empty if it has no default."""
    temporary: Literal["claude-settings", "gemini-home", "opencode-content"] | None = None
    """What it needs beyond variables and arguments while it runs."""
    files: tuple[AgentFile, ...]
    key_variable: str | None = None
    """The variable that its configuration refers to instead of holding the key."""

    @property
    def sends_headers(self) -> bool:
        """Whether it can be made to send further headers."""
        in_arguments = any("$http_headers" in each for each in self.arguments)
        return in_arguments or self.header_variable is not None or self.temporary == "opencode-content"


_CLAUDE_ELSEWHERE = (
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
)
_CLAUDE_MODELS = (
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_FABLE_MODEL",
)


def claude_environment(connection: Connection) -> dict[str, str]:
    """Return the `env` of Claude Code's settings, which overrides that of the process and of settings below it."""
    values = {
        "ANTHROPIC_BASE_URL": connection.url,
        "ANTHROPIC_AUTH_TOKEN": connection.token,
        "ANTHROPIC_API_KEY": "",  # it would be sent beside the token, whatever it is
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
    }
    return values | (dict.fromkeys(_CLAUDE_MODELS, connection.model) if connection.model else {})


def opencode_provider(connection: Connection) -> dict[str, Any]:
    """Return the block that makes the gateway a provider of opencode."""
    headers = {"headers": dict(connection.headers)} if connection.headers else {}
    return {
        "npm": "@ai-sdk/openai-compatible",
        "name": "understudy",
        "options": {"baseURL": f"{connection.url}/v1", "apiKey": connection.token} | headers,
        "models": {name: {"name": name} for name in connection.models},
    }


def _codex_values(connection: Connection) -> Values:
    provider = {"name": "understudy", "base_url": f"{connection.url}/v1", "wire_api": "responses"}
    key = {"env_key": "UNDERSTUDY_KEY"} if connection.key else {}  # Codex requires a variable that it refers to
    values: dict[tuple[str, ...], Any] = {("model_provider",): "understudy"}
    values |= {("model",): connection.model} if connection.model else {}
    return values | {("model_providers", "understudy"): provider | key}


def _gemini_variables(connection: Connection) -> Values:
    values: dict[tuple[str, ...], Any] = {
        ("GOOGLE_GEMINI_BASE_URL",): connection.url,
        ("GEMINI_API_KEY",): connection.token,
    }
    return values | ({("GEMINI_MODEL",): connection.model} if connection.model else {})


def _opencode_values(connection: Connection) -> Values:
    return {
        ("provider", "understudy"): opencode_provider(connection),
        ("model",): f"understudy/{connection.model}",
        ("small_model",): f"understudy/{connection.model}",
    }


def _aider_values(connection: Connection) -> Values:
    return {
        ("openai-api-base",): f"{connection.url}/v1",
        ("openai-api-key",): connection.token,
        ("model",): f"openai/{connection.model}",
    }


_ROWS = (
    Agent(
        name="claude",
        title="Claude Code",
        program="claude",
        install="npm install -g @anthropic-ai/claude-code",
        source="https://code.claude.com/docs/en/llm-gateway",
        environment={
            "ANTHROPIC_BASE_URL": "$url",
            "ANTHROPIC_AUTH_TOKEN": "$key",
            "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        },
        removed=("ANTHROPIC_API_KEY", *_CLAUDE_ELSEWHERE),
        model_environment=_CLAUDE_MODELS,
        header_variable=("ANTHROPIC_CUSTOM_HEADERS", "\n"),
        usual=("claude-opus-4-8", "claude-haiku-4-5-20251001"),
        temporary="claude-settings",
        files=(
            AgentFile(
                format="json",
                place=places.claude_settings,
                values=lambda connection: {
                    ("env", name): value for name, value in claude_environment(connection).items()
                },
            ),
        ),
    ),
    Agent(
        name="codex",
        title="Codex",
        program="codex",
        install="npm install -g @openai/codex",
        source="https://developers.openai.com/codex/config-advanced",
        environment={"UNDERSTUDY_KEY": "$key"},
        # Under any name but OpenAI's it compacts by an ordinary request, which every provider can answer.
        arguments=(
            "-c", 'model_provider="understudy"',
            "-c", 'model_providers.understudy={name="understudy",base_url="$url/v1",wire_api="responses",'
            'env_key="UNDERSTUDY_KEY"$http_headers}',
        ),
        model_arguments=("-c", 'model="$model"'),
        usual=("gpt-6.2-sol",),
        files=(AgentFile(format="toml", place=places.codex_config, values=_codex_values),),
        key_variable="UNDERSTUDY_KEY",
    ),
    Agent(
        name="gemini",
        title="Gemini CLI",
        program="gemini",
        install="npm install -g @google/gemini-cli",
        source="https://geminicli.com/docs/reference/configuration",
        environment={"GOOGLE_GEMINI_BASE_URL": "$url", "GEMINI_API_KEY": "$key"},
        removed=("GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_GENAI_API_VERSION"),
        model_environment=("GEMINI_MODEL",),
        header_variable=("GEMINI_CLI_CUSTOM_HEADERS", ", "),
        usual=("gemini-3.1-pro-preview", "gemini-3.5-flash-lite"),
        temporary="gemini-home",
        files=(
            AgentFile(format="dotenv", place=places.gemini_variables, values=_gemini_variables),
            AgentFile(
                format="jsonc",
                place=places.gemini_settings,
                values=lambda _: {("security", "auth", "selectedType"): "gemini-api-key"},
            ),
        ),
    ),
    Agent(
        name="opencode",
        title="opencode",
        program="opencode",
        install="npm install -g opencode-ai",
        source="https://opencode.ai/docs/config",
        environment={},
        temporary="opencode-content",
        files=(AgentFile(format="jsonc", place=places.opencode_config, values=_opencode_values),),
    ),
    Agent(
        name="aider",
        title="aider",
        program="aider",
        install="python -m pip install aider-install && aider-install",
        source="https://aider.chat/docs/llms/openai-compat.html",
        environment={"AIDER_OPENAI_API_KEY": "$key", "OPENAI_API_KEY": "$key", "OPENAI_API_BASE": "$url/v1"},
        arguments=("--openai-api-base", "$url/v1"),
        model_arguments=("--model", "openai/$model"),
        files=(AgentFile(format="yaml", place=places.aider_config, values=_aider_values),),
    ),
)  # fmt: skip

AGENTS: Mapping[str, Agent] = {each.name: each for each in _ROWS}
"""All agents, by the word that selects them."""
