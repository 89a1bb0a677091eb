"""What happens if a target fails, and named lists of targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.domain.failures import OnMidstreamError
from understudy.domain.misuse import ConfigError
from understudy.domain.suggestions import kind_of, shown, suggestion
from understudy.settings.checking import Settings, complaints, fields_of, name_complaint, raise_complaints
from understudy.settings.rules import FALLBACK, ROUTE
from understudy.settings.strategy import FallbackStrategy, Whole

if TYPE_CHECKING:
    from decimal import Decimal

    from understudy.policy.strategies import Strategy


def _strategy(value: object) -> str | None:
    if isinstance(value, FallbackStrategy):
        return None
    if inspect.iscoroutinefunction(value):
        return "is asynchronous: it is called without await, so write def, not async def"
    if callable(value) and not isinstance(value, type):
        return None
    hint = suggestion(value, FallbackStrategy, _FOREIGN_STRATEGIES) if isinstance(value, str) else None
    known = hint or f"use {', '.join(FallbackStrategy)}."
    return f"is unknown: {shown(value)}; {known} Or pass a function with the signature of understudy.Strategy"


_FOREIGN_STRATEGIES = {
    "roundrobin": "round_robin",
    "cost": "cost_optimized",
    "cheapest": "cost_optimized",
    "order": "priority",
    "task": "task_based",
    "random": "weighted",
    "shuffle": "weighted",
    "simple_shuffle": "weighted",
    "fastest": "latency",
    "latency_based": "latency",
    "latency_based_routing": "latency",
    "least_connections": "least_busy",
}
"""Words of other libraries."""


def _tasks(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return f"must be a dict from tasks to lists of targets, not {kind_of(value)}"
    for task, names in value.items():
        if not isinstance(task, str):
            return f"contains {kind_of(task)} as a task; write a string"
        if complaint := _targets(names):
            return f"of task {shown(task)} {complaint}"
    return None


def _targets(value: object) -> str | None:
    if isinstance(value, str):
        return f"must be a list of names, such as [{shown(value)}], not a string"
    # An empty list is reported by the manager, which names the route or task.
    if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
        return None
    wrong = next((name for name in value if not isinstance(name, str)), None) if isinstance(value, (list, tuple)) else 0
    what = kind_of(value) if not isinstance(value, (list, tuple)) else f"a list that contains {kind_of(wrong)}"
    return f"must be a list of names of entries, not {what}"


def _max_cost(value: object) -> str | None:
    from understudy.settings.budgets import amount_complaint

    return amount_complaint(value)


_READERS: Mapping[str, Callable[[Any], str | None]] = {"strategy": _strategy, "tasks": _tasks, "max_cost": _max_cost}


class FallbackConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """What happens if a target fails."""

    enabled: bool | None = None
    """If unset, on with more than one target. `False`: only the first target, with its retries."""
    max_retries: int = 3
    """Maximum attempts at one target, the first included; some kinds of failure get fewer."""
    retry_delay_ms: float = 1000
    """Milliseconds; the n-th wait is random between 0 and `retry_delay_ms` · 2ⁿ, at most 8 seconds."""
    strategy: FallbackStrategy | Strategy = FallbackStrategy.PRIORITY
    max_attempts: int | None = None
    """Maximum attempts of one request; if unset, the larger of 5 and the number of targets."""
    deadline: float = 600.0
    """Seconds for the whole request, over all attempts and waits."""
    max_wait: float = 20.0
    """The longest wait in seconds that a provider may ask for; if it asks for more, the next target is tried."""
    whole: Whole = "auto"
    """How `generate` fetches its answers. `stream`: streamed internally, so that a provider that is silent or stalls is
    noticed after its first-event or idle limit. `plain`: in one piece, which takes less CPU time. `auto`: streamed
    while another target may still answer, and for long answers; otherwise in one piece."""
    on_midstream_error: OnMidstreamError = "surface"
    """What becomes of a stream that breaks after its first words. `surface`: it raises, with what was shown in
    `partial`. `hold`: nothing is shown until the answer is whole, or until `hold_chars` characters of it have arrived;
    another target takes over unseen before that. `restart`: another target answers anew, and the event `Restarted`
    says so first. `continue`: another target continues the text, if its model is declared to do so; otherwise as
    `surface`."""
    hold_chars: int | None = None
    """With `hold`: characters of text that are held back; if unset, the whole answer."""
    strict: bool = False
    """Skip a target that cannot express the whole request, instead of warning."""
    fallback_on_filter: bool = False
    """Whether a request that a content filter refused may go to the next target."""
    hedge: bool = False
    """Whether the next target is asked too, once, when the first is silent for longer than is usual for it. The first
    answer counts, and the other attempt is abandoned; what it costs is recorded."""
    hedge_after: float | None = None
    """For `hedge`: the seconds of silence. If unset, the 95th percentile of the target's first content so far, and 10
    seconds until 20 answers are known."""
    active_probes: bool = False
    """Whether a target that failed is probed in the background, by its list of models and never by what is billed: a
    host that is reached again, or a key that is accepted again, is then noticed before any caller pays for it."""
    probe_interval: float = 60.0
    """For `active_probes`: seconds between two probes of a refused key. Circuit breakers have their own times."""
    tasks: Mapping[str, Sequence[str]] = {}
    """For `task_based`: the targets of each task, as `entry` or `entry/model`, in the order in which they are tried."""
    affinity: bool = False
    """Whether requests of one `session` go to the target that answered it before, where its prompt is cached."""
    affinity_lifetime: float = 300.0
    """Seconds for which a session stays with a target after its last answer. Anthropic keeps a cached prompt for 5
    minutes after its last use, OpenAI for 5 to 10."""
    leave_quota: float | None = None
    """A target with less than this share (0.05: 5 %) left of one of its limits, or with fewer tokens than a request
    needs, is put behind the others until the limit is whole again, by what the provider's answers report. If unset,
    the order does not depend on it, and a target is left when it refuses."""
    max_cost: float | str | Decimal | None = None
    """US dollars that a request may cost at most, all its attempts together. Strings and decimals are exact. A call can
    set a lower one, and this one holds beside it."""
    fit_max_tokens: bool = False
    """Whether `max_tokens` is lowered to what `max_cost` or a budget leaves, instead of refusing the request."""
    unknown_prices: Literal["last", "first"] = "last"
    """For `cost_optimized`: where targets with unknown prices are placed."""

    def __post_init__(self) -> None:
        """Check every field by the rules of the configuration file. Raise `ConfigError` with everything that is wrong.

        A strategy may be written as a string.
        """
        if isinstance(self.strategy, str) and type(self.strategy) is not FallbackStrategy:
            word = self.strategy.strip().lower().replace("-", "_")
            if word in list(FallbackStrategy):
                msgspec.structs.force_setattr(self, "strategy", FallbackStrategy(word))
        raise_complaints("FallbackConfig", complaints(self, FALLBACK, _READERS))


def read_fallback(fallback: Any) -> FallbackConfig:
    """Return the rules of fallback; a dict holds their fields, `None` means the defaults. Raise `ConfigError`."""
    match fallback:
        case None:
            return FallbackConfig()
        case FallbackConfig():
            return fallback
        case Mapping():
            return FallbackConfig(**fields_of("FallbackConfig", fallback))
    raise ConfigError(f"fallback must be a FallbackConfig, or a dict of its fields, not {kind_of(fallback)}")


def _fallback(value: object) -> str | None:
    return None if isinstance(value, FallbackConfig) else f"must be a FallbackConfig, not {kind_of(value)}"


_ROUTE_READERS: Mapping[str, Callable[[Any], str | None]] = {
    "name": name_complaint,
    "targets": _targets,
    "fallback": _fallback,
}


class Route(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """A named list of targets with its own strategy and limits. A call selects it with `model="NAME"`."""

    name: str
    targets: tuple[str, ...]
    """As `entry` or `entry/model`; their order here is their priority, the first highest."""
    fallback: FallbackConfig = FallbackConfig()

    def __post_init__(self) -> None:
        """Make the targets a tuple and the rules of a dict. Raise `ConfigError` if a field has a wrong type."""
        if isinstance(self.targets, list):
            msgspec.structs.force_setattr(self, "targets", tuple(self.targets))
        if isinstance(self.fallback, Mapping):
            msgspec.structs.force_setattr(self, "fallback", read_fallback(self.fallback))
        raise_complaints("Route", complaints(self, ROUTE, _ROUTE_READERS))
