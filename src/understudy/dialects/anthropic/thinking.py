"""Reasoning: `Reasoning` to `thinking` and `output_config.effort`, by what the model supports.

Which modes and efforts a model supports is data of its family (`Quirks.thinking_modes`, `Quirks.efforts`,
`Quirks.default_effort_none`). Source: Anthropic docs, "Adaptive thinking", "Extended thinking" and "Effort" (2026-11).
"""

from __future__ import annotations

import msgspec

from understudy.dialects.base import WarningLog
from understudy.dialects.efforts import budget_of, effort_of_budget
from understudy.dialects.quirks import Quirks, nearest_effort
from understudy.domain.content import JsonObject
from understudy.domain.requests import Reasoning

MIN_BUDGET = 1024
"""Tokens; the smallest budget that the service accepts."""

_DISPLAYS = ("summarized", "omitted")


class ThinkingPlan(msgspec.Struct, frozen=True):
    """What to send: the field `thinking` and the effort, each `None` to leave it out."""

    thinking: JsonObject | None = None
    effort: str | None = None


class ThinkingLimits(msgspec.Struct, frozen=True):
    """What a budget must fit: below `max_tokens`, unless thinking between tool calls was asked for by its beta."""

    max_tokens: int
    forced_tool: bool = False
    interleaved: bool = False
    unsigned_turn: bool = False
    """The assistant's turn under way does not begin with thinking of this model: another one or the caller began it."""


def encode_thinking(
    reasoning: Reasoning | None, quirks: Quirks, limits: ThinkingLimits, notes: WarningLog
) -> ThinkingPlan:
    """Return the fields that express the requested reasoning."""
    if reasoning is None:
        return ThinkingPlan()
    if "reasoning" in quirks.refused:
        notes.drop("reasoning", "this model refuses it")
        return ThinkingPlan()
    mode = _accepted(reasoning.mode or _implied(reasoning, quirks), quirks, notes)
    effort = _effort(_asked_effort(reasoning, mode, quirks, notes), quirks, notes)
    if effort is None and reasoning.effort not in (None, "none"):
        if mode == "enabled":
            notes.emulate("reasoning", "this model accepts a budget instead of an effort")
        else:
            notes.drop("reasoning", "this model does not support an effort")
    thinking: JsonObject | None = None
    if mode == "enabled":
        thinking = _enabled(reasoning, limits, notes)
    elif mode is not None:
        thinking = {"type": mode}
    if thinking is not None and mode in ("adaptive", "enabled"):
        _show(reasoning.display, thinking, notes)
    return ThinkingPlan(thinking, effort)


def _asked_effort(asked: Reasoning, mode: str | None, quirks: Quirks, notes: WarningLog) -> str | None:
    """Return the effort, or the one that stands for a budget if this model accepts no budget."""
    if asked.effort is not None or asked.budget is None or mode != "adaptive" or quirks.efforts == frozenset():
        return asked.effort
    effort = effort_of_budget(asked.budget)
    notes.emulate("reasoning", f"this model accepts an effort instead of a budget; {effort} stands for it")
    return effort


def _effort(asked: str | None, quirks: Quirks, notes: WarningLog) -> str | None:
    """Return the effort, or the nearest one that the model supports."""
    if asked is None or asked == "none" or quirks.efforts == frozenset():
        return None
    if asked == "minimal":
        notes.rename("reasoning", "the lowest effort of this API is low")
        asked = "low"
    nearest = nearest_effort(asked, quirks.efforts, tie="lower") if quirks.efforts is not None else None
    if nearest is None or nearest == asked:
        return asked
    notes.clamp("reasoning", f"this model does not support the effort {asked}; sent as {nearest}")
    return nearest


def _implied(asked: Reasoning, quirks: Quirks) -> str | None:
    """Return the mode that the other fields imply; `None` leaves it to the model's default."""
    if asked.effort == "none":
        return "disabled"
    if asked.budget is not None:
        return "enabled"
    if asked.effort is not None and quirks.efforts == frozenset():
        return "enabled" if "enabled" in quirks.thinking_modes else None
    if asked.display is not None or (asked.effort is not None and quirks.default_effort_none):
        return "adaptive" if "adaptive" in quirks.thinking_modes else None
    return None


def _accepted(mode: str | None, quirks: Quirks, notes: WarningLog) -> str | None:
    """Return the mode, or the nearest one that the model supports."""
    modes = quirks.thinking_modes
    if mode is None or mode in modes:
        return mode
    if mode == "disabled":
        if not quirks.default_effort_none:
            notes.drop("reasoning", "thinking cannot be switched off for this model")
        return None
    other = "enabled" if mode == "adaptive" else "adaptive"
    if other in modes:
        notes.emulate("reasoning", f"this model does not support {mode} thinking; {other} is used")
        return other
    notes.drop("reasoning", f"this model does not support {mode} thinking")
    return None


def _enabled(asked: Reasoning, limits: ThinkingLimits, notes: WarningLog) -> JsonObject | None:
    """Return thinking with a budget of at least 1024 tokens that leaves room for the answer."""
    if limits.forced_tool:
        notes.drop("reasoning", "it cannot be combined with a forced tool choice")
        return None
    if limits.unsigned_turn:
        notes.drop("reasoning", "the turn under way was begun without thinking of this model, which must come first")
        return None
    budget = asked.budget
    if budget is None:  # OpenRouter's documentation leaves a fifth of the tokens to the answer at the effort `high`
        budget = min(budget_of(asked.effort), limits.max_tokens * 4 // 5)
    fitting = max(budget, MIN_BUDGET)
    if not limits.interleaved:
        fitting = min(fitting, limits.max_tokens - 1)
    if fitting < MIN_BUDGET:
        notes.drop("reasoning", f"max_tokens leaves no room for a budget of {MIN_BUDGET} tokens")
        return None
    if fitting != budget and asked.budget is not None:
        notes.clamp("reasoning", f"the budget must be at least {MIN_BUDGET} and less than max_tokens")
    return {"type": "enabled", "budget_tokens": fitting}


def _show(display: str | None, thinking: JsonObject, notes: WarningLog) -> None:
    if display is None:
        return
    if display not in _DISPLAYS:
        if display != "auto":
            notes.rename("reasoning", "this API shows thinking as a summary or not at all")
        display = "summarized"
    thinking["display"] = display
