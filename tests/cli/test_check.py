from __future__ import annotations

import json
import socket

from tests.cli.running import CommandLine
from tests.telemetry.tracing.collector import collecting
from understudy.cli.emulate import configuration
from understudy.emulator import Emulator, Fault, emulate

KEY = "sk-secret-0123456789"


def test_all_is_well(configured: CommandLine, emulator: Emulator) -> None:
    result = configured.run("check")
    assert result.code == 0
    assert "understudy.toml" in result.out
    for name in emulator.providers:
        assert f"\n{name}/" in result.out
    assert "3 of 3 entries can answer now" in result.out
    assert emulator.key not in result.out + result.err
    assert not [
        request for name in emulator.providers for request in emulator.requests(name) if request.operation == "chat"
    ]


def test_json_tells_the_same(configured: CommandLine) -> None:
    result = configured.run("check", "--json", "-v")
    assert result.code == 0
    assert result.json["ok"] is True
    assert [entry["name"] for entry in result.json["entries"]] == ["openai", "anthropic", "ollama"]
    assert result.json["entries"][0]["key"] == "configuration file"
    assert result.json["entries"][2]["key"] is None
    assert all(entry["ok"] for entry in result.json["entries"])


def test_a_database_that_is_away_is_reported_and_no_sum_is_made_up(configured: CommandLine) -> None:
    with socket.socket() as reserved:  # nothing listens at its port
        reserved.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{reserved.getsockname()[1]}/understudy"
        with (configured.folder / "understudy.toml").open("a") as file:
            file.write(f'\n[llm.ledger]\nurl = "postgresql://understudy:{KEY}@{place}"\n')
            file.write('[[llm.budgets]]\nname = "everyone"\nmax = 5\nperiod = "day"\n')
        result = configured.run("check")
        assert result.code == 0
        assert f"\nledger: {place} cannot be opened: " in result.out
        assert "budget everyone" not in result.out
        assert KEY not in result.out + result.err
        assert "cannot be opened" not in configured.run("check", "--offline").out


def test_one_that_is_down_is_told_but_fails_nothing_while_another_is_well(
    configured: CommandLine, emulator: Emulator
) -> None:
    emulator.script("openai", always=Fault.status(500))
    result = configured.run("check", "--json")
    assert result.code == 0
    assert [entry["ok"] for entry in result.json["entries"]] == [False, True, True]


def test_nobody_is_well(configured: CommandLine, emulator: Emulator) -> None:
    for name in emulator.providers:
        emulator.script(name, always=Fault.status(500))
    result = configured.run("check")
    assert result.code == 1
    assert "0 of 3 entries can answer now" in result.err


