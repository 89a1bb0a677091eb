"""Affinity: the conversation of a session stays at the target where its prompt is cached.

It works on top of any strategy. A session has a *home*, the target to which the strategy gave it, and it goes there at
every turn until its lifetime ends. If another target had to answer, that one keeps the session for the rest of the
turn: the steps of a tool loop are answered by one model. The next turn, which begins with a user's message, returns
home.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from understudy.domain.bounded import BoundedDict
from understudy.domain.content import ToolResult
from understudy.domain.messages import Role
from understudy.domain.requests import GenerationRequest
from understudy.policy.plan import Plan, Step

REMEMBERED = 10_000
"""Sessions that are remembered at most: those that answered last, in about five megabytes."""


class SessionKey(msgspec.Struct, frozen=True, cache_hash=True):
    """Under what a session is remembered: each route, each task, and each target that calls name has its own."""

    route: str | None
    task: str | None
    session: str
    named: str | None = None
    """The label of the target that the call names. What answers it also answers the session as a whole."""

    @property
    def all(self) -> tuple[SessionKey, ...]:
        """The keys under which an answer is remembered."""
        return (self,) if self.named is None else (self, SessionKey(self.route, self.task, self.session))


def key_of(request: GenerationRequest, plan: Plan, named: str | None = None) -> SessionKey | None:
    """Return the key of a request's session; `None` if it has none. `named` is the target that the call names.

    None is derived from the prompt: different conversations may begin with the same words, and would all go to one
    target, whatever the strategy.
    """
    return None if request.session is None else SessionKey(plan.route, plan.task, request.session, named)


def begins_turn(request: GenerationRequest) -> bool:
    """Return whether a request begins a turn of the conversation, rather than continuing a tool loop.

    Agents put words of their own behind the results of tools, so the last message alone does not tell.
    """
    messages = request.messages
    if not messages:
        return True
    if messages[-1].role is _ASSISTANT:
        return False
    for message in reversed(messages):
        role = message.role
        if role is _ASSISTANT:
            return True
        if role is _TOOL:
            return False
        # Two wire formats put results of tools into the user's messages.
        if type(content := message.content) is not str and ToolResult in map(type, content):
            return False
    return True


_ASSISTANT, _TOOL = Role.ASSISTANT, Role.TOOL


class _Held:
    """What is remembered of a session: labels of targets, and when they answered (monotonic seconds)."""

    __slots__ = ("broken", "broken_at", "home", "home_at", "last", "last_at")

    def __init__(self) -> None:
        self.home: str | None = None
        self.home_at = 0.0
        self.last: str | None = None
        self.last_at = 0.0
        self.broken: str | None = None
        """The target whose answer was interrupted when part of it had been shown, until a target answers."""
        self.broken_at = 0.0


class Sessions:
    """Which target answered which session. One object per manager, called without `await`."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._held: BoundedDict[SessionKey, _Held] = BoundedDict(limit)

    def arrange(
        self,
        plan: Plan,
        key: SessionKey,
        *,
        begins: bool,
        lifetime: float,
        now: float,
        in_cooldown: frozenset[str] = frozenset(),
    ) -> Plan:
        """Return a strategy's plan with the session's own target first, unless it is in cooldown.

        `begins` states whether the request begins a turn. A target whose answer was interrupted comes last, until the
        session has an answer.
        """
        held = self._held.get(key)
        if held is None:
            return plan
        label, at, broken = held.last, held.last_at, held.broken
        if begins:
            label, at = held.home, held.home_at
        if broken is not None and now - held.broken_at >= lifetime:
            broken = None
        if label is not None and now - at >= lifetime:
            label = None
        if label is broken is None:
            return plan
        where = "answered this session" if begins else "answers this turn of the session"
        step = plan.steps[0] if plan.steps and broken is None and label not in in_cooldown else None
        if step is not None and step.target.label == label:
            step = Step(
                step.target, f"{where}, {now - at:.0f} s ago ({step.why})", step.context_window, step.expected_cost
            )
            why = f"{plan.why}; {_FIRST}" if plan.why else _FIRST
            return Plan((step, *plan.steps[1:]), plan.skipped, why, plan.route, plan.task)
        steps, notes = list(plan.steps), [plan.why]
        if label is not None and label != broken:
            found = next((step for step in steps if step.target.label == label), None)
            if found is not None and label in in_cooldown:
                notes.append(f"{label}, which answered this session, is in cooldown")
            elif found is not None:
                why = f"{where}, {now - at:.0f} s ago ({found.why})"
                steps.remove(found)
                steps.insert(0, replace(found, why=why))
                notes.append(_FIRST)
        if broken is not None and len(steps) > 1:
            steps.sort(key=lambda step: step.target.label == broken)
            steps = [_behind(step) if step.target.label == broken else step for step in steps]
        return replace(plan, steps=tuple(steps), why=_joined(*notes))

    def answered(self, key: SessionKey, label: str, *, first: bool, begins: bool, now: float) -> None:
        """Note which target answered a session, and whether it was the `first` of the plan."""
        for each in key.all:
            held = self._written(each)
            if label == held.home:
                held.home_at = now
            elif first and held.broken is None and (begins or held.last is None):
                held.home, held.home_at = label, now
            held.last, held.last_at, held.broken = label, now, None

    def interrupted(self, key: SessionKey, label: str, now: float) -> None:
        """Note that the answer of a target to a session was interrupted when part of it had been shown."""
        for held in map(self._written, key.all):
            held.broken, held.broken_at = label, now

    def _written(self, key: SessionKey) -> _Held:
        """Return what is remembered of a session, and make it the last to be forgotten."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held()
        else:
            self._held.refresh(key)
        return held


_FIRST = "the session's own target first"


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _behind(step: Step) -> Step:
    return replace(step, why=f"its answer to this session was interrupted, so behind the others ({step.why})")
