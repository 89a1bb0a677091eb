from __future__ import annotations

import pytest

from tests.cli.running import CommandLine
from understudy.cli import demo, scenes
from understudy.cli.terminal import console


def test_it_plays_without_terminal_key_or_network(cli: CommandLine) -> None:
    result = cli.run("demo")
    assert (result.code, result.err) == (0, "")
    for number, scene in enumerate(scenes.SCENES, start=1):
        assert f"\n{number}. {scene.title}\n" in result.out
    assert "✗ anthropic/claude-sonnet-5-5  authentication (HTTP 401)" in result.out
    assert "GenerationFailed: all 5 attempts failed" in result.out
    assert "Every claim holds" in result.out
    assert "\x1b" not in result.out
    assert not [line for line in result.out.splitlines() if line != line.rstrip()]


def test_the_account_tells_unknown_from_nothing(cli: CommandLine) -> None:
    account = cli.run("demo").out.partition("Summary,")[2]
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


def test_on_a_terminal_it_is_coloured_unless_unwanted(cli: CommandLine) -> None:
    with cli.terminal("demo") as terminal:
        finished = terminal.finish()
    assert finished.code == 0
    assert "\x1b[1;36m" in finished.out
    with cli.terminal("--no-color", "demo") as terminal:
        finished = terminal.finish()
    assert finished.code == 0
    assert "\x1b" not in finished.out
