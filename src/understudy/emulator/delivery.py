"""Delivers an emulated answer: its parts in pieces, within the limits, with usage and finish reason."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from understudy.domain import events as e
from understudy.domain.content import AnyPart, Opaque, Text, Thinking, ToolCall
from understudy.domain.finish import FinishReason
from understudy.domain.requests import GenerationRequest
from understudy.domain.usage import Usage
from understudy.emulator import brain
from understudy.emulator.persona import Performance
from understudy.emulator.prompt import prompt_tokens
from understudy.emulator.tokens import head, word_cost, words

_ARGUMENT_PIECE = re.compile(r".{1,12}", re.S)


def answer(
    request: GenerationRequest, performance: Performance, scripted: Sequence[AnyPart] | None = None
) -> list[e.Event]:
    """Return the events of the answer to a request; `scripted` are the parts of a scripted one."""
    prompt = prompt_tokens(request)
    cached = performance.cached
    known = Usage(
        input=max(0, prompt - cached.read - cached.write - cached.write_1h),
        cache_read=cached.read or None,
        cache_write=cached.write or None,
        cache_write_1h=cached.write_1h or None,
    )
    events: list[e.Event] = [
        e.Started(id=performance.answer_id, model=performance.model, created=performance.created),
        e.UsageReported(known),
    ]
    parts, stopped = _until_stop(brain.compose(request, performance, scripted), request.stop)
    delivery = _Delivery(request, performance)
    for part in parts:
        events += delivery.part(part)
        if delivery.exhausted:
            break
    usage = known.merged(delivery.usage())
    events.append(e.UsageReported(usage))
    if performance.persona.durations:
        events.append(e.FactReported("durations", _durations(usage)))
    word = performance.persona.stop_word if stopped is not None and not delivery.exhausted else None
    if word is not None:
        events.append(e.FactReported(word, stopped))
    events.append(e.Finished(delivery.reason(), word))
    return events


def _until_stop(parts: list[AnyPart], stops: tuple[str, ...]) -> tuple[list[AnyPart], str | None]:
    """Cut the answer's text before the first stop sequence in it, and return that sequence."""
    for at, part in enumerate(parts):
        if isinstance(part, Text):
            found = [(place, stop) for stop in stops if stop and (place := part.text.find(stop)) >= 0]
            if found:
                place, stop = min(found)
                return [*parts[:at], Text(part.text[:place])], stop
    return parts, None


class _Delivery:
    """Counts tokens while parts are cut into pieces, and stops at `max_tokens`."""

    def __init__(self, request: GenerationRequest, performance: Performance) -> None:
        self._performance = performance
        self._left = request.max_tokens
        self._display = request.reasoning.display if request.reasoning else None
        self._index = 0
        self._spent = 0
        self._reasoned = 0
        self._called = False
        self.exhausted = False

    def part(self, part: AnyPart) -> Iterator[e.Event]:
        match part:
            case Thinking():
                yield from self._thinking(part)
            case Text(text=text):
                yield from (e.TextDelta(self._index, piece) for piece in self._pieces(words(text)))
                self._index += 1
            case ToolCall():
                self._called = True
                yield from (e.PartExtra(self._index, *own) for own in (part.extra or {}).items())
                yield e.ToolCallStarted(self._index, part.id, part.name)
                pieces = self._pieces(_ARGUMENT_PIECE.findall(part.arguments))
                yield from (e.ToolCallDelta(self._index, piece) for piece in pieces)
                self._index += 1
            case Opaque(json=item):
                self._spent += word_cost(str(item))
                yield e.PartAdded(self._index, part)
                self._index += 1
            case _:
                raise AssertionError(f"the emulated model never answers with {type(part).__name__}")

    def _thinking(self, part: Thinking) -> Iterator[e.Event]:
        before = self._spent
        pieces = list(self._pieces(words(part.text)))
        self._reasoned += self._spent - before
        way = self._performance.persona.thinking
        if way == "hidden" or (way in ("summary", "encrypted") and self._display is None):
            return
        shown = [] if self._display == "omitted" else pieces
        yield from (e.ThinkingDelta(self._index, piece) for piece in (shown or [""]))
        if way in ("signed", "encrypted"):
            digest = blake2b(part.text.encode(), digest_size=48, person=b"understudy").digest()
            yield e.ThinkingSigned(self._index, b64encode(digest).decode())
        self._index += 1

    def _pieces(self, pieces: list[str]) -> Iterator[str]:
        """Yield the pieces that the remaining tokens allow."""
        for piece in pieces:
            cost = word_cost(piece)
            if self._left is not None and self._spent + cost > self._left:
                rest = head(piece, self._left - self._spent) if self._left > self._spent else ""
                self._spent = self._left
                self.exhausted = True
                if rest.strip():
                    yield rest
                return
            self._spent += cost
            yield piece

    def usage(self) -> Usage:
        if self._performance.persona.counts_reasoning:
            return Usage(output=self._spent - self._reasoned, reasoning=self._reasoned)
        return Usage(output=self._spent)

    def reason(self) -> FinishReason:
        if self.exhausted:
            return FinishReason.LENGTH
        return FinishReason.TOOL_CALLS if self._called else FinishReason.STOP


def _durations(usage: Usage) -> dict[str, int]:
    """Return plausible times for the tokens; they are computed, not measured, and so never change."""
    prompt, answered = (usage.input_total or 0) * 500_000, (usage.output_total or 0) * 10_000_000
    times = {"load_duration": 20_000_000, "prompt_eval_duration": prompt, "eval_duration": answered}
    return {"total_duration": sum(times.values()), **times}
