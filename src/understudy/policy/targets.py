"""What routing chooses among, and what it knows about it."""

from __future__ import annotations

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
    yield_by: float | None = None
    """From the launch to where an attempt that has shown no content yet yields to the targets that are still untried,
    which need the rest of the deadline. `None`: no other target is left."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One entry with one model.

    `endpoint` and `credential` identify the host and the key behind it, so that a failure of either sets aside every
    target that shares it; they are opaque names, never the key itself.
    """

    name: str
    model: str | None = None
    priority: int = 10
    index: int = 0
    """Position among the configured entries; breaks ties of `priority`."""
    provider_type: str = ""
    default: bool = True
    """Whether the model is the entry's own, rather than one that a task, a route or a call names."""
    endpoint: str = ""
    credential: str = ""
    limits: Limits = Limits()
    label: str = ""
    """The target as people write it: `entry/model`. Made of both when the target is made; read at every plan."""

    def __post_init__(self) -> None:
        label = f"{self.name}/{self.model}" if self.model else self.name
        msgspec.structs.force_setattr(self, "label", label)


class TargetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a target at the moment of a plan; unknown is `None` and never counts against it."""

    cooling: float | None = None
    """Seconds for which it is still set aside."""
    in_flight: int = 0
    context_window: int | None = None
    """Tokens."""
    capabilities: Mapping[str, bool] = {}
    """Of the words of `ModelInfo.capabilities`, those that are known: what it can, and what it cannot."""
    price: Price | None = None
    expected_output: float | None = None
    """Tokens that its answers had on average, the latest weighing most."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot, made by the manager for each request."""

    turn: int = 0
    """Number of the request since the manager was made."""
    targets: Mapping[str, TargetFacts] = {}
    """By `Target.label`. What is looked at is found out then, and stays as it was found."""
    windows: Mapping[str, int] = {}
    """The context windows that are known, by `Target.label`: what `targets` says, without looking at each."""
    turns: Mapping[str, int] = {}
    """How often each target stood first, by `Target.label`; a missing one never did."""
    aside: frozenset[str] = frozenset()
    """Labels of the targets that are set aside."""
