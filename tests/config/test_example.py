"""The forms that everybody writes first."""

from __future__ import annotations

from collections.abc import Callable

from understudy.config import Config, NoticeKind
from understudy.domain.secret import Secret
from understudy.settings import FallbackConfig, FallbackStrategy, ProviderConfig


def test_example_loads_as_it_stands(read: Callable[..., Config], example: str) -> None:
    config = read(example, OPENAI_API_KEY="sk-one", ANTHROPIC_API_KEY="sk-two")
    assert config.providers == (
        ProviderConfig(
            provider="openai",
            name="primary",
            api_key=Secret("sk-one"),
            text_model="gpt-4-turbo-preview",
            embedding_model="text-embedding-3-small",
            max_tokens=4096,
            temperature=0.7,
            priority=1,
        ),
        ProviderConfig(
            provider="anthropic",
            name="backup",
            api_key=Secret("sk-two"),
            text_model="claude-3-sonnet-20240229",
            priority=2,
        ),
        ProviderConfig(
            provider="ollama", name="local", base_url="http://localhost:11434", text_model="llama3.2", priority=3
        ),
    )
    assert config.fallback == FallbackConfig(
        enabled=True, max_retries=3, retry_delay_ms=1000, strategy=FallbackStrategy.PRIORITY
    )
    assert config.source == "understudy.toml"
    assert not config.notices
    assert not config.disabled
    assert not config.legacy


def test_missing_variable_in_api_key_disables_that_entry_and_says_so(read: Callable[..., Config], example: str) -> None:
    config = read(example, OPENAI_API_KEY="sk-one")
    assert [entry.name for entry in config.providers] == ["primary", "local"]
    (disabled,) = config.disabled
    assert (disabled.name, disabled.provider, disabled.variables) == ("backup", "anthropic", ("ANTHROPIC_API_KEY",))
    (notice,) = config.notices
    assert notice.kind is NoticeKind.DISABLED
    assert str(notice) == (
        'understudy.toml:14: the entry "backup" (anthropic) is disabled: ANTHROPIC_API_KEY is not set\n'
        "  set ANTHROPIC_API_KEY"
    )


def test_empty_variable_is_a_missing_one(read: Callable[..., Config], example: str) -> None:
    config = read(example, OPENAI_API_KEY="", ANTHROPIC_API_KEY=" \n")
    assert [entry.name for entry in config.providers] == ["local"]
    assert [entry.why for entry in config.disabled] == ["OPENAI_API_KEY is not set", "ANTHROPIC_API_KEY is not set"]


def test_no_entry_remains(fails: Callable[..., str], example: str) -> None:
    remote = example.partition('[[llm.providers]]\nname = "local"')[0]
    assert fails(remote) == (
        "understudy.toml: no provider can be used\n"
        "  understudy.toml:4: primary (openai): OPENAI_API_KEY is not set\n"
        "  understudy.toml:14: backup (anthropic): ANTHROPIC_API_KEY is not set\n"
        "  set one of OPENAI_API_KEY, ANTHROPIC_API_KEY"
    )
