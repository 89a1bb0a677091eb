"""What a planner hands to the engine."""

from __future__ import annotations

import msgspec

from understudy.policy.affinity import SessionKey
from understudy.policy.plan import Plan
from understudy.policy.signals import Rules
from understudy.settings import FallbackConfig


def rules_of(fallback: FallbackConfig) -> Rules:
    """Return the rules of a generation as a configuration states them, before a request adds what it states itself."""
    return Rules(
        max_tries=fallback.max_retries,
        max_attempts=fallback.max_attempts,
        retry_delay=fallback.retry_delay_ms / 1000,
        deadline=fallback.deadline,
        max_wait=fallback.max_wait,
        fallback_on_filter=fallback.fallback_on_filter,
        hedge=fallback.hedge,
        hedge_after=fallback.hedge_after if fallback.hedge else None,
        probe_interval=fallback.probe_interval if fallback.active_probes else None,
    )


class PlannedRun(msgspec.Struct, frozen=True):
    """A plan, and the limits under which it is carried out."""

    plan: Plan
    fallback: FallbackConfig
    rules: Rules
    """Those of that configuration, made once."""
    session: SessionKey | None = None
    """Under which the target that answers is remembered, with `affinity`."""
    begins_turn: bool = False
    """Whether the request begins a turn of the session."""
