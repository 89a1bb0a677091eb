from __future__ import annotations

import re

import pytest

from tests.cli.running import CommandLine
from understudy.cli import demo, scenes
from understudy.cli.demo_providers import ProviderAnswer, rows
from understudy.cli.terminal import console


def test_it_plays_without_terminal_key_or_network(cli: CommandLine) -> None:
    result = cli.run("demo", FORCE_COLOR="1")
    assert (result.code, result.err) == (0, "")
    for number, scene in enumerate(scenes.SCENES, start=1):
        assert f"\n{number}. {scene.title}\n" in result.out
    assert "✗ anthropic/claude-sonnet-5-5  authentication (HTTP 401)" in result.out
    assert "GenerationFailed: all 5 attempts failed" in result.out
    assert "Every claim holds" in result.out
    assert "make console" in result.out
    assert "\x1b" not in result.out
    assert not [line for line in result.out.splitlines() if line != line.rstrip()]
    scenes_shown, _, ending = result.out.partition("\nAll providers, each in its own wire format:")
    check_statistics(scenes_shown.partition("Summary,")[2])
    check_all_providers(ending.splitlines()[1:])


ENDPOINTS = {
    "OpenAI": "/v1/chat/completions",
    "Anthropic": "/v1/messages",
    "Google Gemini": "/v1beta/models/{model}:generateContent",
    "Ollama": "/api/chat",
    "Groq": "/openai/v1/chat/completions",
    "Together AI": "/v1/chat/completions",
    "Azure OpenAI": "/openai/v1/chat/completions",
    "Replicate": "/v1/models/{model}/predictions",
    "Hugging Face": "/v1/chat/completions",
    "Cohere": "/v2/chat",
}
"""As the providers' references of their APIs give them."""


def check_all_providers(lines: list[str]) -> None:
    """At the end each provider has answered, in 80 columns."""
    assert all(len(line) <= 80 for line in lines)
    table = lines[2 : 2 + 2 * len(ENDPOINTS)]
    for (title, endpoint), first, second in zip(ENDPOINTS.items(), table[::2], table[1::2], strict=True):
        assert first.startswith(f"  {title} "), first
        assert " → " in first
        assert ("$0" if title == "Ollama" else "") in first
        assert re.fullmatch(r".* \d+", first)
        assert re.fullmatch(rf"    \w+ +{re.escape(endpoint)} +The capital is Paris\.", second), second
    assert "   ✓ all 10 providers answered" in lines
    assert "   ✓ they were asked in 6 wire formats" in lines


def check_statistics(account: str) -> None:
    """Unknown costs are not zero, and zero is not unknown."""
    rows = {line.split()[0]: line for line in account.splitlines() if line.startswith("  ")}
    assert "unknown (" in rows["OpenAI"]
    assert "unknown (" in rows["Anthropic"]
    assert rows["Ollama"].endswith("$0")


async def test_a_scene_that_goes_wrong_is_not_called_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def wrong(demo: scenes.Demo) -> scenes.SceneResult:
        return scenes.SceneResult((), "", (scenes.Claim("the moon is a cheese", False),))

    import sys

    monkeypatch.setattr(demo, "SCENES", (scenes.Scene("A moon", "It is told.", wrong),))
    assert not await demo.perform(console(sys.stdout))
    out = capsys.readouterr().out
    assert "✗ the moon is a cheese" in out
    assert "scene 1: the moon is a cheese" in out
    assert "Every claim holds" not in out


def test_on_a_terminal_it_is_coloured_unless_unwanted(cli: CommandLine, deep: bool) -> None:
    with cli.terminal("demo") as terminal:
        finished = terminal.finish()
    assert finished.code == 0
    assert "\x1b[1;36m" in finished.out
    if not deep:
        return
    with cli.terminal("--no-color", "demo") as terminal:
        finished = terminal.finish()
    assert finished.code == 0
    assert "\x1b" not in finished.out


def test_a_provider_without_an_answer_is_shown_with_its_error() -> None:
    failed = ProviderAnswer(
        "Google Gemini", "gemini", "/v1beta/models/{model}:generateContent", None, "Unavailable: no\nluck"
    )
    first, second = rows(failed)
    assert first.strip() == "Google Gemini"
    assert second.endswith("generateContent Unavailable: no luck")
