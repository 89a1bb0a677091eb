"""What a planner hands to the engine."""

from __future__ import annotations

import msgspec

from understudy.policy.affinity import SessionKey
from understudy.policy.plan import Plan
from understudy.settings import FallbackConfig


class PlannedRun(msgspec.Struct, frozen=True):
    """A plan, and the limits under which it is carried out."""

    plan: Plan
    fallback: FallbackConfig
    session: SessionKey | None = None
    """Under which the target that answers is remembered, with `affinity`."""
    begins_turn: bool = False
    """Whether the request begins a turn of the session."""
