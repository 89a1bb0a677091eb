"""How much a model should think, between wire formats that count tokens, name an effort, or only switch it on and off.

| effort | budget |
| --- | --- |
| `minimal`, `low` | 1,024 |
| `medium` | 8,192 |
| `high` | 24,576 |
| `xhigh` | 32,768 |
| `max` | 65,536 |

Up to `high` these are the figures of Google for its own endpoint in OpenAI's wire format (ai.google.dev,
"OpenAI compatibility", 2026-11). No vendor documents any above.
"""

from __future__ import annotations

from collections.abc import Mapping

from understudy.dialects.base import WarningLog
from understudy.dialects.quirks import Quirks
from understudy.domain.requests import Reasoning

BUDGETS: Mapping[str, int] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 65_536,
}
"""Tokens that stand for an effort where a model accepts a budget, and back."""

_ON = ("adaptive", "enabled", "between_tools")
_NOT_SHOWN = ("omitted", "hidden", "none")


def budget_of(effort: str | None) -> int:
    """Return the budget that stands for an effort; without one, or for an unknown one, that of `medium`."""
    return BUDGETS.get(effort or "medium", BUDGETS["medium"])


def effort_of_budget(budget: int) -> str:
    """Return the lowest effort whose budget is not less; `none` for no tokens."""
    if budget <= 0:
        return "none"
    return next((effort for effort, most in BUDGETS.items() if effort != "minimal" and most >= budget), "max")


def is_off(asked: Reasoning) -> bool:
    """Check whether the model should not think."""
    return asked.mode == "disabled" or asked.effort == "none" or (asked.effort is None and asked.budget == 0)


def is_shown(asked: Reasoning) -> bool | None:
    """Check whether the caller wants to see the thinking; `None` if that is left to the provider.

    A mode that switches thinking on also shows it, as at Anthropic, unless `display` says otherwise.
    """
    if is_off(asked):
        return None
    if asked.display is not None:
        return asked.display not in _NOT_SHOWN
    return True if asked.mode in _ON else None


def effort_for(asked: Reasoning, quirks: Quirks) -> str | None:
    """Return the effort for a target that accepts nothing else; `None` leaves it to the model.

    Where a model thinks only if it is asked to, thinking that is switched on means `medium`, the default of OpenAI's
    models that think of their own accord.
    """
    if is_off(asked):
        return "none"
    if asked.effort is not None:
        return asked.effort
    if asked.budget is not None:
        return effort_of_budget(asked.budget)
    return "medium" if asked.mode in _ON and quirks.default_effort_none else None


def note_effort(asked: Reasoning, sent: str | None, quirks: Quirks, notes: WarningLog) -> None:
    """Report what an effort alone does not express."""
    if is_off(asked):
        return
    if asked.budget is not None:
        notes.emulate("reasoning", f"a thinking budget is not supported here; it is sent as the effort {sent}")
    elif asked.effort is None and sent is not None:
        notes.emulate("reasoning", f"thinking cannot be switched on here; it is sent as the effort {sent}")
    elif asked.effort is None and asked.mode in _ON and quirks.efforts is None:
        notes.drop("reasoning", f"the mode {asked.mode!r} is not supported here, only an effort")
    if asked.mode == "between_tools":
        notes.emulate("reasoning", "thinking between tool calls alone is not supported here")
