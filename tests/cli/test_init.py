from __future__ import annotations

import re

import pytest

from tests.cli.running import CommandLine
from understudy import providers
from understudy.cli import init
from understudy.cli.starter import comment, starter_entries, write
from understudy.config import NoticeKind, parse
from understudy.emulator import Emulator
from understudy.providers import ProviderType
from understudy.settings import FallbackStrategy

KEY = "sk-secret-0123456789"
ALL = list(map(providers.row, providers.types()))
KEYS = {name: KEY for row in ALL for name in row.key_variables}
EVERYBODY = [word for kind in ProviderType for word in ("-p", f"{kind}=dep" if kind == "azure-openai" else kind)]


@pytest.mark.parametrize("strategy", FallbackStrategy)
def test_all_ten_are_written_load_and_check_clean(cli: CommandLine, strategy: str) -> None:
    result = cli.run("init", *EVERYBODY, "--strategy", strategy, **KEYS)
    assert result.code == 0, result.err
    text = (cli.folder / "understudy.toml").read_text()
    config = parse(text, source="understudy.toml", environ=KEYS)
    assert [entry.provider for entry in config.providers] == list(ProviderType)
    assert [entry.priority for entry in config.providers] == list(range(1, 11))
    assert all(entry.text_model for entry in config.providers)
    assert config.fallback.strategy == strategy
    assert config.notices == ()
    checked = cli.run("check", "--offline", **KEYS)
    assert (checked.code, checked.err) == (0, "")
    assert KEY not in text + result.out + result.err


