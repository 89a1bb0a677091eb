"""How agents ask for a summary of their conversation, and a model that gives one.

The summary states how many steps are done, and conversations that go on from it begin with the next one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from understudy.domain.content import Opaque
from understudy.domain.requests import GenerationRequest
from understudy.emulator import Emulator
from understudy.emulator.answers import StepFaults

_ASKED = re.compile(
    "CONTEXT CHECKPOINT COMPACTION"  # Codex
    "|create a detailed summary of the conversation"  # Claude Code
    "|context summarization agent"  # opencode
    "|<state_snapshot>"  # Gemini CLI
    "|is about to be replaced by what you write next"  # the gateway, in the place of OpenAI
    '|"compaction_trigger"'  # Codex, of OpenAI itself
)
_MARK = "<summary>{} steps of the calculator are done.</summary>"
_MARKED = re.compile(r"(\d+) steps of the calculator are done")


def _texts(request: GenerationRequest) -> list[str]:
    return [message.text for message in request.messages]


def _asks(request: GenerationRequest) -> bool:
    texts = _texts(request)
    if request.messages and any(
        isinstance(part, Opaque) and is_summary(part.json) for part in request.messages[-1].parts
    ):
        return True
    return any(_ASKED.search(text) for text in (*texts[:1], *texts[-1:]))


def is_summary(body: Any) -> bool:
    """Check whether the body of a request asks for a summary."""
    return _ASKED.search(json.dumps(body)) is not None


def marked(request: GenerationRequest) -> int:
    """Return how many steps are done according to the last summary in a conversation."""
    found = [int(each) for text in _texts(request) for each in _MARKED.findall(text)]
    return found[-1] if found else 0


def _goes_on_from(step: int) -> Callable[[GenerationRequest], bool]:
    return lambda request: not _asks(request) and marked(request) == step


class Summaries:
    """The model's summaries, the same at every vendor."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def script(self, vendor: str, script: Sequence[Any], faults: StepFaults) -> None:
        """Give a vendor the script of the task for a conversation that goes on from any step."""
        for step in range(len(script) + 1):
            self._emulator.answers(vendor, [_MARK.format(step)], when=self._is_time(step))
        for step in range(len(script)):
            self._emulator.answers(vendor, script, faults=faults, first=step, when=_goes_on_from(step))

    def _is_time(self, step: int) -> Callable[[GenerationRequest], bool]:
        return lambda request: _asks(request) and self._done() == step

    def _done(self) -> int:
        """Return how many steps have been answered, by whichever vendor."""
        received = (each for vendor in self._emulator.providers for each in self._emulator.requests(vendor))
        steps = (each.step for each in received if each.outcome == "answered" and each.fault is None)
        return max((step + 1 for step in steps if step is not None), default=0)
