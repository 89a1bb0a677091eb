"""Reports of sessions: the conversations of coding agents and of other callers, as their requests show them."""

from __future__ import annotations

import msgspec

from understudy.reports.usage import RequestResult


class SessionResult(msgspec.Struct, frozen=True, kw_only=True):
    """One session."""

    session: str
    agent: str | None
    """The program that asked, such as `claude-code`."""
    key: str | None
    """The caller's key."""
    first: float
    """Unix seconds of its first attempt."""
    last: float
    """Of the beginning of its last one."""
    requests: int
    """As far as they have ended, like all sums here."""
    attempts: int
    failed: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_usd: str
    """As far as it is known."""
    unknown_costs: int
    """Attempts whose cost is not known."""
    targets: tuple[str, ...]
    """`entry/model` of those that answered, in the order in which they first did."""
    target_changes: int
    """How often another target answered than the time before, within requests of one class."""
    loops: int
    """How often three requests or more followed each other as in a loop of tool calls: each began within 10 seconds of
    the answer before it."""
    longest_loop: int
    """Requests of the longest of these; 0 without any."""
    is_recent: bool
    """Whether targets, changes and loops are those of its newest 2,000 answers only, because it has more."""


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of sessions, those with the latest request first."""

    sessions: tuple[SessionResult, ...]
    next: str | None
    """What to pass as `before` for the next page; `None` if there are no more."""


class TargetChange(msgspec.Struct, frozen=True, kw_only=True):
    """Another target answered than the time before."""

    at: float
    """Unix seconds."""
    request: str
    """The id of the request that it answered."""
    request_class: str | None
    before: str
    """`entry/model`."""
    after: str
    why: str | None
    """Why the target before did not answer this request: its failure, else why the plan put the other one first."""


class SessionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One session with its latest requests."""

    session: SessionResult
    by_class: dict[str, int]
    """Requests by what they were for: `main`, `subagent`, …; those that do not say so are under an empty name."""
    changes: tuple[TargetChange, ...]
    """The newest 100, the newest first."""
    requests: tuple[RequestResult, ...]
    """The newest first."""
    next: str | None
    """What to pass as `before` for older requests."""