def test_a_refused_key_fails_the_check(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(
        f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\napi_key = "${{MY_KEY}}"\n'
        f'text_model = "gpt-5"\n[[llm.providers]]\nprovider = "ollama"\nbase_url = "{emulator.url("ollama")}"\n'
    )
    result = cli.run("check", MY_KEY=KEY)
    assert result.code == 1
    assert "$MY_KEY" in result.out
    assert "wrong: openai" in result.err
    assert KEY not in result.out + result.err


def test_a_refused_key_of_a_pool_is_named_and_fails_the_check(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(
        f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\n'
        'api_key = ["${GOOD_KEY}", "${MY_KEY}", "${NO_KEY}"]\ntext_model = "gpt-5"\n'
    )
    variables = {"GOOD_KEY": emulator.key, "MY_KEY": KEY}
    result = cli.run("check", **variables)
    assert result.code == 1
    assert "$GOOD_KEY, $MY_KEY" in result.out
    assert "openai: key 2 of 2: Incorrect API key provided" in result.out
    assert "api_key number 3 of 3 is left out: NO_KEY is not set" in result.out
    assert "1 of 1 entries can answer now; wrong: openai" in result.err
    providers = cli.run("providers", **variables)
    assert "key refused" in providers.out
    assert "openai: key 2 of 2: Incorrect API key provided" in providers.out
    (entry,) = cli.run("check", "--json", **variables).json["entries"]
    assert (entry["ok"], entry["wrong"], entry["refused_keys"]) == (True, True, [2])
    asked = cli.run("ask", "--verbose", "Hello", **variables)
    assert asked.code == 0
    for each in (result, providers, asked):
        assert KEY not in each.out + each.err
        assert emulator.key not in each.out + each.err


def test_a_missing_model_fails_the_check(configured: CommandLine, emulator: Emulator) -> None:
    path = configured.folder / "understudy.toml"
    path.write_text(path.read_text().replace('"llama3.2"', '"no-such-model"'))
    result = configured.run("check")
    assert result.code == 1
    assert "ollama: model 'no-such-model'" in result.out


def test_settings_that_a_model_refuses_are_told(configured: CommandLine) -> None:
    path = configured.folder / "understudy.toml"
    path.write_text(path.read_text().replace('"claude-sonnet-5-5"', '"claude-sonnet-5-5"\ntemperature = 0.5'))
    result = configured.run("check")
    assert result.code == 0
    assert "anthropic: temperature is not sent: " in result.out


def test_offline_nobody_is_asked(configured: CommandLine, emulator: Emulator) -> None:
    result = configured.run("check", "--offline")
    assert result.code == 0
    assert "no requests were made" in result.out
    assert not any(emulator.requests(name) for name in emulator.providers)


def test_disabled_entries_are_listed(cli: CommandLine) -> None:
    cli.configure(
        '[[llm.providers]]\nprovider = "ollama"\n'
        '[[llm.providers]]\nprovider = "openai"\napi_key = "${OPENAI_API_KEY}"\n'
    )
    result = cli.run("check", "--offline")
    assert result.code == 0
    assert "disabled" in result.out
    assert "OPENAI_API_KEY is not set" in result.out


def test_a_wrong_configuration(cli: CommandLine) -> None:
    assert cli.run("check", "--config", "gone.toml").code == 2
    result = cli.run("check", "--json", "--config", "gone.toml")
    assert result.code == 2
    assert result.json["error"]["type"] == "ConfigError"


def test_no_colour_off_terminals(configured: CommandLine) -> None:
    result = configured.run("check")
    assert "\x1b" not in result.out + result.err


def test_provider_types_of_the_file_are_shown(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(
        f'[llm.provider_types.acme]\ndialect = "openai"\nbase_url = "{emulator.url("openai")}"\n'
        'key_variable = "ACME_API_KEY"\noperations = { embed = false }\n'
        '[[llm.providers]]\nprovider = "acme"\ntext_model = "gpt-5"\n'
    )
    result = cli.run("check", ACME_API_KEY=emulator.key)
    assert result.code == 0, result.err
    assert "1 of 1 entries can answer now" in result.out
    assert "$ACME_API_KEY" in result.out
    assert f"provider type acme: {emulator.url('openai')}; chat by openai, models by openai" in result.out
    (kind,) = cli.run("check", "--json", ACME_API_KEY=emulator.key).json["provider_types"]
    assert kind["dialects"] == {"chat": "openai", "models": "openai"}
    assert (kind["name"], kind["key_variables"]) == ("acme", ["ACME_API_KEY"])


EMBEDDINGS = """
[[llm.providers]]
provider = "openai"
base_url = "{url}"
api_key = "{key}"
embedding_model = "{model}"
"""


def test_an_entry_for_embeddings_alone_is_judged_by_its_embedding_model(cli: CommandLine, emulator: Emulator) -> None:
    facts = {"url": emulator.url("openai"), "key": emulator.key}
    cli.configure(EMBEDDINGS.format(**facts, model="text-embedding-3-small"))
    checked = cli.run("check")
    assert checked.code == 0, checked.out + checked.err
    assert "openai/text-embedding-3-small" in checked.out
    assert "gpt" not in checked.out
    listed = cli.run("providers", "--json").json["providers"]
    entry = next(each for each in listed if each["state"] == "configured")
    assert (entry["text_model"], entry["embedding_model"]) == (None, "text-embedding-3-small")
    assert entry["health"]["ok"] is True
    assert [each["model"] for each in cli.run("prices", "--json").json["prices"]] == ["text-embedding-3-small"]
    cli.configure(EMBEDDINGS.format(**facts, model="no-such-model"))
    missing = cli.run("check")
    assert missing.code == 1
    assert "openai: model 'no-such-model'" in missing.out


def test_an_entry_whose_calls_name_their_models_is_not_wrong(cli: CommandLine) -> None:
    with emulate(emulator=Emulator(("azure-openai",))) as running:
        address = f'base_url = "{running.url("azure-openai")}"\napi_key = "{running.key}"\n'
        cli.configure(f'[[llm.providers]]\nprovider = "azure-openai"\n{address}')
        result = cli.run("check")
        assert result.code == 0, result.out + result.err
        listed = cli.run("providers", "--json").json["providers"]
        assert [each["health"]["ok"] for each in listed if each["state"] == "configured"] == [True]
        priced = cli.run("prices")
        assert priced.code == 2
        assert "ENTRY/MODEL" in priced.err


def test_the_emulators_own_configuration_is_well(cli: CommandLine) -> None:
    with emulate(emulator=Emulator()) as running:
        cli.configure(configuration(running))
        checked = cli.run("check", "--json")
        assert checked.code == 0, checked.out
        assert [entry["name"] for entry in checked.json["entries"] if not entry["ok"]] == []
        assert len(checked.json["entries"]) == 10
        priced = cli.run("prices", "--json")
        assert priced.code == 0
        assert {each["provider"] for each in priced.json["prices"]} == {
            each["name"] for each in checked.json["entries"]
        }


def test_a_test_is_sent_to_each_webhook_and_its_answer_reported(cli: CommandLine, emulator: Emulator) -> None:
    hook = '[[llm.telemetry.alerts.webhooks]]\nname = "{name}"\nurl = "{url}"\nform = "{form}"\n'
    with collecting() as one, collecting() as other:
        other.status = 404
        cli.configure(
            configuration(emulator)
            + hook.format(name="pager", url=one.url + "/url-canary-99", form="json")
            + hook.format(name="chat", url=other.url + "/url-canary-98", form="slack")
        )
        result = cli.run("check", "--test-alerts")
        assert "webhook pager: took the test" in result.out
        assert "webhook chat: did not take it: status 404" in result.out
        assert result.code == 1
        assert json.loads(one.bodies[0])["kind"] == "test"
        assert "canary" not in result.out + result.err
        other.status = 200
        assert cli.run("check", "--test-alerts", "--json").json["alerts"][1]["ok"] is True
        assert set(json.loads(other.bodies[0])) == {"text", "mrkdwn", "blocks"}


def test_without_webhooks_there_is_nothing_to_test(configured: CommandLine) -> None:
    result = configured.run("check", "--test-alerts")
    assert result.code == 2
    assert "there is no webhook to test" in result.err