def test_every_key_is_explained_and_what_is_commented_out_is_right() -> None:
    text = write(starter_entries([(row, "a-model") for row in ALL], {}), "priority")
    seen: set[str] = set()
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if (key := re.match(r"(?:# )?([a-z_]+) = ", line)) and key[1] not in seen:
            seen.add(key[1])
            assert re.match(r"# .*[.]$", lines[number - 1]), f"{key[1]} has no comment"
    assert max(map(len, lines)) <= 120
    uncommented = re.sub(r"^# (?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert uncommented != text
    assert parse(uncommented, environ=KEYS).fallback.max_attempts == 5


def test_without_the_variables_the_entries_are_left_out_and_told(cli: CommandLine) -> None:
    result = cli.run("init", "-p", "openai", "-p", "ollama")
    assert result.code == 0
    assert "openai is disabled until its key is set: OPENAI_API_KEY" in result.err
    text = (cli.folder / "understudy.toml").read_text()
    (notice,) = parse(text, environ={}).notices
    assert notice.kind is NoticeKind.DISABLED


def test_what_is_there_is_taken(cli: CommandLine, emulator: Emulator) -> None:
    environment = {"GEMINI_API_KEY": KEY, "OPENAI_API_KEY": KEY, "OLLAMA_HOST": emulator.url("ollama")}
    result = cli.run("init", "--yes", "--json", **environment)
    assert result.code == 0, result.err
    assert result.json == {"path": "understudy.toml", "entries": ["openai", "google", "ollama"], "missing": []}
    text = (cli.folder / "understudy.toml").read_text()
    assert 'api_key = "${GEMINI_API_KEY}"' in text
    assert 'text_model = "llama3.2"' in text


@pytest.mark.parametrize(
    ("installed", "model"), [(["qwen3:8b"], "qwen3:8b"), (["a", "llama3.2:latest"], "llama3.2"), ([], "llama3.2")]
)
def test_a_local_server_gets_a_model_that_it_has(
    installed: list[str], model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(init, "_list_chat_models", lambda _: installed)
    row = providers.row("ollama")
    assert list(init.with_models([(row, None)], asks=False, strict=False)) == [(row, model)]
    assert list(init.with_models([(row, "mine")], asks=False, strict=False)) == [(row, "mine")]


def test_what_was_written_works(cli: CommandLine, emulator: Emulator) -> None:
    environment = {
        "OPENAI_API_KEY": emulator.key,
        "OPENAI_BASE_URL": emulator.url("openai"),
        "ANTHROPIC_API_KEY": emulator.key,
        "ANTHROPIC_BASE_URL": emulator.url("anthropic"),
        "OLLAMA_HOST": emulator.url("ollama"),
    }
    assert cli.run("init", "-y", **environment).code == 0
    result = cli.run("check", **environment)
    assert result.code == 0, result.out + result.err
    assert "3 of 3 entries can answer now" in result.out


def test_a_token_is_read_as_one(cli: CommandLine) -> None:
    result = cli.run("init", "-p", "azure=dep", "-o", "-", AZURE_OPENAI_AD_TOKEN="abc")
    assert 'token = "${AZURE_OPENAI_AD_TOKEN}"' in result.out
    assert parse(result.out, environ={"AZURE_OPENAI_AD_TOKEN": "abc"}).providers[0].token


def test_a_provider_may_stand_there_twice(cli: CommandLine) -> None:
    result = cli.run("init", "-p", "openai=gpt-6-luna", "-p", "openai=gpt-5", "-o", "-")
    assert [entry.name for entry in parse(result.out, environ=KEYS).providers] == ["openai", "openai-2"]


def test_a_file_is_overwritten_only_when_told_so(cli: CommandLine) -> None:
    cli.configure("mine")
    result = cli.run("init", "-p", "openai")
    assert result.code == 2
    assert "exists already; --force overwrites it" in result.err
    assert (cli.folder / "understudy.toml").read_text() == "mine"
    assert cli.run("init", "-p", "openai", "--force").code == 0
    assert "openai" in (cli.folder / "understudy.toml").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "the environment has no provider's key, and Ollama is not running"),
        (["-p", "opnai"], "unknown provider 'opnai': did you mean \"openai\"?"),
        (["-p", "openai", "--strategy", "prio"], "unknown strategy 'prio': did you mean \"priority\"?"),
        (["-p", "azure-openai"], "Azure OpenAI has no default model: write --provider azure-openai=MODEL"),
        (["-p", f"openai={KEY}"], "this is not the name of a model"),
        (["-p", "openai", "-o", ".", "--force"], "--output .: this is a folder; did you mean understudy.toml?"),
        (["-p", "openai", "-o", "gone/understudy.toml"], "--output gone/understudy.toml: No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_told_and_nothing_is(cli: CommandLine, words: list[str], told: str) -> None:
    result = cli.run("init", *words)
    assert result.code == 2
    assert told in result.err
    assert KEY not in result.err
    assert not (cli.folder / "understudy.toml").exists()


def test_it_asks_on_a_terminal_until_it_understands(cli: CommandLine) -> None:
    with cli.terminal("init", stdin=True, GROQ_API_KEY=KEY) as terminal:
        terminal.read_until(lambda screen: "[groq]: " in screen)
        terminal.type("grok\n")
        terminal.read_until(lambda screen: screen.count("[groq]: ") == 2)
        terminal.type("anthropic, groq\n")
        terminal.read_until(lambda screen: "[priority]: " in screen)
        terminal.type("\n")
        terminal.read_until(lambda screen: "Text model for Anthropic?" in screen)
        terminal.type("claude-haiku-4-5\n")
        terminal.read_until(lambda screen: "Text model for Groq?" in screen)
        terminal.type("\n")
        result = terminal.finish()
    assert result.code == 0
    assert "Found: groq ($GROQ_API_KEY)" in result.out
    assert "unknown provider 'grok'" in result.out
    config = parse((cli.folder / "understudy.toml").read_text(), environ=KEYS)
    assert [(entry.provider, entry.text_model) for entry in config.providers] == [
        ("anthropic", "claude-haiku-4-5"),
        ("groq", providers.row("groq").text_model),
    ]


def test_a_question_left_unanswered_writes_nothing(cli: CommandLine) -> None:
    with cli.terminal("init", stdin=True, GROQ_API_KEY=KEY) as terminal:
        terminal.read_until(lambda screen: "[groq]: " in screen)
        terminal.type("\x04")  # Ctrl-D; Ctrl-C ends alike, but may arrive ahead of the read that it is to interrupt
        result = terminal.finish()
    assert result.code == 130
    assert "no file was written" in result.out
    assert not (cli.folder / "understudy.toml").exists()


def test_names_of_models_are_written_as_they_are() -> None:
    model = 'a"b\\c${HOME}'
    text = write(starter_entries([(providers.row("ollama"), model)], {}), "priority")
    assert parse(text, environ={"HOME": "/root"}).providers[0].text_model == model


def test_comments_are_sentences_without_links() -> None:
    assert comment("see [fallback.md](fallback.md)") == ["# See fallback.md."]
