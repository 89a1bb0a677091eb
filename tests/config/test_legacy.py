"""The form of single-provider configurations, which go on working."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from understudy.config import Config, NoticeKind
from understudy.domain.secret import Secret
from understudy.providers import row
from understudy.settings import FallbackConfig, ProviderConfig


def test_single_ollama(read: Callable[..., Config]) -> None:
    config = read(
        '[llm]\nollama_url = "http://gpu:11434"\ntext_model = "llama3.2"\nembedding_model = "nomic-embed-text"\n'
    )
    assert config.providers == (
        ProviderConfig(
            provider="ollama",
            name="ollama",
            base_url="http://gpu:11434",
            text_model="llama3.2",
            embedding_model="nomic-embed-text",
        ),
    )
    assert config.fallback == FallbackConfig()
    assert config.legacy
    assert config.notices == ()


def test_provider_with_its_own_key(read: Callable[..., Config]) -> None:
    (entry,) = read('[llm]\nprovider = "openai"\ntext_model = "m"', OPENAI_API_KEY="sk-x").providers
    assert (entry.provider, entry.api_key, entry.base_url) == ("openai", Secret("sk-x"), None)


def test_further_values(read: Callable[..., Config]) -> None:
    (entry,) = read(
        """[llm]
provider = "claude"
api_key = "${K}"
base_url = "http://proxy"
text_model = "m"
max_tokens = 5
temperature = 0
timeout = 9
""",
        K="sk-x",
    ).providers
    assert entry == ProviderConfig(
        provider="anthropic",
        name="anthropic",
        api_key=Secret("sk-x"),
        base_url="http://proxy",
        text_model="m",
        max_tokens=5,
        temperature=0,
        timeout=9,
    )


def test_missing_key_is_an_error_as_no_entry_remains(fails: Callable[..., str]) -> None:
    assert fails('[llm]\nprovider = "openai"\ntext_model = "m"') == (
        "understudy.toml: no provider can be used\n"
        "  understudy.toml:1: openai (openai): OPENAI_API_KEY is not set\n"
        "  set one of OPENAI_API_KEY"
    )


def test_ollama_url_from_the_environment(read: Callable[..., Config]) -> None:
    text = '[llm]\nollama_url = "${OLLAMA_URL:-http://localhost:11434}"\ntext_model = "m"'
    assert read(text).providers[0].base_url == "http://localhost:11434"
    assert read(text, OLLAMA_URL="http://gpu").providers[0].base_url == "http://gpu"
    (variable, *_) = row("ollama").base_url_variables
    assert read('[llm]\ntext_model = "m"', **{variable: "http://own"}).providers[0].base_url == "http://own"


def test_fallback_may_stand_beside(read: Callable[..., Config]) -> None:
    config = read('[llm]\ntext_model = "m"\n[llm.fallback]\nmax_retries = 1')
    assert config.fallback.max_retries == 1
    assert config.legacy


def test_unknown_keys_are_notices(read: Callable[..., Config]) -> None:
    config = read('[llm]\ntext_model = "m"\nembeding_model = "sk-canary"\nverbose = true\n[llm.falback]\nx = 1\n')
    assert [notice.kind for notice in config.notices] == [NoticeKind.UNKNOWN_KEY] * 3
    assert str(config.notices[0]) == (
        'understudy.toml:3: unknown key "embeding_model" in [llm]\n  did you mean "embedding_model"?'
    )
    assert config.notices[1].where == "understudy.toml:4"
    assert str(config.notices[2]) == 'understudy.toml:5: unknown key "falback" in [llm]\n  did you mean "fallback"?'


def test_known_keys_are_still_checked(fails: Callable[..., str]) -> None:
    assert fails("[llm]\ntext_model = 5") == (
        "understudy.toml:2: text_model must be a string, not a whole number: text_model = 5\n"
        '  for example: text_model = "llama3.2"'
    )
    assert fails('[llm]\nollama_url = "gpu box"').startswith("understudy.toml:2: ollama_url ")
    assert fails('[llm]\nprovider = "olama"') == (
        'understudy.toml:2: unknown provider: provider = "olama"\n  did you mean "ollama"?'
    )


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ('provider = "openai"\napi_key = "k"', "the provider is not Ollama"),
        ('base_url = "http://other"', "base_url is set"),
    ],
)
def test_ollama_url_that_is_not_used(read: Callable[..., Config], lines: str, reason: str) -> None:
    config = read(f'[llm]\nollama_url = "http://gpu"\ntext_model = "m"\n{lines}')
    assert config.providers[0].base_url != "http://gpu"
    (notice,) = config.notices
    assert (notice.kind, notice.where) == (NoticeKind.IGNORED, "understudy.toml:2")
    assert notice.what == f"ollama_url is ignored: {reason}"


def test_list_wins_over_the_single_form(read: Callable[..., Config], example: str) -> None:
    text = '[llm]\nollama_url = "http://old"\ntext_model = "old"\n' + example
    config = read(text, OPENAI_API_KEY="a", ANTHROPIC_API_KEY="b")
    assert [entry.name for entry in config.providers] == ["primary", "backup", "local"]
    assert not config.legacy
    assert [(notice.kind, notice.where) for notice in config.notices] == [
        (NoticeKind.IGNORED, "understudy.toml:2"),
        (NoticeKind.IGNORED, "understudy.toml:3"),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", '[database]\nurl = "${SECRET_THAT_IS_NOT_SET}"\n'])
def test_no_llm_table_is_a_local_ollama(read: Callable[..., Config], text: str) -> None:
    config = read(text)
    assert [entry.provider for entry in config.providers] == ["ollama"]
    assert config.legacy
    (notice,) = config.notices[:1]
    assert (notice.kind, notice.where) == (NoticeKind.MISSING, "understudy.toml")
    assert notice.what == (
        "there is no [llm] and no [[llm.providers]], so nothing in this file is used: a local Ollama is asked"
    )
    assert 'write [[llm.providers]] and below it, for example, provider = "openai"' in str(notice)


@pytest.mark.parametrize("name", ["LLM", "llms", "providers", "fallback"])
def test_table_that_was_meant_to_be_ours(read: Callable[..., Config], name: str) -> None:
    notice = read(f"[other]\n[{name}]\nx = 1").notices[0]
    assert notice.where == "understudy.toml:2"
    assert notice.suggestion == f"did you mean [llm] or [[llm.providers]] instead of {name}?"


def test_llm_must_be_a_table(fails: Callable[..., str]) -> None:
    assert fails('llm = "ollama"') == (
        "understudy.toml:1: llm must be a table: llm = …\n  write [llm], or [[llm.providers]]"
    )
