"""One run of one agent, as data: what is asked of which vendors, and what befalls them."""

from __future__ import annotations

from typing import Literal

import msgspec

FaultName = Literal["killed", "limited", "stalled", "cut"]
FAULTS: tuple[FaultName, ...] = ("killed", "limited", "stalled", "cut")

PHASES = (0, 1, 3, 8)
"""Content events before a fault of a stream: before the first, behind it, within arguments, near their end."""


class Strike(msgspec.Struct, frozen=True):
    """A fault of whichever vendor is asked for a step; the first request for it is struck."""

    fault: FaultName
    step: int
    phase: int = 1

    @property
    def label(self) -> str:
        return f"{self.fault}{self.step}.{self.phase}"


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A run."""

    agent: str
    vendors: tuple[str, ...] = ()
    """Those behind the gateway, in order; empty: the agent is connected to its vendor."""
    strikes: tuple[Strike, ...] = ()
    size: Literal["whole", "short", "turns", "compacted"] = "whole"
    """All steps in one turn, the first part, all in two turns of one session, or all with a summary on the way."""
    cancelled: bool = False
    """Whether the user interrupts the agent while a vendor is silent."""

    @property
    def label(self) -> str:
        struck = "+".join(each.label for each in self.strikes)
        words = (*self.vendors, self.size, struck, "cancelled" * self.cancelled)
        return "-".join((self.agent, *filter(None, words)))


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a vendor received."""

    vendor: str
    dialect: str
    model: str | None
    status: int | None
    outcome: str
    fault: str | None
    error: str | None = None
    summary: bool = False
    """Whether it asks for a summary of the conversation."""
    step: int | None
    """The step that it asks for; `None` for the agent's other requests."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run."""

    scenario: Scenario
    seconds: float
    codes: tuple[int | None, ...]
    """The exit code of the agent in each turn; `None` if it had to be stopped."""
    tree: dict[str, str]
    requests: tuple[Request, ...]
    summaries: int = 0
    """How often the agent had its conversation summarized."""
    left_after: float | None = None
    """Seconds from the end of the connection of an agent that was interrupted until that of the vendor's."""
    warnings: tuple[str, ...] = ()
    """What the gateway reported as lost on the way, each once."""
    attempts: tuple[str, ...] = ()
    """Attempts to leave this machine, all refused; seen only where there is no network namespace."""
    output: str = ""
    """The end of what the agent and the gateway wrote."""
