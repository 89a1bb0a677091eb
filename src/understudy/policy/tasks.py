"""The strategy `task_based`: the task of a request decides which target comes first.

The caller names the task, or the first matching rule of `RULES` selects one that has a list of targets. The rules
depend only on the request and are simple enough to predict; the plan names the one that applied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import msgspec

from understudy.domain.content import Audio, File, Image, ToolResult
from understudy.domain.messages import Role
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.policy.code import is_code
from understudy.policy.estimate import expected_usage
from understudy.policy.plan import Plan, Skip, Step
from understudy.policy.strategies import place, window_of
from understudy.policy.targets import Facts, Target

LONG_INPUT = 30_000
"""Estimated prompt tokens from which a request is `long`."""
SCANNED = 8_000
"""Characters of the last question that are searched for code."""
DEFAULT_TASK = "default"
"""The task of requests that no rule matches."""


class Rule(msgspec.Struct, frozen=True):
    """A task, and when a request belongs to it."""

    task: str
    when: str
    """In words, for plans and the manual."""
    fits: Callable[[GenerationRequest], bool]


def _shows(request: GenerationRequest) -> bool:
    return any(
        isinstance(each, Image | Audio | File)
        for message in request.messages
        for part in message.parts
        for each in (part, *(part.content if isinstance(part, ToolResult) and part.content else ()))
    )


def _is_structured(request: GenerationRequest) -> bool:
    return request.output is not None and request.output.kind != "text"


def _is_long(request: GenerationRequest) -> bool:
    return (expected_usage(request).input_total or 0) >= LONG_INPUT


def _is_code(request: GenerationRequest) -> bool:
    return is_code(next((each.text for each in reversed(request.messages) if each.role is Role.USER), "")[:SCANNED])


RULES = (
    Rule("images", "the request contains an image, audio or a file", _shows),
    Rule("tools", "the request offers tools", lambda request: bool(request.tools)),
    Rule("schema", "the answer must be JSON, or follow a schema", _is_structured),
    Rule("long", f"the prompt has about {LONG_INPUT:,} tokens or more", _is_long),
    Rule("code", "the last question contains code or asks for it", _is_code),
)
"""In the order in which they are tested; a rule is skipped if its task has no targets."""


class TaskBased:
    """Puts the targets of the request's task first, in the order of its list; the others follow by priority.

    Two tasks may list the same entry with different models.
    """

    def __init__(self, tasks: Mapping[str, tuple[str, ...]]) -> None:
        """`tasks` maps a task to `entry` or `entry/model` names."""
        self.tasks = tasks

    def task_of(self, request: GenerationRequest | EmbeddingRequest) -> tuple[str | None, str]:
        """Return the task of a request, and why."""
        if isinstance(request, EmbeddingRequest):
            return None, "embeddings have no task"
        if request.task is not None:
            return request.task, "named by the caller"
        for rule in RULES:
            if rule.task in self.tasks and rule.fits(request):
                return rule.task, rule.when
        why = "no rule matches" if self.tasks else "no tasks are configured"
        return (DEFAULT_TASK if DEFAULT_TASK in self.tasks else None), why

    def __call__(
        self,
        request: GenerationRequest | EmbeddingRequest,
        targets: tuple[Target, ...],
        facts: Facts,
        now: float,
        rng: Random,
    ) -> Plan:
        """Return the plan."""
        task, why = self.task_of(request)
        names = self.tasks.get(task or "", ())
        first = [found for name in names if (found := _named(name, targets)) is not None]
        chosen = set(first)
        rest = sorted((each for each in targets if each not in chosen and each.default), key=place)
        steps = [Step(each, f"task {task}", window_of(each, facts)) for each in first]
        after = "after the targets of the task, " if first else ""
        steps += [Step(each, f"{after}priority {each.priority}", window_of(each, facts)) for each in rest]
        others = tuple(
            Skip(each, "only for other tasks") for each in targets if not each.default and each not in chosen
        )
        return Plan(tuple(steps), others, why=f"task {task}: {why}" if task else why, task=task)


def _named(name: str, targets: tuple[Target, ...]) -> Target | None:
    """Return the target that `entry/model` names, or `entry` with its own model."""
    return next((each for each in targets if each.label == name or (each.name == name and each.default)), None)
