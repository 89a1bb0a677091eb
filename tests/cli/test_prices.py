from __future__ import annotations

from tests.cli.running import CommandLine
from understudy.emulator import Emulator, emulate

MODEL = "openai/gpt-oss-120b"
CONFIGURATION = """
[[llm.providers]]
provider = "openai"
api_key = "sk-x"
text_model = "gpt-4o"
embedding_model = "text-embedding-3-small"

[[llm.providers]]
name = "own"
provider = "openai"
base_url = "https://llm.example/v1"
api_key = "sk-x"
text_model = "mine"
price = { input = 0.15, output = 0.6, call = 0.001, as_of = "2026-11-22", tiers = [{ above = 200000, input = 0.3 }] }

[[llm.providers]]
name = "riddle"
provider = "openai"
base_url = "https://riddle.example/v1"
api_key = "sk-x"
text_model = "guess"

[[llm.providers]]
provider = "ollama"
text_model = "llama3.2"
"""


def test_all_configured_models(cli: CommandLine) -> None:
    cli.configure(CONFIGURATION)
    result = cli.run("prices", "--json")
    assert result.code == 0, result.err
    found = {price["target"]: price for price in result.json["prices"]}
    assert list(found) == [
        "openai/gpt-4o",
        "openai/text-embedding-3-small",
        "own/mine",
        "riddle/guess",
        "ollama/llama3.2",
    ]
    assert found["openai/gpt-4o"]["rates"] == {"input": "2.5", "cache_read": "1.25", "output": "10"}
    assert found["openai/gpt-4o"]["source"].startswith("genai-prices ")
    assert found["openai/text-embedding-3-small"]["rates"] == {"input": "0.02"}
    own = found["own/mine"]
    assert (own["source"], own["as_of"], own["call"]) == ("configuration", "2026-11-22", "0.001")
    assert own["tiers"] == [{"above": 200_000, "rates": {"input": "0.3", "output": "0.6"}}]
    assert found["riddle/guess"]["source"] is None
    assert found["riddle/guess"]["rates"] == {}
    assert found["ollama/llama3.2"]["rates"] == {"input": "0", "output": "0"}


def test_the_table_and_what_to_do_about_the_unknown(cli: CommandLine) -> None:
    cli.configure(CONFIGURATION)
    result = cli.run("prices")
    lines = {line.split()[0]: line.split() for line in result.out.splitlines()}
    assert lines["$"] == ["$", "per", "million", "tokens", "in", "cached", "out", "source"]
    assert lines["openai/gpt-4o"][1:5] == ["2.5", "1.25", "10", "genai-prices"]
    assert lines["prompts"] == ["prompts", "above", "200,000", "0.3", "0.6"]
    assert lines["riddle/guess"][1:] == ["?", "?", "?", "unknown"]
    assert "own/mine: plus $0.001 per call" in result.out
    assert "the price of riddle/guess is unknown: write price = {" in result.err


def test_one_entry_one_model_and_one_that_is_not_configured(cli: CommandLine) -> None:
    cli.configure(CONFIGURATION)

    def targets(*words: str) -> list[str]:
        result = cli.run("prices", "--json", *words)
        return [price["target"] for price in result.json["prices"] if price["source"]]

    assert targets("openai") == ["openai/gpt-4o", "openai/text-embedding-3-small"]
    assert targets("openai/gpt-4o-mini") == ["openai/gpt-4o-mini"]
    assert targets("anthropic/claude-haiku-4-5") == ["anthropic/claude-haiku-4-5"]
    assert targets("claude-haiku-4-5") == [
        "anthropic/claude-haiku-4-5",
        "google/claude-haiku-4-5",
        "azure-openai/claude-haiku-4-5",
    ]


def test_a_route_is_its_targets(cli: CommandLine) -> None:
    cli.configure(CONFIGURATION + '[[llm.routes]]\nname = "cheap"\ntargets = ["riddle", "openai/gpt-4o-mini"]\n')
    prices = cli.run("prices", "cheap", "--json").json["prices"]
    assert [(price["target"], price["source"] is None) for price in prices] == [
        ("riddle/guess", True),
        ("openai/gpt-4o-mini", False),
    ]


def test_a_model_that_nobody_knows(cli: CommandLine) -> None:
    result = cli.run("prices", "no-such-model")
    assert result.code == 1
    assert result.out == ""
    assert "the price of openai/no-such-model, " in result.err


def test_providers_are_asked_only_when_told_to(cli: CommandLine) -> None:
    with emulate(emulator=Emulator(("together",))) as emulator:
        key, url = emulator.key, emulator.url("together")
        cli.configure(
            f'[[llm.providers]]\nprovider = "together"\napi_key = "{key}"\nbase_url = "{url}"\ntext_model = "{MODEL}"\n'
        )
        unknown = cli.run("prices", "--json")
        assert unknown.code == 1
        assert not emulator.requests("together")
        (price,) = cli.run("prices", "--fetch", "--json").json["prices"]
        assert price["source"] == "Together AI's list of models"
        assert price["rates"] == {"input": "0.15", "output": "0.6"}


def test_a_broken_configuration_is_told(cli: CommandLine) -> None:
    cli.configure("[[llm.providers]]\nprovider = 'openai'\nprice = 3\n")
    result = cli.run("prices")
    assert result.code == 2
    assert "price must be a table" in result.err
