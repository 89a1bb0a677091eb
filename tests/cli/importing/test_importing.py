"""Configurations of LiteLLM become ours: they load, say what is meant, and what differs is reported with its line."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, cast

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.importing.cases import CASES, Case
from tests.cli.running import CommandLine
from understudy.cli.importing.command import convert
from understudy.cli.importing.parameters import ALWAYS, CAPABILITIES, NOT_CARRIED, OPTIONS, RATES, READ
from understudy.config import Config, parse
from understudy.domain.errors import Misuse
from understudy.gateway.names import Names
from understudy.settings import ProviderConfig
from understudy.settings.budgets import Budget

ONE_MODEL = "model_list:\n  - {model_name: a, litellm_params: {model: gpt-4o}}\n"
VARIABLE = re.compile(r"\$\{(\w+)")


def load(text: str) -> Config:
    """Load a configuration with all its variables set."""
    environ = {name: f"https://{name.lower().replace('_', '-')}.example" for name in VARIABLE.findall(text)}
    return parse(text, environ=environ)


def _value(config: Config, entry: ProviderConfig, key: str) -> Any:
    """Return a value of an entry; an address may be that of its provider type."""
    row = config.row_of(entry)
    return row.base_url if key == "base_url" and entry.base_url is None and row else getattr(entry, key)


@pytest.mark.parametrize("name", CASES)
def test_a_configuration_becomes_what_was_meant(name: str) -> None:
    case: Case = CASES[name]
    text, report = convert(case.text.encode(), "config.yaml")
    config = load(text)
    entries: dict[str, Any] = {entry.entry: entry for entry in config.providers}
    assert entries.keys() == case.entries.keys()
    assert {
        (entry, key): _value(config, entries[entry], key) for entry, values in case.entries.items() for key in values
    } == {(entry, key): value for entry, values in case.entries.items() for key, value in values.items()}
    assert {route.name: route.targets for route in config.routes} == case.routes
    assert {
        route.name: str(route.fallback.strategy) for route in config.routes if route.fallback.strategy != "priority"
    } == case.strategies
    assert config.gateway.aliases == case.aliases
    found = [(each.line, each.what) for each in report.differences]
    assert len(found) == len(case.reports), found
    for (line, what), (expected, words) in zip(found, case.reports, strict=True):
        assert line == expected, what
        assert words in what


@pytest.mark.parametrize("name", CASES)
def test_the_gateway_serves_every_name_that_is_not_reported(name: str) -> None:
    text, report = convert(CASES[name].text.encode(), "config.yaml")
    names = Names.of(load(text))
    reported = [each.what for each in report.differences]
    for item in yaml.safe_load(CASES[name].text)["model_list"]:
        written = item.get("model_name")
        if "litellm_params" not in item or written is None:
            continue
        if any(what.startswith((f"left out: {written}: ", f"{written}: a pattern")) for what in reported):
            continue
        if written.endswith("/*"):
            entry = written.removesuffix("/*")
            assert names.find(f"{entry}/any-model") in (f"{entry}/any-model", entry)
        else:
            assert names.find(written.replace("*", "4-5")) in CASES[name].routes


def test_there_are_many() -> None:
    assert len(CASES) >= 20


def test_limits_count_the_first_attempt() -> None:
    text, _ = convert(CASES["deployments with fallbacks"].text.encode(), "x")
    fallback = load(text).fallback
    assert (fallback.max_retries, fallback.retry_delay_ms) == (3, 5000)
    text, _ = convert(CASES["defaults for all names"].text.encode(), "x")
    assert load(text).fallback.max_retries == 1


@pytest.mark.parametrize(
    ("written", "period", "reported"),
    [
        ("max_budget: 100", "total", ""),
        ("max_budget: 100\n  budget_duration: 24h", "day", ""),
        ("max_budget: 100\n  budget_duration: 30d", "month", "30d became a month of the calendar, in UTC"),
    ],
)
def test_the_budget_of_a_proxy_is_a_soft_one(written: str, period: str, reported: str) -> None:
    document = (
        f"model_list:\n  - {{model_name: a, litellm_params: {{model: gpt-4o}}}}\nlitellm_settings:\n  {written}\n"
    )
    text, report = convert(document.encode(), "x")
    assert load(text).allowance.budgets == (Budget(name="proxy", max=100, period=cast("Any", period), hard=False),)
    assert reported in str(report.differences)


@pytest.mark.parametrize(
    "written",
    ["max_budget: 100\n  budget_duration: 7d", "max_budget: .inf", "max_budget: 1.0e-15", "max_budget: 1e-15"],
)
def test_a_budget_of_another_kind_is_reported(written: str) -> None:
    document = (
        f"model_list:\n  - {{model_name: a, litellm_params: {{model: gpt-4o}}}}\nlitellm_settings:\n  {written}\n"
    )
    text, report = convert(document.encode(), "x")
    assert load(text).allowance.budgets == ()
    assert "max_budget is not carried over" in str(report.differences)


def test_prices_are_dollars_per_million_tokens() -> None:
    text, _ = convert(CASES["prices and windows"].text.encode(), "x")
    prices = load(text).providers[0].prices
    assert prices is not None
    rates = {name: price.rates for name, price in prices.items()}
    assert rates["gpt-4o-mini"].input == Decimal("0.15") * 10**9  # nano-dollars
    assert rates["gpt-4o-mini"].output == Decimal("0.6") * 10**9
    assert rates["ft:gpt-4o:acme"].cache_read == Decimal("1.875") * 10**9


def test_a_filtered_prompt_goes_on_where_it_did() -> None:
    text, _ = convert(CASES["aliases, a strategy and filters"].text.encode(), "x")
    assert {route.name: route.fallback.fallback_on_filter for route in load(text).routes} == {
        "gpu": True,
        "safe": False,
    }


@pytest.mark.parametrize("name", CASES)
def test_no_key_that_is_written_out_is_copied_or_reported(name: str) -> None:
    text, report = convert(CASES[name].text.encode(), "config.yaml")
    shown = text + "".join(each.what for each in report.differences)
    for key in re.findall(r"sk-[\w-]{12,}|pk-\w+|u:p@|secret-\d+", CASES[name].text):
        assert key not in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing in config.yaml can be carried over"),
        ("- a", "config.yaml is not a configuration of LiteLLM: it contains no mapping"),
        ("a: [", "config.yaml:1 is not valid YAML"),
        ("a: b: c", "config.yaml:1 is not valid YAML"),
        ("a: !!python/name:os.system x", "is not valid YAML"),
        ("model_list: 7", "nothing in config.yaml can be carried over"),
        (
            "model_list:\n  - model_name: x\n    litellm_params: {model: bedrock/x}",
            "config.yaml:2: left out: x: requests",
        ),
        ("a0: &a0 [1]\n" + "\n".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 20}]" for n in range(1, 6)), "has more than"),
        ("a: " + "[" * 400 + "]" * 400, "nests too deeply"),
        ("a: &a\n  b: *a\n", "nests too deeply"),
    ],
)
def test_what_cannot_be_read_is_stated(text: str, message: str) -> None:
    with pytest.raises(Misuse, match=re.escape(message)):
        convert(text.encode(), "config.yaml")


WRITTEN = """
gpt-4o openai/gpt-4o openai/* * anthropic/claude-* azure/x ollama/y hosted_vllm/z os.environ/A http://h:1/v1 a/b x
bedrock/m 1e-6 true weighted least-busy é ${X} $ [ ] sk-0123456789abcdef
"""
KEYS = """
fallbacks default_fallbacks context_window_fallbacks content_policy_fallbacks model_group_alias num_retries
routing_strategy timeout retry_after master_key cache max_budget budget_duration
"""
WORDS = st.sampled_from(WRITTEN.split())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
PARAMETERS = st.dictionaries(
    st.sampled_from(sorted(READ | ALWAYS | OPTIONS | set(NOT_CARRIED) | set(RATES))), VALUES, max_size=4
)
ITEMS = st.fixed_dictionaries(
    {"litellm_params": PARAMETERS.flatmap(lambda some: WORDS.map(lambda model: {**some, "model": model}))},
    optional={
        "model_name": VALUES,
        "model_info": VALUES | st.dictionaries(st.sampled_from([*CAPABILITIES, *RATES, "mode"]), VALUES, max_size=3),
        "rpm": VALUES,
    },
)
SECTION = st.dictionaries(
    st.sampled_from(KEYS.split()),
    VALUES | st.lists(st.dictionaries(WORDS, st.lists(WORDS | VALUES, max_size=2), max_size=2), max_size=2),
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries(
    {"model_list": st.lists(ITEMS | VALUES, min_size=1, max_size=4)},
    optional={
        "litellm_settings": SECTION | VALUES,
        "router_settings": SECTION,
        "general_settings": SECTION,
        "environment_variables": VALUES,
        "credential_list": VALUES,
    },
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(document=DOCUMENTS)
def test_whatever_is_written_the_result_loads_or_the_reason_is_stated(document: Any) -> None:
    try:
        text, _ = convert(yaml.safe_dump(document).encode(), "config.yaml")
    except Misuse:
        return
    load(text)


CONFIG = """\
model_list:
  - model_name: gpt
    litellm_params: {model: gpt-4o, api_key: os.environ/OPENAI_API_KEY, tags: [x]}
"""


def test_it_is_printed_or_written_and_checked(cli: CommandLine) -> None:
    (cli.folder / "config.yaml").write_text(CONFIG)
    result = cli.run("import", "litellm", "config.yaml")
    assert result.code == 0
    assert load(result.out).routes[0].targets == ("openai/gpt-4o",)
    assert result.err.splitlines() == [
        "config.yaml:3: tags: routing by tags is not built in: make a route for each tag",
        "note: not set: OPENAI_API_KEY",
    ]
    written = cli.run("import", "litellm", "-", "-o", "understudy.toml", stdin=CONFIG)
    assert (written.code, written.out) == (0, "")
    assert written.err.startswith("standard input:3: tags: ")
    text = (cli.folder / "understudy.toml").read_text()
    assert text == result.out.replace("config.yaml", "standard input")
    assert cli.run("check", "--offline", OPENAI_API_KEY="sk-0123456789abcdef").code == 0
    again = cli.run("import", "litellm", "config.yaml", "-o", "understudy.toml")
    assert (again.code, "the file already exists; --force overwrites it" in again.err) == (2, True)
    assert cli.run("import", "litellm", "config.yaml", "-o", "understudy.toml", "--force").code == 0


def test_as_json(cli: CommandLine) -> None:
    (cli.folder / "config.yaml").write_text(CONFIG)
    result = cli.run("import", "litellm", "config.yaml", "--json")
    assert load(result.json["configuration"]).providers[0].text_model == "gpt-4o"
    assert [each["line"] for each in result.json["differences"]] == [3]


def test_without_the_parser_the_extra_is_named(cli: CommandLine) -> None:
    (cli.folder / "yaml.py").write_text("raise ImportError('no yaml')\n")
    result = cli.run("import", "litellm", "missing.yaml")
    assert (result.code, "PATH missing.yaml: No such file" in result.err) == (2, True)
    (cli.folder / "config.yaml").write_text(CONFIG)
    result = cli.run("import", "litellm", "config.yaml", PYTHONPATH=f"{cli.folder}:{cli.environment['PYTHONPATH']}")
    assert (result.code, "pip install 'understudy[import]'" in result.err) == (2, True)


def test_another_tool_is_unknown(cli: CommandLine) -> None:
    result = cli.run("import", "portkey", "config.yaml")
    assert (result.code, "unknown tool 'portkey': expected litellm" in result.err) == (2, True)
