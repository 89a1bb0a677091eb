"""An answer that one provider began and another one continues, by prefill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from understudy.domain.content import AnyPart, Text
from understudy.domain.events import EventBase, Finished, Started, TextDelta, Warned
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message, Role
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.engine.attempt import Attempt
from understudy.engine.backend import Backend
from understudy.engine.engine import Engine
from understudy.engine.job import Job
from understudy.policy.signals import Failed, Launch

REPEATED = 4
"""Characters: of a shorter beginning, a continuation that starts alike is not taken for a repetition."""


def is_continuable(shown: GenerationResponse | None, request: GenerationRequest) -> bool:
    """Check whether another model can continue what was shown: plain text, of an answer in free form.

    The frames of a wire that are handed on as they are have ids of their own, so those of two answers do not mix; and
    thinking models do not think after a beginning.
    """
    if shown is None or not shown.text.strip() or request.output is not None or request.origin is not None:
        return False
    if request.reasoning is not None and request.reasoning.effort != "none":
        return False
    if not request.messages or request.messages[-1].role is Role.ASSISTANT:
        return False
    return all(isinstance(part, Text) and not part.citations for part in shown.message.parts)


def failed(attempt: Attempt, failure: Failure, job: Job) -> Failed:
    """Return how an attempt of a job failed, and whether what the caller has been shown could be continued."""
    stream, mode = attempt.stream, job.rules.on_midstream_error
    continuable = mode == "continue" and is_continuable(attempt.whole, job.request)
    return Failed(attempt.number, failure, stream.answered, stream.translated, continuable)


class Shown(msgspec.Struct, frozen=True):
    """What the caller has been shown: by whom, how it broke, and the number of its last part."""

    response: GenerationResponse
    provider: str
    failure: Failure
    index: int

    @classmethod
    def of(cls, broken: Attempt) -> Shown | None:
        """Return what the caller has been shown of an attempt that broke."""
        if broken.whole is None or broken.failure is None or broken.fold is None:
            return None
        return cls(broken.whole, broken.launch.target.name, broken.failure, broken.fold.last_index)


class Seam:
    """Where a continuation begins: what it repeats of the text before it is removed."""

    def __init__(self, shown: str) -> None:
        self.sent = shown.rstrip()
        """Without the white space at its end, which some models refuse there and others repeat."""
        self._blanks = shown[len(self.sent) :]
        self._repeats = len(self.sent) >= REPEATED
        self._pending = ""
        self._is_over = False

    def feed(self, text: str) -> str:
        """Return what is new in the next piece, as far as that is certain."""
        if self._is_over:
            return text
        pending = self._pending + text
        if self._repeats:
            if self.sent.startswith(pending):
                self._pending = pending
                return ""
            self._repeats = False
            pending = pending.removeprefix(self.sent)
        if len(pending) < len(self._blanks) and self._blanks.startswith(pending):
            self._pending = pending
            return ""
        self._is_over, self._pending = True, ""
        return pending.removeprefix(self._blanks)

    def close(self) -> str:
        """Return what was held back, at the end: a part of the beginning is none of its repetition."""
        pending, self._pending = self._pending, ""
        return pending if self._repeats and pending != self.sent else ""


class ContinuingAttempt(Attempt):
    """An attempt that is given the beginning of the answer. What it folds and hands out is the continuation alone."""

    def __init__(
        self, job: Job, launch: Launch, backend: Backend, engine: Engine, now: Callable[[], float], shown: Shown
    ) -> None:
        """`now`: as for an `Attempt`."""
        self._shown = shown
        self._seam = Seam(shown.response.text)
        self._text: int | None = None
        self._others: dict[int, int] = {}
        begun = Message(Role.ASSISTANT, self._seam.sent)
        request = msgspec.structs.replace(job.request, messages=(*job.request.messages, begun))
        super().__init__(msgspec.structs.replace(job, request=request), launch, backend, engine, now)
        note = Warned(Warning(WarningKind.EMULATED, "answer", self._note()))
        super().take([note])

    def _note(self) -> str:
        shown, follower = self._shown, self.launch.target.label
        return (
            f"interrupted at {shown.provider} after {len(shown.response.text)} characters ({shown.failure.kind}), and "
            f"continued by {follower}"
        )

    def take(self, batch: list[Any]) -> list[Any] | None:
        """Fold the new part of a batch; return it without the second beginning, or hold it; see `Attempt.take`."""
        pieces: list[Any] = []
        for event in batch:
            pieces += self._fitted(event)
        taken = super().take(pieces)
        return None if taken is None else _without_start(taken)

    def release(self) -> list[Any]:
        """Return the events held so far, without the second beginning; see `Attempt.release`."""
        return _without_start(super().release())

    def _fitted(self, event: Any) -> list[Any]:
        """Return an event as one of the whole answer: no repetition, and parts numbered after those shown."""
        match event:
            case TextDelta(index) if index == self._text or self._text is None:
                self._text = index
                text = self._seam.feed(event.text)
                return [TextDelta(self._shown.index, text)] if text else []
            case Finished():
                rest = self._seam.close()
                return [TextDelta(self._shown.index, rest), event] if rest else [event]
        own: int | None = getattr(event, "index", None)
        if own is None:
            return [event]
        if own == self._text:
            return [msgspec.structs.replace(event, index=self._shown.index)]
        number = self._others.setdefault(own, self._shown.index + 1 + len(self._others))
        return [msgspec.structs.replace(event, index=number)]

    def conclude(self) -> None:
        """Fold and validate the continuation. It may be empty: the answer may have been whole."""
        super().conclude()
        response, failure = self.response, self.failure
        if response is None or failure is None or failure.kind is not FailureKind.EMPTY:
            return
        if response.finish_reason is FinishReason.STOP:
            self.failure = None

    @property
    def whole(self) -> GenerationResponse | None:
        """What was shown before, and the continuation."""
        if self.response is None:
            return None
        parts = _joined(self._shown.response.message.parts, self.response.message.parts)
        match parts:
            case (Text(text, citations=(), extra=None),):
                content: str | tuple[AnyPart, ...] = text
            case _:
                content = parts
        earlier = tuple(each for each in self._shown.response.warnings if each not in self.response.warnings)
        return msgspec.structs.replace(
            self.response,
            message=Message(Role.ASSISTANT, content),
            warnings=(*earlier, *self.response.warnings),
        )


def _joined(before: tuple[AnyPart, ...], after: tuple[AnyPart, ...]) -> tuple[AnyPart, ...]:
    """Return the parts of an answer and its continuation: the first text of this goes on where that ended.

    The ids that the text before had at its provider mean nothing any more.
    """
    texts = [Text(part.text) for part in before if isinstance(part, Text)]
    more = next((part for part in after if isinstance(part, Text)), None)
    if more is None:
        return (*texts, *after)
    whole = msgspec.structs.replace(more, text=texts[-1].text + more.text)
    return (*texts[:-1], whole, *(part for part in after if part is not more))


def _without_start(events: list[EventBase]) -> list[EventBase]:
    return [event for event in events if not isinstance(event, Started)]
