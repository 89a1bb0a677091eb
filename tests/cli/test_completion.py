"""What the shell offers at Tab: by the protocol that its scripts speak, and in a real bash where there is one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE, CommandLine
from understudy.cli import completion
from understudy.cli.app import COMMANDS, module_of

CONFIGURATION = """
[[llm.providers]]
name = "fast"
provider = "groq"
api_key = "${GROQ_KEY}"
text_model = "openai/gpt-oss-20b"

[[llm.providers]]
name = "local"
provider = "ollama"
text_model = "qwen3:8b"
"""
TARGETS = ["fast", "local", "fast/openai/gpt-oss-20b", "local/qwen3:8b"]


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path)
    command_line.environment["GROQ_KEY"] = "secret"
    command_line.configure(CONFIGURATION)
    return command_line


def offered(cli: CommandLine, *words: str, shell: str = "bash", **environment: str) -> list[str]:
    """What the shell is told when the last word is being typed."""
    protocol = {
        "_UNDERSTUDY_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(("understudy", *words)),
        "COMP_CWORD": str(len(words)),
        "_TYPER_COMPLETE_ARGS": " ".join(("understudy", *words)),
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    result = cli.run(**protocol, **environment)
    assert (result.code, result.err) == (0, "")
    return result.out.split()


def test_commands(cli: CommandLine) -> None:
    assert offered(cli, "emu") == ["emulate"]
    assert {"ask", "check", "emulate", "demo"} <= set(offered(cli, ""))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_are_offered_without_loading_any(cli: CommandLine, shell: str) -> None:
    protocol = {"_UNDERSTUDY_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    typed = {"COMP_WORDS": "understudy\n", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "understudy "}
    result = cli.run(**protocol, **typed, PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in result.err.splitlines()}
    assert "understudy.cli.app" in loaded
    assert not loaded & {module_of(command) for command in COMMANDS}
    assert all(command in result.out for command in (*COMMANDS, "help"))
    if shell == "fish":
        assert f"chat\t{COMMANDS['chat']}\n" in result.out


@pytest.mark.parametrize("words", [("help", "ba"), ("help", "help", "ba"), ("help", "nothing", "ba")])
def test_behind_help_stand_commands(cli: CommandLine, words: tuple[str, ...]) -> None:
    assert offered(cli, *words) == ["batch"]


def test_a_command_behind_help_is_the_last_word(cli: CommandLine) -> None:
    assert offered(cli, "help", "ask", "") == []


def test_options(cli: CommandLine) -> None:
    assert offered(cli, "ask", "--max") == ["--max-tokens", "--max-cost"]
    assert {"--config", "--version"} <= set(offered(cli, "--"))


@pytest.mark.parametrize("option", ["-m", "--model"])
def test_entries_and_their_models(cli: CommandLine, option: str) -> None:
    assert offered(cli, "ask", option, "") == TARGETS
    assert offered(cli, "ask", option, "lo") == ["local", "local/qwen3:8b"]
    assert offered(cli, "ask", option, "nobody") == []


def test_a_list_is_completed_at_its_end_without_repetition(cli: CommandLine) -> None:
    assert offered(cli, "ask", "--fallback", "fast,lo") == ["fast,local", "fast,local/qwen3:8b"]
    assert offered(cli, "ask", "--fallback", "fast,fa") == ["fast,fast/openai/gpt-oss-20b"]


def test_embedding_models_where_vectors_are_wanted(cli: CommandLine) -> None:
    cli.configure(CONFIGURATION + 'embedding_model = "nomic-embed-text"\n')
    assert offered(cli, "embed", "-m", "") == ["local", "local/nomic-embed-text"]
    assert offered(cli, "embed", "--input-type", "cl") == ["classification", "clustering"]


def test_the_configuration_that_the_line_names_counts(cli: CommandLine) -> None:
    other = cli.folder / "other.toml"
    other.write_text('[[llm.providers]]\nname = "only"\nprovider = "ollama"\ntext_model = "m"\n')
    assert offered(cli, "ask", "--config", "other.toml", "-m", "") == ["only", "only/m"]
    assert offered(cli, "--config", "other.toml", "ask", "-m", "") == ["only", "only/m"]
    assert offered(cli, "ask", "-m", "", UNDERSTUDY_CONFIG=str(other)) == ["only", "only/m"]


@pytest.mark.parametrize("text", ["[llm\n", '[[llm.providers]]\nprovider = "opnai"\n', "\0"])
def test_a_broken_configuration_offers_nothing_and_says_nothing(cli: CommandLine, text: str) -> None:
    cli.configure(text)
    assert offered(cli, "ask", "-m", "") == []
    assert offered(cli, "ask", "--config", "gone.toml", "-m", "") == []


def test_without_a_configuration_nobody_is_asked_whether_a_local_model_answers(cli: CommandLine) -> None:
    (cli.folder / "understudy.toml").unlink()
    (cli.folder / "sitecustomize.py").write_text("import socket\nsocket.create_connection = None\n")
    paths = f"{cli.folder}:{cli.environment['PYTHONPATH']}"
    assert "ollama" in offered(cli, "ask", "-m", "oll", PYTHONPATH=paths)


def test_providers_and_efforts(cli: CommandLine) -> None:
    assert offered(cli, "emulate", "an") == ["anthropic"]
    assert offered(cli, "emulate", "openai", "coh") == ["cohere"]
    assert offered(cli, "ask", "--reasoning", "m") == ["minimal", "medium", "max"]


@pytest.mark.parametrize("words", [("ask", "--file", "under"), ("ask", "--config", "under"), ("ask", "-i", "under")])
def test_where_files_go_the_shell_is_left_to_offer_them(cli: CommandLine, words: tuple[str, ...]) -> None:
    assert offered(cli, *words) == []
    assert offered(cli, *words, shell="zsh") == ["_files"]


def test_files_behind_an_at(cli: CommandLine) -> None:
    (cli.folder / "tones").mkdir()
    (cli.folder / "tones" / "brief.md").touch()
    assert offered(cli, "ask", "-s", "@to") == ["@tones/"]
    assert offered(cli, "ask", "-s", "@tones/") == ["@tones/brief.md"]
    assert offered(cli, "ask", "-s", "@gone/") == []


def test_zsh_and_fish_are_told_in_their_own_forms(cli: CommandLine) -> None:
    assert offered(cli, "ask", "-m", "loc", shell="fish") == ["local", "local/qwen3:8b"]
    assert '"local/qwen3\\\\:8b"' in " ".join(offered(cli, "ask", "-m", "loc", shell="zsh"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_every_shell(cli: CommandLine, shell: str) -> None:
    result = cli.run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert result.code == 0
    assert f"_UNDERSTUDY_COMPLETE=complete_{shell}" in result.out


@pytest.mark.parametrize(
    ("shell", "path"),
    [("bash", ".bash_completions/understudy.sh"), ("zsh", ".zfunc/_understudy"), ("fish", ".config/fish/completions")],
)
def test_it_can_be_installed(cli: CommandLine, shell: str, path: str) -> None:
    result = cli.run("--install-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (result.code, result.err) == (0, "")
    assert (cli.folder / path).exists()


# ---- bash ----

bash = shutil.which("bash")
needs_bash = pytest.mark.skipif(bash is None, reason="there is no bash")
ASK = """
source "$1"
COMP_LINE=$2; COMP_POINT=${#2}; shift 2
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_understudy_completion understudy
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(cli: CommandLine) -> Path:
    """The script for bash, and beside it an `understudy` that bash can run."""
    shim = cli.folder / "bin" / "understudy"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m understudy "$@"\n')
    shim.chmod(0o755)
    cli.environment["PATH"] = f"{shim.parent}:{cli.environment['PATH']}"
    shown = cli.run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    path = cli.folder / "completion.bash"
    path.write_text(shown.out)
    return path


@needs_bash
@pytest.mark.parametrize(
    ("words", "replies"),
    [
        (["emu"], ["emulate"]),
        (["ask", "-m", "fa"], ["fast", "fast/openai/gpt-oss-20b"]),
        (["ask", "--model", "=", "fa"], ["fast", "fast/openai/gpt-oss-20b"]),
        (["ask", "--model", "="], TARGETS),
        # bash breaks words at colons, and replaces only what stands behind the last one
        (["ask", "-m", "local/qwen3", ":", "8"], ["8b"]),
        (["ask", "-m", "local/qwen3", ":"], ["8b"]),
        (["ask", "-m", "local/qwen3", ":", "8b", "--max-t"], ["--max-tokens"]),
    ],
)
def test_bash_completes(cli: CommandLine, script: Path, words: list[str], replies: list[str]) -> None:
    line = " ".join(("understudy", *words))
    assert bash is not None
    result = subprocess.run(
        [bash, "--norc", "-c", ASK, "bash", str(script), line, "understudy", *words],
        capture_output=True,
        text=True,
        cwd=cli.folder,
        env=cli.environment,
        timeout=PATIENCE,
        check=True,
    )
    assert (result.stdout.split(), result.stderr) == (replies, "")


@pytest.mark.parametrize(
    ("words", "at", "joined", "place", "kept"),
    [
        (["ask", "-m", "lo"], 2, ["ask", "-m", "lo"], 2, ""),
        (["ask", "-m", "a", ":", "b"], 4, ["ask", "-m", "a:b"], 2, "a:"),
        (["ask", "-m", "a", ":", "b", "hi"], 5, ["ask", "-m", "a:b", "hi"], 3, ""),
        (["ask", "-m", "a", ":", "b", "hi"], 0, ["ask", "-m", "a:b", "hi"], 0, ""),
        (["ask", "a", "::", "b", ":", "c"], 5, ["ask", "a::b:c"], 1, "a::b:"),
        (["ask", "--model", "=", "a", ":"], 4, ["ask", "--model", "a:"], 2, "a:"),
        (["ask", "--model", "="], 2, ["ask", "--model", "="], 2, ""),
        (["ask", "what", "=", "this"], 3, ["ask", "what", "=", "this"], 3, ""),
        (["ask", ""], 1, ["ask", ""], 1, ""),
        ([""], 1, [""], 1, ""),
    ],
)
def test_words_that_bash_broke_are_joined(words: list[str], at: int, joined: list[str], place: int, kept: str) -> None:
    environ = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(at)}
    assert completion.join_words(environ) == kept
    assert environ == {"COMP_WORDS": "\n".join(joined), "COMP_CWORD": str(place)}
