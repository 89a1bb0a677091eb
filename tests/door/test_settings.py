"""Settings in Python obey the rules of the configuration file, in its words, when they are made."""

from __future__ import annotations

import os
from typing import Any

import pytest

import understudy as u
from understudy import config, providers
from understudy.providers.addresses import address_complaint

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
        ({"base_url": "127.0.0.1:1"}, 'base_url = "127.0.0.1:1"', "base_url must begin with http:// or https://"),
        ({"base_url": "ftp://host"}, 'base_url = "ftp://host"', "base_url must begin with http:// or https://"),
        ({"base_url": "http://"}, 'base_url = "http://"', "base_url is not a valid URL"),
        ({"base_url": "http://h:99999"}, 'base_url = "http://h:99999"', "base_url is not a valid URL"),
        ({"base_url": "http://h/?a=b"}, 'base_url = "http://h/?a=b"', "base_url must end with the path, without . and"),
        ({"base_url": "http://me@h"}, 'base_url = "http://me@h"', "base_url must not contain a user or password"),
        ({"base_url": " "}, 'base_url = " "', "base_url must not be empty"),
        ({"proxy": "foo"}, 'proxy = "foo"', "proxy must begin with http:// or https://"),
        ({"proxy": "socks5://h:1"}, 'proxy = "socks5://h:1"', "proxy names a SOCKS proxy, which is not supported"),
        ({"proxy": u.Secret("http://me:pw@h/p")}, 'proxy = "http://me:pw@h/p"', "proxy must end with the port"),
        ({"api_key": ""}, 'api_key = ""', "api_key must not be empty"),
        ({"api_key": u.Secret(" ")}, 'api_key = " "', "api_key must not be empty"),
        ({"token": ""}, 'token = ""', "token "),
    ],
)
def test_how_an_entry_is_reached_is_checked_as_in_the_file(fields: dict[str, Any], toml: str, words: str) -> None:
    with pytest.raises(u.ConfigError, match=f"^openai: {words}") as caught:
        u.ProviderConfig(provider="openai", **fields)
    with pytest.raises(u.ConfigError, match=words):
        u.create_provider({"provider": "openai", **fields})
    with pytest.raises(u.ConfigError, match=words):
        config.parse(f'[[llm.providers]]\nprovider = "openai"\n{toml}', environ={})
    assert "pw" not in str(caught.value)


def test_an_address_of_the_environment_is_checked_in_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    words = "the environment variable OPENAI_BASE_URL must begin with http:// or https://"
    with pytest.raises(u.ConfigError, match=words):
        config.parse('[[llm.providers]]\nprovider = "openai"', environ=os.environ)
    with pytest.raises(u.ConfigError, match=words):
        u.blocking.create_provider("openai").generate("Hi")


@pytest.mark.parametrize("kind", u.ProviderType)
def test_an_address_without_a_scheme_is_for_those_who_read_one(kind: u.ProviderType) -> None:
    """Construction knows which providers do."""
    reads_one = address_complaint("gpu-box:11434", providers.row(kind)) is None
    try:
        u.ProviderConfig(provider=kind, base_url="gpu-box:11434")
    except u.ConfigError:
        assert not reads_one
    else:
        assert reads_one
    assert u.ProviderConfig(provider="custom", base_url="gpu-box:11434"), "create_provider knows, or refuses it"


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


@pytest.mark.parametrize("given", [{"max_retries": 0}, {"deadline": "1m"}, {"max_retrys": 1}, {1: 2}, [1]])
@pytest.mark.parametrize("make", ["create_provider", "manager", "route", "blocking", "blocking manager"])
def test_fallback_may_be_a_dict(make: str, given: Any) -> None:
    def made(fallback: Any) -> Any:
        entry = {"provider": "ollama"}
        match make:
            case "create_provider":
                return vars(u.create_provider(entry, fallback=fallback))["_fallback"]
            case "manager":
                return u.ProviderManager([entry], fallback).fallback
            case "route":
                return u.Route(name="r", targets=("ollama",), fallback=fallback).fallback
            case "blocking":
                return vars(u.blocking.create_provider(entry, fallback=fallback).wrapped)["_fallback"]
        return u.blocking.ProviderManager([entry], fallback).wrapped.fallback

    assert made({"max_retries": 1, "strategy": "round-robin"}) == u.FallbackConfig(
        max_retries=1, strategy=u.FallbackStrategy.ROUND_ROBIN
    )
    with pytest.raises(u.ConfigError, match=r"FallbackConfig"):
        made(given)


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
        (lambda: u.ProviderConfig(provider="openai", api_key={KEY}), "must be a string, a Secret or a list of them"),  # type: ignore[arg-type]
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
