"""The tables of keys say the same as the types that they fill, and as the manual."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from understudy.config import ConfigError, parse, schema
from understudy.config.provider_types import read_quirks
from understudy.config.report import Report, Source
from understudy.config.schema import ERROR_RULE, FALLBACK, FAMILY, KNOWN, PROVIDER, PYTHON_ONLY, ROUTE
from understudy.config.tables import Context
from understudy.dialects.quirks import ErrorRule, Quirks, QuirksPatch
from understudy.domain.prices import Rates
from understudy.domain.rules import Rule
from understudy.providers.base import Family
from understudy.settings import FallbackConfig, ProviderConfig
from understudy.settings.alerts import ALERTS, WEBHOOK, AlertsConfig, Webhook
from understudy.settings.console import CONSOLE, CONSOLE_KEY, ConsoleConfig, ConsoleKey
from understudy.settings.gateway import GatewayConfig, GatewayKey
from understudy.settings.telemetry import TELEMETRY, TelemetryConfig
from understudy.settings.tracing import TRACING, TracingConfig

ALL_KEYS = [
    item for name, table in vars(schema).items() if name.isupper() and isinstance(table, dict) for item in table.items()
]
"""The keys of every table that the module defines."""

MANUAL = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_keys_are_the_fields() -> None:
    assert set(PROVIDER) == set(ProviderConfig.__struct_fields__) - PYTHON_ONLY
    assert set(FALLBACK) == set(FallbackConfig.__struct_fields__) - {"tasks"}
    assert set(ROUTE) == {"name", "targets", *FALLBACK}
    assert set(schema.GATEWAY) == set(GatewayConfig.__struct_fields__)
    assert set(schema.GATEWAY_KEY) == set(GatewayKey.__struct_fields__)
    assert set(CONSOLE) == set(ConsoleConfig.__struct_fields__)
    assert set(CONSOLE_KEY) == set(ConsoleKey.__struct_fields__)
    assert set(TELEMETRY) == set(TelemetryConfig.__struct_fields__)
    assert set(TRACING) == set(TracingConfig.__struct_fields__)
    assert set(ALERTS) == set(AlertsConfig.__struct_fields__)
    assert set(WEBHOOK) == set(Webhook.__struct_fields__)
    assert set(FAMILY) == set(Family.__struct_fields__)
    assert set(schema.RATES) == set(Rates.__struct_fields__)
    assert set(ERROR_RULE) == set(ErrorRule.__struct_fields__)


def test_every_quirk_can_be_written() -> None:
    """What TOML can say of a quirk comes back as it was: lists for sets and tuples, and no null."""
    assert set(QuirksPatch.__annotations__) == set(Quirks.__struct_fields__)
    for quirk in Quirks.__struct_fields__:
        value = getattr(Quirks(), quirk)
        report = Report(Source("f", "", KNOWN))
        written = msgspec.to_builtins(value)
        read = read_quirks(Context({}, report), {quirk: written}, ("llm", "provider_types", "acme", "quirks"))
        assert read == {quirk: value}
        report.check()


def test_a_wrong_value_of_any_quirk_is_told_what_it_must_be() -> None:
    for quirk in Quirks.__struct_fields__:
        report = Report(Source("f", "", KNOWN))
        read_quirks(Context({}, report), {quirk: 1.5}, ("llm", "provider_types", "acme", "quirks"))
        with pytest.raises(ConfigError, match=f"invalid value for {quirk}\n  it must be "):
            report.check()


@pytest.mark.parametrize(("key", "rule"), ALL_KEYS)
def test_examples_are_right(key: str, rule: Rule) -> None:
    assert rule.complaint(tomllib.loads(f"{key} = {rule.example}")[key]) is None


@pytest.mark.parametrize(("key", "rule"), ALL_KEYS)
def test_every_key_says_what_it_is_for_and_what_holds_without_it(key: str, rule: Rule) -> None:
    for text in (rule.meaning, rule.unset):
        assert text
        assert text == " ".join(text.split())
        assert not text.endswith(".")
        assert "|" not in text, "it stands in a table of Markdown"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("string", '""', ""), "string"),
        (Rule("integer", "1", "", least=1), "whole number ≥ 1"),
        (Rule("number", "1", "", positive=True, unit="seconds"), "seconds > 0"),
        (Rule("number", "1", "", least=0, most=2), "0 to 2"),
        (Rule("tables", "[]", ""), "list of tables"),
    ],
)
def test_a_rule_describes_its_values(rule: Rule, words: str) -> None:
    assert rule.described() == words


def test_manual_describes_every_key() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    assert [key for key, _ in ALL_KEYS if f"| `{key}` |" not in manual] == []


def test_examples_of_the_manual_load() -> None:
    blocks = MANUAL.read_text(encoding="utf-8").split("```toml\n")[1:]
    assert blocks
    environ = {f"{name}_API_KEY": "sk-x" for name in ("OPENAI", "ANTHROPIC", "GROQ", "ACME")}
    environ["ADMIN_KEY"] = "admin-0123456789abcdef"
    for block in blocks:
        assert parse(block.partition("```")[0], environ=environ).providers
