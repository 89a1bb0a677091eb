"""The targets that strategies order, and what is known of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import msgspec

from understudy.domain.prices import Price


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Time-outs of one attempt, in seconds."""

    connect: float = 5.0
    first_event: float = 60.0
    """From the send to the first content of a stream; plain answers have only `connect` and `total`."""
    idle: float = 60.0
    """Between two pieces of content of a stream."""
    total: float = 600.0
    slowest: float | None = None
    """Tokens per second below which a stream counts as stalled, measured over ten seconds of content; unset: any."""
    yield_by: float | None = None
    """Seconds after which an attempt without content yields to the untried targets, which need the rest of the
    deadline. `None`: no other target is left."""
    has_others: bool = False
    """Another target may answer if this one is silent, which must then be noticed early: one that was not tried yet,
    or one that has failed and may come back."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One entry with one model.

    `endpoint` and `credential` identify the host and the key behind it, so that a failure of either puts every target
    that shares it in cooldown; they are opaque names, never the key itself.
    """

    name: str
    model: str | None = None
    priority: int = 10
    weight: float = 1.0
    """Its share of the requests relative to those of the others, for the strategies that spread them."""
    index: int = 0
    """Position among the configured entries; breaks ties of `priority`."""
    provider_type: str = ""
    default: bool = True
    """Whether the model is the entry's, rather than one that a task, a route or a call names."""
    endpoint: str = ""
    credential: str = ""
    credentials: tuple[str, ...] = ()
    """The names of all keys, for an entry with a pool of them. Where an attempt is launched, `credential` is the name
    of the key that it uses."""
    rate_limit_domain: str = ""
    """The quota that it shares with the other targets of that domain: a rate limit puts all of them in cooldown."""
    continues: bool = False
    """Whether the model is declared to continue an answer that is handed to it begun (prefill)."""
    idempotent: bool = True
    """Whether it may be asked beside another target: an abandoned attempt leaves nothing behind."""
    limits: Limits = Limits()
    label: str = ""
    """The target's name: `entry/model`. Computed once, because every plan reads it."""
    host: str = ""
    """The endpoint, or the entry's name where there is none."""

    def __post_init__(self) -> None:
        label = f"{self.name}/{self.model}" if self.model else self.name
        msgspec.structs.force_setattr(self, "label", label)
        msgspec.structs.force_setattr(self, "host", self.endpoint or self.name)

    @property
    def key_number(self) -> int:
        """Which key of the pool an attempt uses, from 1; 0 if there is no pool, or no key is picked yet."""
        return self.credentials.index(self.credential) + 1 if self.credential in self.credentials else 0


class TargetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a target when a plan is made; unknown facts are `None` and never count against it."""

    cooling: float | None = None
    """Seconds of cooldown that remain."""
    in_flight: int = 0
    context_window: int | None = None
    """Tokens."""
    capabilities: Mapping[str, bool] = {}
    """The known ones of the words of `ModelInfo.capabilities`, and whether they are supported."""
    price: Price | None = None
    expected_output: float | None = None
    """Average tokens of its answers; the latest count most."""
    first_token: float | None = None
    """Average seconds until the first content of its answers, sensitive to peaks (`policy/latencies.py`). Learned for
    the strategy `latency` and for custom ones."""
    first_token_age: float | None = None
    """Seconds since that was measured last."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, made by the manager for each request."""

    turn: int = 0
    """The number of the request since the manager was made."""
    targets: Mapping[str, TargetFacts] = {}
    """By `Target.label`. A target's facts are determined when they are first read, and do not change afterwards."""
    windows: Mapping[str, int] = {}
    """The known context windows, by `Target.label`: as in `targets`, but without determining the facts of each."""
    turns: Mapping[str, int] = {}
    """How often each target was first, by `Target.label`; a missing one never was."""
    in_cooldown: frozenset[str] = frozenset()
    """Labels of the targets in cooldown."""

    @property
    def aside(self) -> frozenset[str]:
        """The old name of `in_cooldown`."""
        warnings.warn("Facts.aside is now in_cooldown", DeprecationWarning, stacklevel=2)
        return self.in_cooldown
