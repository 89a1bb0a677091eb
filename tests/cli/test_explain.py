from __future__ import annotations

import pytest

from tests.cli.running import CommandLine
from understudy.cli.explain import estimate, show_plan
from understudy.domain.money import Cost, Money
from understudy.emulator import Emulator
from understudy.policy.plan import Plan, Skip, Step
from understudy.policy.targets import Target
from understudy.reports.plans import report_plan

PLAN = Plan(
    steps=(
        Step(
            Target(name="main", model="gpt-5", provider_type="openai"),
            "cheapest",
            context_window=400_000,
            expected_cost=Cost(amount=Money(1_250_000), source="genai-prices", as_of="2026-11-01"),
        ),
        Step(Target(name="local", model="llama3.2", provider_type="ollama"), "of unknown price"),
    ),
    skipped=(Skip(Target(name="small", model="tiny"), "its context window is too small"),),
    why="cost_optimized",
    route="cheap",
    task="code",
)


def test_the_order_is_shown_and_nobody_is_asked(configured: CommandLine, emulator: Emulator) -> None:
    result = configured.run("explain", "Why", "is", "the", "sky", "blue")
    assert result.code == 0, result.err
    places = [line.split()[:2] for line in result.out.splitlines() if line[:1].isdigit()]
    assert [name.partition("/")[0] for _, name in places] == ["openai", "anthropic", "ollama"]
    assert "\x1b" not in result.out
    assert not any(emulator.requests(name) for name in emulator.providers)


def test_it_takes_what_ask_takes(configured: CommandLine) -> None:
    def order(*words: str) -> list[str]:
        return [step["target"] for step in configured.run("explain", "hi", "--json", *words).json["steps"]]

    assert order("-m", "ollama/gemma3", "--fallback", "openai") == ["ollama/gemma3", "openai/gpt-6-luna"]
    assert order("-m", "anthropic", "--no-fallback") == ["anthropic/claude-sonnet-5-5"]
    assert len(order("--schema", '{"type": "object"}', "--max-tokens", "10", "-s", "Be brief.")) == 3


def test_local_targets_are_expected_to_be_free(configured: CommandLine) -> None:
    (step,) = configured.run("explain", "hi", "--json", "-m", "ollama", "--no-fallback").json["steps"]
    assert step["provider_type"] == "ollama"
    assert (step["expected_cost_usd"], step["price_source"]) == (0, "local")


@pytest.mark.parametrize("words", [["hi", "-m", "nobody"], [], ["hi", "-f", "gone.txt"]])
def test_what_ask_would_refuse_is_refused(configured: CommandLine, words: list[str]) -> None:
    assert configured.run("explain", *words).code == 2


def test_errors_are_json_too(cli: CommandLine) -> None:
    result = cli.run("explain", "hi", "--json", "--config", "gone.toml")
    assert result.code == 2
    assert result.json["error"]["type"] == "ConfigError"


def test_all_that_a_plan_tells_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(PLAN)
    out = capsys.readouterr().out
    assert out.startswith("route: cheap\ntask: code\norder: cost_optimized\n\n")
    first, second = (line for line in out.splitlines() if line[:1].isdigit())
    assert first.split() == ["1", "main/gpt-5", "cheapest", "400,000", "$0.0012", "genai-prices", "2026-11-01"]
    assert second.split()[-2:] == ["?", "unknown"]
    assert "small/tiny  its context window is too small" in out


@pytest.mark.parametrize(
    ("nano", "shown"),
    [(0, "$0"), (1, "$0.000000001"), (123_456, "$0.00012"), (1_250_000_000, "$1.2"), (10**11, "$100")],
)
def test_an_expected_cost_has_two_digits(nano: int, shown: str) -> None:
    assert estimate(Cost(amount=Money(nano), source="test")) == shown


def test_all_that_a_plan_tells_is_json() -> None:
    report = report_plan(PLAN)
    first, second = report["steps"]
    assert (first["target"], first["expected_cost_usd"], first["price_source"]) == (
        "main/gpt-5",
        0.00125,
        "genai-prices",
    )
    assert second["expected_cost_usd"] is None
    assert report["skipped"][0]["why"] == "its context window is too small"
