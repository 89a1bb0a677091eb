"""The strategy `task_based`: what a request is for decides who goes first.

The caller names the task, or the first of `RULES` picks one that has a list of its own. The rules look at the request
alone and are plain enough to be foretold; the plan says which one it was.
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
"""Estimated tokens of prompt from which on a request is `long`."""
SCANNED = 8_000
"""Characters of the last question that are searched for code."""
DEFAULT_TASK = "default"
"""The task of requests that no rule fits."""


class Rule(msgspec.Struct, frozen=True):
    """A task, and when a request is taken for it."""

    task: str
    when: str
    """In words, for plans and manuals."""
    fits: Callable[[GenerationRequest], bool]


def _shows(request: GenerationRequest) -> bool:
    return any(
        isinstance(each, Image | Audio | File)
        for message in request.messages
        for part in message.parts
        for each in (part, *(part.content if isinstance(part, ToolResult) and part.content else ()))
    )


def _calls(request: GenerationRequest) -> bool:
    return bool(request.tools)


def _is_structured(request: GenerationRequest) -> bool:
    return request.output is not None and request.output.kind != "text"


def _is_long(request: GenerationRequest) -> bool:
    return (expected_usage(request).input_total or 0) >= LONG_INPUT


def _is_code(request: GenerationRequest) -> bool:
    return is_code(next((each.text for each in reversed(request.messages) if each.role is Role.USER), "")[:SCANNED])


RULES = (
    Rule("images", "it shows an image, audio or a file", _shows),
    Rule("tools", "it offers tools", _calls),
    Rule("schema", "the answer is to have the form of a schema", _is_structured),
    Rule("long", f"the prompt has about {LONG_INPUT:,} tokens or more", _is_long),
    Rule("code", "the last question holds code or asks for some", _is_code),
)
"""In the order in which they are asked; a rule without a list of targets is not."""


class TaskBased:
    """Puts the targets of the request's task ahead, in the order of its list; the others stay behind, by priority.

    Two tasks may name an entry with different models.
    """

    def __init__(self, tasks: Mapping[str, tuple[str, ...]]) -> None:
        """`tasks` maps a task to `entry` or `entry/model` names."""
        self.tasks = tasks

    def task_of(self, request: GenerationRequest | EmbeddingRequest) -> tuple[str | None, str]:
        """Return the task that a request is taken for, and why."""
        if isinstance(request, EmbeddingRequest):
            return None, "embeddings have no task"
        if request.task is not None:
            return request.task, "named by the caller"
        for rule in RULES:
            if rule.task in self.tasks and rule.fits(request):
                return rule.task, rule.when
        return (DEFAULT_TASK if DEFAULT_TASK in self.tasks else None), "no rule fits" if self.tasks else "no tasks"

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
        behind = "behind the task's own, " if first else ""
        steps += [Step(each, f"{behind}priority {each.priority}", window_of(each, facts)) for each in rest]
        others = tuple(Skip(each, "for other tasks") for each in targets if not each.default and each not in chosen)
        return Plan(tuple(steps), others, why=f"task {task}: {why}" if task else why, task=task)


def _named(name: str, targets: tuple[Target, ...]) -> Target | None:
    """Return the target that `entry/model` names, or `entry` with its own model."""
    return next((each for each in targets if each.label == name or (each.name == name and each.default)), None)
