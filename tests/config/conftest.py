"""Short ways to read a configuration text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from understudy.config import Config, ConfigError, parse

EXAMPLE = """\
[[llm.providers]]
name = "primary"
provider = "openai"
api_key = "${OPENAI_API_KEY}"
text_model = "gpt-4-turbo-preview"
embedding_model = "text-embedding-3-small"
max_tokens = 4096
temperature = 0.7
priority = 1

[[llm.providers]]
name = "backup"
provider = "anthropic"
api_key = "${ANTHROPIC_API_KEY}"
text_model = "claude-3-sonnet-20240229"
priority = 2

[[llm.providers]]
name = "local"
provider = "ollama"
base_url = "http://localhost:11434"
text_model = "llama3.2"
priority = 3

[llm.fallback]
enabled = true
max_retries = 3
retry_delay_ms = 1000
strategy = "priority"
"""


@pytest.fixture
def example() -> str:
    return EXAMPLE


@pytest.fixture
def read() -> Callable[..., Config]:
    """Parse a text as `understudy.toml`; keyword arguments are the environment."""

    def read(text: str, **environ: str) -> Config:
        return parse(text, source="understudy.toml", environ=environ)

    return read


@pytest.fixture
def fails(read: Callable[..., Config]) -> Callable[..., str]:
    """Parse a text that is wrong and return the error's message."""

    def fails(text: str, **environ: str) -> str:
        with pytest.raises(ConfigError) as caught:
            read(text, **environ)
        return caught.value.message

    return fails
