"""How much the model thinks: `Reasoning` to `thinkingConfig`, adapted to the model family.

Models up to 2.5 accept a budget of tokens, later ones a level, never the other or both. Which of them a model accepts
is data of its family (`Quirks.thinking_budget`, `Quirks.efforts`, `Quirks.thinking_modes`).
Source: Google AI developer documentation, "Thinking" (2026-11).
"""

from __future__ import annotations

from typing import Any

from understudy.dialects.base import WarningLog
from understudy.dialects.efforts import BUDGETS, budget_of, is_off, is_shown
from understudy.dialects.gemini.names import spelling
from understudy.dialects.quirks import Quirks, nearest_effort
from understudy.domain.content import JsonObject
from understudy.domain.requests import Reasoning

DYNAMIC = -1
"""The budget with which the model decides."""

LEVELS = ("minimal", "low", "medium", "high", "xhigh")


def encode_thinking(asked: Reasoning, notes: WarningLog) -> JsonObject:
    """Encode the request, whatever the model supports."""
    config: JsonObject = {}
    if (shown := is_shown(asked)) is not None:
        config["includeThoughts"] = shown
    if is_off(asked):
        config["thinkingBudget"] = 0
    elif asked.budget is not None:
        config["thinkingBudget"] = asked.budget
        if asked.effort is not None:
            notes.drop("reasoning", "this API accepts either an effort or a budget; the budget was sent")
    elif asked.effort is not None:
        config["thinkingLevel"] = "XHIGH" if asked.effort == "max" else asked.effort.upper()
    elif asked.mode is not None:
        config["thinkingBudget"] = DYNAMIC
    if asked.mode == "between_tools":
        notes.emulate("reasoning", "thinking between tool calls alone is not supported here")
    return config


def parse_thinking(config: JsonObject) -> Reasoning:
    """Parse what a caller requests."""
    level, budget, shown = config.get("thinkingLevel"), config.get("thinkingBudget"), config.get("includeThoughts")
    count = budget if isinstance(budget, int) and not isinstance(budget, bool) else None
    return Reasoning(
        effort="none" if count == 0 else level.lower() if isinstance(level, str) else None,
        budget=count if count is not None and count > 0 else None,
        mode="adaptive" if count == DYNAMIC else None,
        # By default this API does not show thoughts, while a mode elsewhere does.
        display="auto" if shown else "omitted" if shown is False or count == DYNAMIC else None,
    )


def apply_thinking_quirks(settings: JsonObject, quirks: Quirks, notes: WarningLog) -> None:
    """Change the `thinkingConfig` of a `generationConfig`, in place, to what the model supports."""
    place = spelling(settings, "thinkingConfig")
    config = settings.get(place)
    if not isinstance(config, dict):
        return
    if "reasoning" in quirks.refused:
        del settings[place]
        notes.drop("reasoning", "this model does not support thinking")
        return
    config = dict(config)
    if quirks.thinking_budget is not None:
        _apply_to_budget(config, quirks.thinking_budget, quirks, notes)
    elif quirks.efforts is not None:
        _apply_to_level(config, quirks.efforts, notes)
    shown = spelling(config, "includeThoughts")
    if _value(config, "thinkingBudget") == 0 and config.get(shown):
        del config[shown]  # Disabled thoughts cannot be shown, and requesting them is an error.
    settings[place] = config
    if not config:
        del settings[place]


def _apply_to_budget(config: JsonObject, limits: tuple[int, int], quirks: Quirks, notes: WarningLog) -> None:
    level, budget = _pop(config, "thinkingLevel"), _value(config, "thinkingBudget")
    if isinstance(level, str) and budget is None:
        budget = min(budget_of(level.lower()), limits[1])
        notes.emulate("reasoning", f"this model accepts a budget instead of a level; {budget} tokens were sent")
    if not isinstance(budget, int) or budget == DYNAMIC:
        return
    least, most = limits
    if budget == 0 and "disabled" in quirks.thinking_modes:
        fitting = 0
    else:
        fitting = min(max(budget, least), most)
        if fitting != budget and level is None:
            notes.clamp("reasoning", f"this model accepts budgets of {least} to {most} tokens")
    config[spelling(config, "thinkingBudget")] = fitting


def _apply_to_level(config: JsonObject, accepted: frozenset[str], notes: WarningLog) -> None:
    level, budget = _value(config, "thinkingLevel"), _pop(config, "thinkingBudget")
    known = [name for name in LEVELS if name in accepted]
    if not known:
        _drop_level(config, level, budget, notes)
        return
    if isinstance(budget, int) and level is None and budget != DYNAMIC:
        level = next((name for name in known if BUDGETS[name] >= budget), known[-1])
        if budget == 0:
            notes.clamp("reasoning", f"this model always thinks; the lowest level was sent ({level})")
        else:
            notes.emulate("reasoning", f"this model accepts a level instead of a budget; {level} was sent")
    if not isinstance(level, str):
        return
    nearest = nearest_effort(level.lower(), known)
    if nearest is not None and nearest != level.lower():
        notes.clamp("reasoning", f"this model does not support the level {level.lower()}; {nearest} was sent")
        level = nearest
    config[spelling(config, "thinkingLevel")] = level.upper()


def _drop_level(config: JsonObject, level: Any, budget: Any, notes: WarningLog) -> None:
    """Leave out how much a model should think that knows no level of this API."""
    if level is not None or budget not in (None, DYNAMIC):
        _pop(config, "thinkingLevel")
        notes.drop("reasoning", "this model accepts no level that is known here")


def _value(config: JsonObject, name: str) -> Any:
    return config.get(spelling(config, name))


def _pop(config: JsonObject, name: str) -> Any:
    return config.pop(spelling(config, name), None)
