"""What `explain` and `check` say of budgets, limits, and names of the gateway, before anything is sent."""

from __future__ import annotations

import msgspec
import pytest

from tests.cli.running import CommandLine
from understudy.cli.standing import meaning_at_gateway
from understudy.config import parse
from understudy.emulator import Emulator

ALLOWANCES = """
[[llm.budgets]]
name = "all"
max = 0.001
period = "month"

[[llm.budgets]]
name = "backup only"
per = "provider"
only = ["backup"]
max = 5
period = "total"

[[llm.budgets]]
name = "of a key"
per = "key"
max = 1
period = "day"

[[llm.limits]]
per = "provider"
only = ["openai"]
requests_per_minute = 7
concurrent = 2
"""
GATEWAY = """
[llm.gateway]
aliases = { "gpt-4*" = "backup", "nice" = "openai/gpt-5-mini" }
classes = { "claude-code/main" = "backup" }
"""


@pytest.fixture
def limited(cli: CommandLine, emulator: Emulator) -> CommandLine:
    """Two entries, budgets and limits, and names of the gateway."""
    entry = f'provider = "openai"\napi_key = "{emulator.key}"\nbase_url = "{emulator.url("openai")}"\n'
    cli.configure(
        f'[[llm.providers]]\n{entry}text_model = "gpt-5-mini"\nprice = {{ input = 0, output = 2 }}\npriority = 1\n'
        f'[[llm.providers]]\n{entry}name = "backup"\ntext_model = "gpt-5-nano"\nprice = {{ input = 0, output = 100 }}\n'
        f"{ALLOWANCES}{GATEWAY}"
    )
    return cli


def test_explain_states_what_concerns_the_request_and_whether_it_fits(limited: CommandLine) -> None:
    assert limited.run("ask", "--max-tokens", "100", "hi").code == 0
    result = limited.run("explain", "--max-tokens", "100", "--json", "hi")
    assert result.code == 0, result.err
    found = {(each["target"], each["name"], each["unit"]): each for each in result.json["allowances"]}
    assert set(found) == {
        ("openai/gpt-5-mini", "all", "money"),
        ("openai/gpt-5-mini", "provider openai", "requests"),
        ("openai/gpt-5-mini", "provider openai", "concurrent"),
        ("backup/gpt-5-nano", "all", "money"),
        ("backup/gpt-5-nano", "backup only", "money"),
    }
    own, other = found["openai/gpt-5-mini", "all", "money"], found["backup/gpt-5-nano", "all", "money"]
    assert float(own["spent"]) > 0
    assert float(own["spent"]) + float(own["left"]) == pytest.approx(0.001)
    assert (own["reserved"], own["max"], own["needs"]) == ("0", "0.001", "0.0002"), "100 tokens at $2 a million"
    assert own["fits"] is True
    assert (other["needs"], other["fits"]) == ("0.01", False), "100 tokens at $100 a million are more than $0.001"
    assert found["backup/gpt-5-nano", "backup only", "money"]["resets"] is None
    table = limited.run("explain", "--max-tokens", "100", "hi").out
    assert "requests a minute" in table
    assert "$0.0002" in table
    assert " NO " in table


def test_an_unknown_price_is_stated(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(
        f'[[llm.providers]]\nprovider = "openai"\napi_key = "{emulator.key}"\nbase_url = "{emulator.url("openai")}"\n'
        'text_model = "a-model-without-a-price"\n[[llm.budgets]]\nname = "all"\nmax = 1\nperiod = "day"\n'
    )
    (found,) = cli.run("explain", "--json", "hi").json["allowances"]
    assert (found["name"], found["fits"]) == ("all", False)
    assert "max" not in found or found["max"] is None


def test_explain_resolves_names_as_the_gateway_does(limited: CommandLine) -> None:
    result = limited.run("explain", "-m", "gpt-4o", "--no-fallback", "hi")
    assert "alias of the gateway: gpt-4o stands for backup" in result.out
    assert "backup/gpt-5-nano" in result.out
    found = limited.run("explain", "-m", "claude-code/main", "--no-fallback", "--json", "hi").json
    assert found["gateway"] == {"name": "claude-code/main", "kind": "class", "model": "backup"}
    assert [each["target"] for each in found["steps"]] == ["backup/gpt-5-nano"]
    assert "gateway" not in limited.run("explain", "-m", "openai", "--json", "hi").json


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("gpt-4o", ("a/two", "alias")),
        ("a", None),
        ("one", None),
        ("fast", ("a", "alias")),
        ("fast:latest", ("a", "alias")),
        ("unknown", None),
        ("codex", ("a", "class")),
    ],
)
def test_only_what_aliases_and_classes_change_is_stated(name: str, meaning: tuple[str, str] | None) -> None:
    config = parse(
        '[[llm.providers]]\nprovider = "ollama"\nname = "a"\ntext_model = "one"\n[llm.gateway]\n'
        'aliases = { fast = "a", "gpt-*" = "a/two" }\nclasses = { codex = "a" }\n',
        source="x.toml",
        environ={},
    )
    assert meaning_at_gateway(config, name) == meaning


def test_check_shows_budgets_and_names_in_short(limited: CommandLine) -> None:
    assert limited.run("ask", "--max-tokens", "100", "hi").code == 0
    out = limited.run("check", "--offline").out
    assert "alias gpt-4*: backup" in out
    assert "class claude-code/main: backup" in out
    assert "budget all: $0.0" in out
    assert "of $0.001 spent; resets " in out
    found = msgspec.json.decode(limited.run("check", "--offline", "--json").out)
    assert found["aliases"] == {"gpt-4*": "backup", "nice": "openai/gpt-5-mini"}
    assert [each["budget"] for each in found["budgets"]] == ["all"]
