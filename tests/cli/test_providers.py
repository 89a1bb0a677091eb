from __future__ import annotations

from typing import Any

import pytest

from tests.cli.running import CommandLine
from understudy.emulator import Emulator, Fault
from understudy.providers import ProviderType
from understudy.reports.survey import EntryResult, health_word

KEY = "sk-secret-0123456789"


def rows(cli: CommandLine, *words: str, **environment: str) -> dict[str, Any]:
    result = cli.run("providers", "--json", *words, **environment)
    assert result.code == 0, result.err
    return {each["name"]: each for each in result.json["providers"]}


def test_every_provider_is_listed_whether_it_is_configured_or_not(configured: CommandLine) -> None:
    found = rows(configured)
    assert {each["provider"] for each in found.values()} == set(ProviderType)
    assert [name for name, each in found.items() if each["state"] == "configured"] == ["openai", "anthropic", "ollama"]
    openai = found["openai"]
    assert openai["health"]["ok"] is True
    assert openai["health"]["latency"] > 0
    assert openai["key"] == "configuration file"
    assert (openai["text_model"], openai["enable"]) == ("gpt-6-luna", None)
    groq = found["groq"]
    assert (groq["state"], groq["health"], groq["variables"]) == ("absent", None, ["GROQ_API_KEY"])
    assert groq["enable"] == 'set GROQ_API_KEY, add [[llm.providers]] with provider = "groq"'


def test_the_table(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("anthropic", always=Fault.status(500))
    result = configured.run("providers")
    assert result.code == 0
    lines = {line.split()[0]: line for line in result.out.splitlines() if line}
    assert " ok " in lines["openai"]
    assert " failing " in lines["anthropic"]
    assert emulator.url("ollama") in lines["ollama"]
    assert "set GROQ_API_KEY" in lines["groq"]
    assert "\x1b" not in result.out
    assert emulator.key not in result.out + result.err


def test_keys_are_told_by_their_variables_alone(cli: CommandLine) -> None:
    cli.configure('[[llm.providers]]\nname = "main"\nprovider = "openai"\napi_key = "${MY_KEY}"\n')
    result = cli.run("providers", "--no-check", MY_KEY=KEY, GROQ_API_KEY=KEY, AZURE_OPENAI_AD_TOKEN="token-0123456789")
    assert "$MY_KEY" in result.out
    assert "$GROQ_API_KEY" in result.out
    assert "$AZURE_OPENAI_AD_TOKEN" in result.out
    assert KEY not in result.out + result.err
    assert "token-0123456789" not in result.out + result.err


def test_without_anything_it_says_what_to_set(cli: CommandLine) -> None:
    result = cli.run("providers")
    assert result.code == 0
    lines = {line.split()[0]: line for line in result.out.splitlines() if line}
    assert "start Ollama" in lines["ollama"]
    assert "set OPENAI_API_KEY" in lines["openai"]
    assert "set AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT" in lines["azure-openai"]
    assert "understudy init" in result.err


def test_nobody_is_asked_when_told_so(configured: CommandLine, emulator: Emulator) -> None:
    found = rows(configured, "--no-check")
    assert not any(emulator.requests(name) for name in emulator.providers)
    assert found["openai"]["health"]["ok"] is None


def test_a_file_whose_every_entry_wants_its_key_is_listed_all_the_same(cli: CommandLine) -> None:
    cli.configure('[[llm.providers]]\nname = "main"\nprovider = "openai"\napi_key = "${MY_KEY}"\n')
    found = rows(cli)
    assert (found["main"]["state"], found["main"]["variables"]) == ("disabled", ["MY_KEY"])
    assert "openai" not in found
    assert "main (openai), disabled" in cli.run("providers").out


def test_a_running_server_without_an_entry_is_noticed(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure('[[llm.providers]]\nprovider = "openai"\napi_key = "x"\n')
    ollama = rows(cli, OLLAMA_HOST=emulator.url("ollama"))["ollama"]
    assert (ollama["running"], ollama["base_url"]) == (True, emulator.url("ollama"))
    assert ollama["enable"] == 'add [[llm.providers]] with provider = "ollama"'


def test_types_of_the_file_are_listed(cli: CommandLine) -> None:
    cli.configure(
        '[llm.provider_types.acme]\ndialect = "openai"\n'
        'base_url = "https://acme.example/v1"\nkey_variable = "ACME_KEY"\n'
        '[[llm.providers]]\nprovider = "openai"\napi_key = "x"\n'
    )
    acme = rows(cli, "--no-check")["acme"]
    assert acme["enable"] == 'set ACME_KEY, add [[llm.providers]] with provider = "acme" and text_model'


def test_a_wrong_configuration(cli: CommandLine) -> None:
    cli.configure("[[llm.providers]]\n")
    assert cli.run("providers").code == 2
    assert cli.run("providers", "--json").json["error"]["type"] == "ConfigError"


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({}, "?"),
        ({"ok": True, "reachable": True}, "ok"),
        ({"ok": False, "reachable": False}, "unreachable"),
        ({"ok": False, "reachable": True, "authenticated": False, "wrong": True}, "key refused"),
        ({"ok": False, "reachable": True, "model_available": False, "wrong": True}, "model missing"),
        ({"ok": False, "reachable": True, "serving": False}, "failing"),
        ({"ok": False, "wrong": True}, "wrong"),
    ],
)
def test_health_in_a_word(facts: dict[str, bool], word: str) -> None:
    entry = EntryResult(name="a", provider="a", model=None, embedding_model=None, base_url="", key=None, **facts)  # type: ignore[arg-type]
    assert health_word(entry) == word
