"""What is asked of thinking, and what each kind of model is told: a budget, a level, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.gemini.helpers import asked, body, endpoint, warnings
from understudy.dialects.base import Endpoint
from understudy.dialects.gemini.thinking import parse_thinking
from understudy.domain.requests import Reasoning

FLASH = endpoint(thinking_budget=(1, 24_576), thinking_modes=frozenset({"enabled", "disabled"}))
PRO = endpoint(thinking_budget=(128, 32_768), thinking_modes=frozenset({"enabled"}))
THREE = endpoint(efforts=frozenset({"minimal", "low", "medium", "high"}))
FOUR = endpoint(efforts=frozenset({"low", "medium", "high"}))
NONE = endpoint(refused=frozenset({"reasoning"}))
PLAIN = endpoint()


def told(reasoning: Reasoning, target: Endpoint) -> tuple[Any, list[str]]:
    """The `thinkingConfig` that is sent, and the kinds of warnings."""
    request = asked(reasoning=reasoning)
    config = body(request, target).get("generationConfig", {}).get("thinkingConfig")
    return config, [kind for kind, what in warnings(request, target) if what == "reasoning"]


@pytest.mark.parametrize(
    ("asked_for", "target", "config", "kinds"),
    [
        (Reasoning(effort="high"), FLASH, {"thinkingBudget": 24_576}, ["emulated"]),
        (Reasoning(effort="low"), PRO, {"thinkingBudget": 1024}, ["emulated"]),
        (Reasoning(effort="none"), FLASH, {"thinkingBudget": 0}, []),
        (Reasoning(effort="none"), PRO, {"thinkingBudget": 128}, ["clamped"]),
        (Reasoning(budget=50_000), FLASH, {"thinkingBudget": 24_576}, ["clamped"]),
        (Reasoning(budget=2000), PRO, {"thinkingBudget": 2000}, []),
        (Reasoning(mode="adaptive"), PRO, {"includeThoughts": True, "thinkingBudget": -1}, []),
        (Reasoning(mode="adaptive", display="omitted"), PRO, {"includeThoughts": False, "thinkingBudget": -1}, []),
        (Reasoning(effort="high"), THREE, {"thinkingLevel": "HIGH"}, []),
        (Reasoning(effort="minimal"), THREE, {"thinkingLevel": "MINIMAL"}, []),
        (Reasoning(effort="minimal"), FOUR, {"thinkingLevel": "LOW"}, ["clamped"]),
        (Reasoning(effort="max"), FOUR, {"thinkingLevel": "HIGH"}, ["clamped"]),
        (Reasoning(effort="none"), THREE, {"thinkingLevel": "MINIMAL"}, ["clamped"]),
        (Reasoning(budget=5000), THREE, {"thinkingLevel": "MEDIUM"}, ["emulated"]),
        (Reasoning(budget=99_999), FOUR, {"thinkingLevel": "HIGH"}, ["emulated"]),
        (Reasoning(mode="adaptive"), THREE, {"includeThoughts": True}, []),
        (Reasoning(mode="between_tools"), THREE, {"includeThoughts": True}, ["emulated"]),
        (Reasoning(effort="low"), NONE, None, ["dropped"]),
        (Reasoning(effort="low"), PLAIN, {"thinkingLevel": "LOW"}, []),
        (Reasoning(budget=7), PLAIN, {"thinkingBudget": 7}, []),
        (Reasoning(budget=7, effort="low"), PLAIN, {"thinkingBudget": 7}, ["dropped"]),
        (Reasoning(display="summarized"), THREE, {"includeThoughts": True}, []),
        (Reasoning(display="omitted", effort="low"), THREE, {"includeThoughts": False, "thinkingLevel": "LOW"}, []),
        # Thoughts that are switched off cannot be shown: the service calls that an error.
        (Reasoning(effort="none", display="auto"), FLASH, {"thinkingBudget": 0}, []),
    ],
)
def test_what_a_model_is_told(asked_for: Reasoning, target: Endpoint, config: Any, kinds: list[str]) -> None:
    assert told(asked_for, target) == (config, kinds)


@pytest.mark.parametrize(
    ("config", "reasoning"),
    [
        ({"thinkingLevel": "HIGH", "includeThoughts": True}, Reasoning(effort="high", display="auto")),
        ({"thinkingBudget": 0}, Reasoning(effort="none")),
        ({"thinkingBudget": -1}, Reasoning(mode="adaptive", display="omitted")),
        ({"thinkingBudget": -1, "includeThoughts": True}, Reasoning(mode="adaptive", display="auto")),
        ({"thinkingBudget": 512, "includeThoughts": False}, Reasoning(budget=512, display="omitted")),
        ({"thinkingBudget": True}, Reasoning()),
    ],
)
def test_what_a_caller_asks_for(config: dict[str, Any], reasoning: Reasoning) -> None:
    assert parse_thinking(config) == reasoning
