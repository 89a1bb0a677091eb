"""How what is asked of thinking meets what a model takes: `thinking` and the effort, and the warnings."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects.anthropic.thinking import ThinkingLimits, ThinkingPlan, encode_thinking
from understudy.dialects.base import WarningLog
from understudy.dialects.quirks import Quirks
from understudy.domain.requests import Reasoning
from understudy.providers.anthropic import ROW
from understudy.providers.base import quirks_of

ROOM = ThinkingLimits(max_tokens=64_000)


def planned(model: str, *, limits: ThinkingLimits = ROOM, **asked: Any) -> tuple[ThinkingPlan, list[str]]:
    notes = WarningLog()
    found = encode_thinking(Reasoning(**asked), quirks_of(ROW, model), limits, notes)
    return found, [str(warning.kind) for warning in notes.warnings]


ENABLED = {"type": "enabled", "budget_tokens": 3000}
ADAPTIVE = {"type": "adaptive"}
DISABLED = {"type": "disabled"}


@pytest.mark.parametrize(
    ("model", "asked", "thinking", "effort", "warnings"),
    [
        # As given, where the model takes it.
        ("claude-haiku-4-5", {"mode": "enabled", "budget": 3000}, ENABLED, None, []),
        ("claude-opus-4-6", {"mode": "enabled", "budget": 3000}, ENABLED, None, []),
        ("claude-sonnet-5-5", {"mode": "between_tools", "effort": "low"}, {"type": "between_tools"}, "low", []),
        ("claude-sonnet-5", {"mode": "disabled"}, DISABLED, None, []),
        ("claude-opus-5-5", {"effort": "high"}, None, "high", []),
        # Budgets where there are none, and the other way round.
        ("claude-opus-4-7", {"budget": 3000}, ADAPTIVE, "medium", ["emulated", "emulated"]),
        ("claude-opus-5", {"mode": "enabled", "budget": 30_000}, ADAPTIVE, "xhigh", ["emulated", "emulated"]),
        ("claude-haiku-4-5", {"effort": "low"}, {"type": "enabled", "budget_tokens": 1024}, None, ["emulated"]),
        ("claude-3-5-sonnet-20241022", {"effort": "low"}, None, None, ["dropped"]),
        ("claude-3-5-sonnet-20241022", {"budget": 3000}, None, None, ["dropped"]),
        # Off: said, left out, or impossible.
        ("claude-haiku-4-5", {"effort": "none"}, DISABLED, None, []),
        ("claude-opus-4-8", {"mode": "disabled"}, None, None, []),
        ("claude-opus-5-5", {"mode": "disabled"}, None, None, ["dropped"]),
        ("claude-fable-5", {"effort": "none"}, None, None, ["dropped"]),
        # Thinking that is off by default must be switched on for an effort to mean what was asked.
        ("claude-opus-4-7", {"effort": "xhigh"}, ADAPTIVE, "xhigh", []),
        ("claude-sonnet-4-6", {"effort": "xhigh"}, ADAPTIVE, "high", ["clamped"]),
        ("claude-opus-4-5", {"effort": "max"}, None, "high", ["clamped"]),
        ("claude-sonnet-5", {"effort": "minimal"}, None, "low", ["renamed"]),
        ("claude-opus-9", {"effort": "extreme"}, None, "extreme", []),
    ],
)
def test_what_is_asked_meets_what_the_model_takes(
    model: str, asked: dict[str, Any], thinking: dict[str, Any] | None, effort: str | None, warnings: list[str]
) -> None:
    found, kinds = planned(model, **asked)
    assert (found.thinking, found.effort) == (thinking, effort)
    assert kinds == warnings


@pytest.mark.parametrize(
    ("display", "shown", "warnings"),
    [("omitted", "omitted", []), ("auto", "summarized", []), ("detailed", "summarized", ["renamed"])],
)
def test_how_much_is_shown(display: str, shown: str, warnings: list[str]) -> None:
    found, kinds = planned("claude-opus-5-5", display=display)
    assert found.thinking == {"type": "adaptive", "display": shown}
    assert kinds == warnings


@pytest.mark.parametrize(
    ("limits", "budget", "sent", "warnings"),
    [
        (ThinkingLimits(4000), 10_000, 3999, ["clamped"]),
        (ThinkingLimits(4000, interleaved=True), 10_000, 10_000, []),
        (ThinkingLimits(4000), 10, 1024, ["clamped"]),
        (ThinkingLimits(1024), 2000, None, ["dropped"]),
        (ThinkingLimits(4000, forced_tool=True), 2000, None, ["dropped"]),
    ],
)
def test_a_budget_leaves_room_for_the_answer(
    limits: ThinkingLimits, budget: int, sent: int | None, warnings: list[str]
) -> None:
    found, kinds = planned("claude-haiku-4-5", limits=limits, budget=budget)
    assert (found.thinking or {}).get("budget_tokens") == sent
    assert kinds == warnings


@pytest.mark.parametrize("mode", ["enabled", "adaptive"])
def test_a_forced_tool_goes_before_thinking_in_whatever_mode(mode: str) -> None:
    plan, warnings = planned("claude-haiku-4-5", limits=ThinkingLimits(4000, forced_tool=True), mode=mode)
    assert plan.thinking is None
    assert warnings[-1] == "dropped"


def test_a_model_may_refuse_it_altogether() -> None:
    notes = WarningLog()
    quirks = Quirks(refused=frozenset({"reasoning"}))
    assert encode_thinking(Reasoning(effort="high"), quirks, ROOM, notes) == ThinkingPlan()
    assert [warning.what for warning in notes.warnings] == ["reasoning"]
