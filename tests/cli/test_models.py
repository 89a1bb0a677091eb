from __future__ import annotations

import re

import pytest

from tests.cli.running import CommandLine
from understudy.cli.messages import exact_usd
from understudy.cli.models import matcher_of, short_count
from understudy.domain.money import Money
from understudy.domain.prices import rate_of
from understudy.emulator import Emulator, Fault


def test_all_targets_models_are_listed_and_the_configured_ones_marked(configured: CommandLine) -> None:
    result = configured.run("models", "--json")
    assert result.code == 0, result.err
    models = {model["id"]: model for model in result.json["models"]}
    assert {model["provider"] for model in models.values()} == {"openai", "anthropic", "ollama"}
    assert [name for name, model in models.items() if model["configured"] == ["text"]] == [
        "openai/gpt-6-luna",
        "anthropic/claude-sonnet-5-5",
        "ollama/llama3.2:latest",
    ]
    sonnet = models["anthropic/claude-sonnet-5-5"]
    assert (sonnet["context_window"], sonnet["max_output_tokens"]) == (200_000, 64_000)
    assert "tools" in sonnet["capabilities"]
    local = models["ollama/llama3.2:latest"]
    assert (local["input_price"], local["price_source"]) == ("0", "local")
    assert result.json["unanswered"] == []


def test_nothing_is_billed(configured: CommandLine, emulator: Emulator) -> None:
    configured.run("models")
    operations = {request.operation for name in emulator.providers for request in emulator.requests(name)}
    assert "chat" not in operations


def test_what_nobody_tells_is_a_question_mark_in_the_table_and_null_in_json(configured: CommandLine) -> None:
    table = configured.run("models", "-p", "openai")
    assert table.out.startswith("model ")
    assert "\x1b" not in table.out
    (line,) = (line for line in table.out.splitlines() if line.startswith("openai/text-embedding-3-small"))
    assert line.split()[1:] == ["embedding", *line.split()[2:]]
    assert line.endswith("?")
    (model,) = configured.run("models", "text-embedding-3-small", "--json").json["models"]
    assert model["capabilities"] is None


def test_filters(configured: CommandLine) -> None:
    def ids(*words: str) -> list[str]:
        return [model["id"] for model in configured.run("models", "--json", *words).json["models"]]

    assert ids("haiku-4") == ["anthropic/claude-haiku-4-5"]
    assert ids("gpt-4?-mini", "-p", "openai") == ["openai/gpt-4o-mini"]
    assert ids("gpt-4*mini") == ["openai/gpt-4.1-mini", "openai/gpt-4o-mini"]
    assert len(ids("--limit", "2")) == 6
    assert ids("-p", "ollama", "-c", "tools,vision") == ["ollama/qwen3-vl:latest"]
    assert ids("-p", "ollama", "-c", "vision", "-c", "thinking") == ["ollama/qwen3-vl:latest"]


def test_models_of_unknown_capabilities_are_left_out_and_counted(configured: CommandLine) -> None:
    result = configured.run("models", "-c", "schema", "-p", "openai,anthropic")
    assert "openai/" not in result.out
    assert re.search(r"note: openai: \d+ models with unknown capabilities left out", result.err)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-c", "tols"], "--capability tols is unknown; the capabilities are chat, embed, tools"),
        (["-p", "nobody"], "--provider nobody: unknown entry; the entries are openai, anthropic, ollama"),
    ],
)
def test_a_wrong_filter_is_told(configured: CommandLine, words: list[str], told: str) -> None:
    result = configured.run("models", *words)
    assert result.code == 2
    assert told in result.err


def test_nothing_fits(configured: CommandLine) -> None:
    result = configured.run("models", "no-such-model")
    assert (result.code, result.out) == (0, "")
    assert "no model matches" in result.err


def test_one_that_does_not_answer_is_a_line_on_stderr(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500))
    result = configured.run("models", "--json")
    assert result.code == 0
    assert {model["provider"] for model in result.json["models"]} == {"anthropic", "ollama"}
    assert [silent["provider"] for silent in result.json["unanswered"]] == ["openai"]
    assert result.err.startswith("warning: openai: ")
    assert len(result.err.splitlines()) == 1


def test_one_that_hangs_is_not_waited_for(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.slow_headers(20))
    result = configured.run("models", "--timeout", "0.5", "haiku")
    assert result.code == 0
    assert "anthropic/claude-haiku-4-5" in result.out
    assert "openai: no list of models within 0.5 s" in result.err


def test_nobody_answers(configured: CommandLine, emulator: Emulator) -> None:
    for name in emulator.providers:
        emulator.script(name, always=Fault.status(500))
    assert configured.run("models").code == 1
    result = configured.run("models", "--json")
    assert result.code == 1
    assert result.json["error"]["group"] == "unavailable"


def test_what_was_not_read_to_the_end_says_nothing_of_the_rest(configured: CommandLine) -> None:
    result = configured.run("models", "--provider", "openai", "--limit", "1", "--json")
    assert [(model["configured"], model["listed"]) for model in result.json["models"]] == [(["text"], None)]
    assert "not listed" not in configured.run("models", "--provider", "openai", "--limit", "1").out


def test_a_provider_without_a_list_shows_what_is_configured(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(
        f'[llm.provider_types.acme]\ndialect = "openai"\nbase_url = "{emulator.url("openai")}"\n'
        "operations = { models = false }\n"
        '[[llm.providers]]\nprovider = "acme"\ntext_model = "acme-1"\napi_key = "x"\n'
    )
    result = cli.run("models")
    assert result.code == 0, result.err
    assert result.out.splitlines()[1].split()[:4] == ["acme/acme-1", "text,", "not", "listed"]
    assert "acme does not support the operation models" in result.err


def test_patterns() -> None:
    assert matcher_of(None)("openai/gpt-5")
    assert matcher_of("GPT")("openai/gpt-5")
    assert matcher_of("openai/*5")("openai/gpt-5")
    assert matcher_of("gpt*")("openai/gpt-5")
    assert not matcher_of("gpt?")("openai/gpt-5")
    assert not matcher_of("claude")("openai/gpt-5")


@pytest.mark.parametrize(
    ("price", "shown"),
    [("0", "0"), ("0.15", "0.15"), ("10", "10"), ("100.50", "100.5"), ("0.000000001", "0.000000001")],
)
def test_prices_are_exact_and_short(price: str, shown: str) -> None:
    assert exact_usd(Money(rate_of(price))) == shown


@pytest.mark.parametrize(
    ("tokens", "shown"), [(None, "?"), (512, "512"), (8192, "8k"), (200_000, "200k"), (1_048_576, "1.05M")]
)
def test_counts_are_short(tokens: int | None, shown: str) -> None:
    assert short_count(tokens) == shown
