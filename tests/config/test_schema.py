"""The tables of keys say the same as the types that they fill, and as the manual."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from understudy.config import parse
from understudy.config.schema import FALLBACK, LEGACY, PROVIDER, Rule
from understudy.provider import FallbackConfig, ProviderConfig

MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_keys_are_the_fields() -> None:
    assert set(PROVIDER) == set(ProviderConfig.__struct_fields__)
    assert set(FALLBACK) == set(FallbackConfig.__struct_fields__)


@pytest.mark.parametrize(("key", "rule"), [*PROVIDER.items(), *FALLBACK.items(), *LEGACY.items()])
def test_examples_are_right(key: str, rule: Rule) -> None:
    assert rule.complaint(tomllib.loads(f"{key} = {rule.example}")[key]) is None


def test_manual_describes_every_key() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    assert [key for key in (*PROVIDER, *FALLBACK, *LEGACY) if f"| `{key}` |" not in manual] == []


def test_examples_of_the_manual_load() -> None:
    blocks = MANUAL.read_text(encoding="utf-8").split("```toml\n")[1:]
    assert blocks
    environ = {f"{name}_API_KEY": "sk-x" for name in ("OPENAI", "ANTHROPIC", "GROQ")}
    for block in blocks:
        assert parse(block.partition("```")[0], environ=environ).providers
