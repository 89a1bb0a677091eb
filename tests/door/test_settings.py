"""Settings in Python obey the rules of the configuration file, in its words, when they are made."""

from __future__ import annotations

from typing import Any

import pytest

import understudy as u
from understudy import config

KEY = "sk-proj-canary-0123456789abcdef"


@pytest.mark.parametrize(
    ("fields", "toml", "words"),
    [
        ({"timeout": "30"}, 'timeout = "30"', "timeout must be a number, not a string"),
        ({"timeout": 0}, "timeout = 0", "timeout must be greater than 0"),
        ({"temperature": 9}, "temperature = 9", "temperature must be between 0 and 2"),
        ({"temperature": True}, "temperature = true", "temperature must be a number, not true"),
        ({"max_tokens": 0}, "max_tokens = 0", "max_tokens must be at least 1"),
        ({"max_tokens": 1.5}, "max_tokens = 1.5", "max_tokens must be a whole number, not a decimal number"),
        ({"priority": "1"}, 'priority = "1"', "priority must be a whole number, not a string"),
        ({"text_model": " "}, 'text_model = " "', "text_model must not be empty"),
        ({"name": "a/b"}, 'name = "a/b"', "name must not contain a slash"),
        ({"timeout": float("nan")}, "timeout = nan", "timeout must be a finite number"),
    ],
)
def test_an_entry_is_checked_as_in_the_file(fields: dict[str, Any], toml: str, words: str) -> None:
    with pytest.raises(u.ConfigError, match=words):
        u.ProviderConfig(provider="ollama", **fields)
    with pytest.raises(u.ConfigError, match=words):
        config.parse(f'[[llm.providers]]\nprovider = "ollama"\n{toml}', environ={})


@pytest.mark.parametrize(
    ("fields", "toml", "words"),
    [
        ({"max_retries": 0}, "max_retries = 0", "max_retries must be at least 1"),
        ({"deadline": "1m"}, 'deadline = "1m"', "deadline must be a number, not a string"),
        ({"strict": 1}, "strict = 1", "strict must be true or false, not a whole number"),
    ],
)
def test_fallback_is_checked_as_in_the_file(fields: dict[str, Any], toml: str, words: str) -> None:
    with pytest.raises(u.ConfigError, match=words):
        u.FallbackConfig(**fields)
    with pytest.raises(u.ConfigError, match=words):
        config.parse(f'[llm]\nprovider = "ollama"\n[llm.fallback]\n{toml}', environ={})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: u.ProviderConfig(provider="openai", api_kye=KEY), "unknown field 'api_kye'; did you mean 'api_key'?"),  # type: ignore[call-arg]
        (lambda: u.ProviderConfig(provider="openai", model="x"), "did you mean 'text_model'?"),  # type: ignore[call-arg]
        (u.ProviderConfig, "ProviderConfig: provider is missing"),
        (lambda: u.FallbackConfig(max_retrys=1), "did you mean 'max_retries'?"),  # type: ignore[call-arg]
        (lambda: u.FallbackConfig(strategy="prioritty"), "strategy is unknown: 'prioritty'; did you mean 'priority'?"),  # type: ignore[arg-type]
        (lambda: u.FallbackConfig(whole="steam"), "whole is unknown: 'steam'; did you mean 'stream'?"),  # type: ignore[arg-type]
        (lambda: u.Route(name="r", targets="a"), "targets must be a list of names, such as"),  # type: ignore[arg-type]
        (lambda: u.ProviderConfig(provider="openai", capabilities={"tool": True}), "did you mean 'tools'?"),
        (lambda: u.ProviderConfig(provider="openai", headers={"Authorization": KEY}), "looks like a key"),
        (lambda: u.ProviderConfig(provider="openai", api_key=[KEY]), "one key for each entry"),  # type: ignore[arg-type]
        (lambda: u.create_provider("openia"), "unknown provider 'openia'; did you mean 'openai'?"),
    ],
)  # fmt: skip
def test_a_typo_is_answered_with_the_nearest_name(make: Any, words: str) -> None:
    with pytest.raises(u.ConfigError, match=words) as caught:
        make()
    assert KEY not in str(caught.value)


def test_everything_wrong_is_reported_at_once() -> None:
    with pytest.raises(u.ConfigError) as caught:
        u.ProviderConfig(provider="openai", name="primary", timeout=-1, temperature=9)
    assert str(caught.value).splitlines() == [
        "primary: temperature must be between 0 and 2, got 9",
        "primary: timeout must be greater than 0, got -1",
    ]


def test_a_key_becomes_a_secret() -> None:
    entry = u.ProviderConfig(provider="openai", api_key=f"{KEY}\n", proxy=f"http://me:{KEY}@proxy.test")
    assert KEY not in repr(entry)
    assert isinstance(entry.api_key, u.Secret)
    assert entry.api_key.reveal() == KEY
    assert KEY not in repr(u.ProviderConfig(provider="azure-openai", token=KEY))


def test_what_is_plainly_meant_is_accepted() -> None:
    assert u.FallbackConfig(strategy="Round-Robin").strategy is u.FallbackStrategy.ROUND_ROBIN  # type: ignore[arg-type]
    assert u.Route(name="r", targets=["a"]).targets == ("a",)  # type: ignore[arg-type]
