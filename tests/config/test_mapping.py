"""A configuration as a dictionary."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import understudy as u
from understudy.config import parse, read_mapping

ENVIRON = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}


def test_a_dictionary_is_read_as_the_file_would_be(example: str) -> None:
    from_text = parse(example, environ=ENVIRON)
    from_tables = read_mapping(tomllib.loads(example), environ=ENVIRON)
    assert from_tables == from_text


def test_the_inner_table_alone_is_enough() -> None:
    entry = {"provider": "openai", "api_key": u.Secret("k"), "text_model": "m"}
    config = read_mapping({"providers": (entry,), "fallback": {"strategy": u.FallbackStrategy.ROUND_ROBIN}}, environ={})
    assert config.providers[0].api_key == u.Secret("k")
    assert config.fallback.strategy is u.FallbackStrategy.ROUND_ROBIN


def test_values_may_be_paths_and_unset(tmp_path: Path) -> None:
    config = read_mapping({"provider": "ollama", "text_model": "m", "base_url": None}, environ={})
    assert config.providers[0].base_url is None
    with pytest.raises(u.ConfigError, match=r"llm\.providers\[0\]\.ca_file: ca_file .*missing\.pem cannot be read"):
        read_mapping({"providers": [{"provider": "ollama", "ca_file": tmp_path / "missing.pem"}]}, environ={})


WRONG: dict[str, tuple[Any, str]] = {
    "a misspelled key": (
        {"providers": [{"provder": "openai", "api_key": "sk-canary-1"}]},
        'llm.providers[0].provder: unknown key "provder" in [[llm.providers]] number 1\n  did you mean "provider"?',
    ),
    "a wrong type": (
        {"providers": [{"provider": "openai", "api_key": 3}]},
        "llm.providers[0].api_key: api_key must be",
    ),
    "a foreign object": ({"providers": [{"provider": object()}]}, "llm.providers[0].provider is object"),
    "a key that is no string": ({"providers": [{1: "openai"}]}, "llm.providers[0]: keys must be strings, got 1"),
    "nothing": ({}, 'the dictionary has no "llm" table'),
    "another table": ({"tool": {}}, 'the dictionary has no "llm" table'),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_names_its_place(case: str) -> None:
    values, words = WRONG[case]
    with pytest.raises(u.Misuse) as caught:
        u.from_config(values)
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)
