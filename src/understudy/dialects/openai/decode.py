"""Chunks and whole completions to events: one path, for a whole message is one large delta."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, WireError
from understudy.dialects.flaws import AFTER_THE_END, NO_FINAL_USAGE, NO_REASON, REPEATED, SEVERAL_REASONS
from understudy.dialects.logprobs import Logprobs
from understudy.dialects.openai.decode_parts import CallEvent, ToolCalls
from understudy.dialects.openai.errors import ENDED, decode_error_value, decode_failure
from understudy.dialects.openai.usage import HostedTools, apply_breakdown, decode_usage
from understudy.dialects.openai.wire import NAME, ChoiceWire, ChunkWire, DeltaWire, PlainCall
from understudy.domain import events as e
from understudy.domain.content import Audio, Citation, Opaque
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.usage import Usage
from understudy.wire.bounds import BOUNDS
from understudy.wire.json import JsonTooLarge, as_string

Steps = list[e.Event | Failure]

FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
}
"""OpenAI's words, and those that other servers of this dialect use."""

_NOTED_LATE = ("moderation", "usage_breakdown", "prompt_filter_results", "warnings")


class AnswerDecoder:
    """Decodes one answer. `add` every chunk in order, then `finish`.

    `Finished` comes out of `finish`, not where the reason arrives, because usage follows it.
    """

    __slots__ = (
        "_audio",
        "_calls",
        "_earlier",
        "_early",
        "_ending",
        "_endpoint",
        "_finish",
        "_hosted",
        "_is_stale",
        "_known",
        "_logprobs",
        "_parts",
        "_places",
        "_started",
        "_usage",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._started = False
        self._early: Steps = []
        self._parts = 0
        self._places: dict[str, int] = {}
        self._calls = ToolCalls()
        self._audio: dict[str, Any] = {}
        self._finish: str | None = None
        self._ending: ChunkWire | None = None
        """The chunk with the finish reason."""
        self._usage: Usage | None = None
        self._is_stale = False
        """Content has followed the last report of usage, which then is not the final one."""
        self._earlier: str | None = None
        """A finish reason that content has followed: Together gives one for each of several tool calls."""
        self._known: dict[str, Any] = {}
        self._logprobs: Logprobs | None = None
        self._hosted: HostedTools | None = None

    def add(self, chunk: ChunkWire, *, whole: bool = False) -> Steps:
        """Decode a chunk, or a `whole` completion."""
        if chunk.error:
            return [self._failure(chunk.error)]
        steps: Steps = []
        if not self._started and not self._start(chunk, steps):
            # Azure's first chunk has only filter results: what it says waits for the start.
            self._facts(chunk, self._early)
            return []
        choice = _first(chunk.choices, whole=whole)
        if choice is not None:
            delta, message = choice.delta, choice.message
            if message is not None:
                delta = message if delta is None else self._of_both(choice, delta, message, whole=whole)
            if delta is not None:
                self._delta(delta, steps, whole=whole)
            if steps and (self._usage is not None or self._finish is not None):
                self._is_stale = True
                if self._finish is not None:
                    self._earlier, self._finish = self._finish, None
            if choice.logprobs is not None or choice.content_filter_results:
                self._choice_facts(choice, steps, whole=whole)
            if choice.finish_reason:
                self._end(chunk, _name(choice.finish_reason) or self._finish, steps)
                self._flush(steps)
        self._facts(chunk, steps)
        return steps

    @property
    def is_growing(self) -> bool:
        """Whether more of a part changes nothing else of the answer."""
        return self._usage is None and self._finish is None

    def more_arguments(self, piece: PlainCall, wire: bytes | None) -> e.ToolCallDelta | None:
        """Decode more of the arguments of a call, as `add` does; `None` if the call has not begun."""
        part = self._calls.go_on(piece.index)
        return None if part is None else e.ToolCallDelta(part, piece.function.arguments, wire)

    def _end(self, chunk: ChunkWire, reason: str | None, steps: Steps) -> None:
        """Note a chunk with a finish reason, of which there should be one."""
        if chunk == self._ending:
            steps.append(e.Warned(REPEATED))
        elif self._finish is not None and reason != self._finish:
            steps.append(e.Warned(SEVERAL_REASONS))
        self._ending, self._finish = chunk, reason

    def finish(self, *, whole: bool = False, marked: bool = False) -> Steps:
        """Decode the end. A stream without a finish reason is truncated, unless an end mark (`marked`) follows content;
        a whole body is an end in itself."""
        raw = self._finish or (self._earlier if marked else None)
        if raw is None and not whole and not (marked and (self._parts or self._calls)):
            return [Failure(kind=FailureKind.TRUNCATED, message="the stream ended before the answer was finished")]
        if raw == ENDED:
            error = WireError(message="the provider ended the answer with an error", code=raw)
            return [decode_failure(error, self._endpoint)]
        steps: Steps = []
        self._flush(steps)
        if self._calls.has_strays:
            return [
                Failure(
                    kind=FailureKind.BAD_RESPONSE, message="arguments arrived for a tool call that was never started"
                )
            ]
        if raw is None and not (whole and self._calls):
            steps.append(e.Warned(NO_REASON))
        if self._finish is None and raw is not None:
            steps.append(e.Warned(AFTER_THE_END))
        if self._usage is not None and self._is_stale:
            # Unknown: what was counted on the way is less than the whole.
            interim = msgspec.structs.replace(self._usage, output=None, reasoning=None, audio_output=None)
            steps += (e.UsageReported(interim), e.Warned(NO_FINAL_USAGE))
        elif self._usage is not None and (self._hosted is not None or "usage_breakdown" in self._known):
            usage = apply_breakdown(self._usage, self._known.get("usage_breakdown"))
            tools = self._hosted.calls() if self._hosted is not None else None
            steps.append(e.UsageReported(msgspec.structs.replace(usage, tools=tools)))
        if self._logprobs is not None and self._logprobs.lists:
            steps.append(e.FactReported("logprobs", self._logprobs.lists))
        reason = FINISH_REASONS.get(raw or "", FinishReason.UNKNOWN)
        if self._calls and (raw == "stop" or (raw is None and whole)):
            # A call of the tool that was named by tool_choice ends with `stop` at OpenAI.
            reason = FinishReason.TOOL_CALLS
        steps.append(e.Finished(reason, raw))
        return steps

    def _start(self, chunk: ChunkWire, steps: Steps) -> bool:
        if not (chunk.id or chunk.model or chunk.choices):
            return False
        self._started = True
        answer_id = _name(chunk.id)
        created = chunk.created if type(chunk.created) in (int, float) and chunk.created else None
        steps.append(e.Started(id=answer_id, model=_name(chunk.model), created=created))
        self._calls.begin(answer_id)
        steps += self._early
        self._early = []
        return True

    def _of_both(self, choice: ChoiceWire, delta: DeltaWire, message: DeltaWire, *, whole: bool) -> DeltaWire:
        """Return what a choice with both adds: Perplexity sends the piece and also the message so far; a whole
        completion may hold the message and an empty piece."""
        first, second = (message, delta) if whole else (delta, message)
        return second if choice.finish_reason and not self._parts and not _says(first) else first

    def _failure(self, error: Any) -> Failure:
        read = decode_error_value({"error": error})
        if read is None:
            return Failure(kind=FailureKind.SERVER_ERROR, message="the provider reported an error without a message")
        return decode_failure(read, self._endpoint)

    def _place(self, kind: str) -> int:
        """Return the index of the part of that kind; there is one text, one thinking and one refusal."""
        place = self._places.get(kind)
        if place is None:
            place = self._places[kind] = self._parts
            self._parts += 1
        return place

    def _delta(self, delta: DeltaWire, steps: Steps, *, whole: bool) -> None:
        thinking = delta.reasoning or delta.reasoning_content
        if thinking and isinstance(thinking, str):
            steps.append(e.ThinkingDelta(self._place("thinking"), thinking))
        content = delta.content
        if content:
            if isinstance(content, str):
                place = self._places.get("text")
                steps.append(e.TextDelta(self._place("text") if place is None else place, content))
            elif isinstance(content, list):
                for part in content:
                    self._part(part, steps)
        if delta.refusal and isinstance(delta.refusal, str):
            steps.append(e.RefusalDelta(self._place("refusal"), delta.refusal))
        if delta.tool_calls or delta.annotations or delta.function_call or delta.audio or delta.executed_tools:
            self._beside_text(delta, steps, whole=whole)

    def _beside_text(self, delta: DeltaWire, steps: Steps, *, whole: bool) -> None:
        if delta.annotations and isinstance(delta.annotations, list):
            steps += [
                e.CitationAdded(self._place("text"), _citation(annotation))
                for annotation in delta.annotations
                if isinstance(annotation, dict)
            ]
        for piece in delta.tool_calls or ():
            self._add_calls(self._calls.add(piece, self._parts, whole=whole), steps)
        if delta.function_call is not None:
            self._add_calls(self._calls.add_legacy(delta.function_call, self._parts), steps)
        if isinstance(delta.audio, dict):
            self._add_audio(delta.audio)
        if delta.executed_tools and isinstance(delta.executed_tools, list):
            steps.append(e.FactReported("executed_tools", delta.executed_tools, append=True))
        if delta.executed_tools or delta.annotations:
            self._hosted = self._hosted or HostedTools()
            self._hosted.add(delta.executed_tools, delta.annotations)

    def _add_calls(self, events: list[CallEvent], steps: Steps) -> None:
        if not events:
            return
        self._parts += sum(isinstance(event, e.ToolCallStarted) for event in events)
        steps += events

    def _part(self, part: Any, steps: Steps) -> None:
        """Decode one part of a `content` that is an array, as several servers write it."""
        if isinstance(part, str):
            steps.append(e.TextDelta(self._place("text"), part))
            return
        match part:
            case {"type": "text" | "output_text", "text": str(text)}:
                if text:
                    steps.append(e.TextDelta(self._place("text"), text))
            case {"type": "refusal", "refusal": str(text)}:
                steps.append(e.RefusalDelta(self._place("refusal"), text))
            case {"type": "thinking" | "reasoning", "thinking": list(pieces)}:
                text = "".join(p["text"] for p in pieces if isinstance(p, dict) and isinstance(p.get("text"), str))
                steps.append(e.ThinkingDelta(self._place("thinking"), text))
            case {"type": "thinking" | "reasoning", "text": str(text)} | {"type": "thinking", "thinking": str(text)}:
                steps.append(e.ThinkingDelta(self._place("thinking"), text))
            case dict():
                steps.append(e.PartAdded(self._parts, Opaque(NAME, part)))
                self._parts += 1

    def _add_audio(self, audio: dict[str, Any]) -> None:
        """Add audio, which comes in pieces of base64 and transcript; it becomes one part at the end of the answer."""
        for key, value in audio.items():
            if key in ("data", "transcript"):
                if isinstance(value, str):
                    self._audio.setdefault(key, []).append(value)
            elif value is not None:
                self._audio[key] = value

    def _flush(self, steps: Steps) -> None:
        self._add_calls(self._calls.flush(self._parts), steps)
        if self._audio:
            audio, self._audio = self._audio, {}
            file_id = as_string(audio.pop("id", None))
            data, transcript = ("".join(audio.pop(key)) if key in audio else None for key in ("data", "transcript"))
            part = Audio(file_id=file_id, data=data, transcript=transcript, extra={NAME: audio} if audio else None)
            steps.append(e.PartAdded(self._parts, part))
            self._parts += 1

    def _facts(self, chunk: ChunkWire, steps: Steps) -> None:
        if chunk.service_tier is not None:
            self._note("service_tier", chunk.service_tier, steps)
        if chunk.system_fingerprint is not None:
            self._note("system_fingerprint", chunk.system_fingerprint, steps)
        if chunk.usage is not None:
            self._count(chunk.usage, steps)
        if chunk.moderation or chunk.usage_breakdown or chunk.prompt_filter_results or chunk.warnings:
            for key in _NOTED_LATE:
                if value := getattr(chunk, key):
                    self._note(key, value, steps)
        if chunk.x_groq is not None:
            self._groq_facts(chunk, steps)

    def _count(self, raw: Any, steps: Steps) -> None:
        usage = decode_usage(raw)
        if usage is not None:
            if not usage.is_unknown:
                self._usage, self._is_stale = usage, False
            steps.append(e.UsageReported(usage))

    def _groq_facts(self, chunk: ChunkWire, steps: Steps) -> None:
        if not isinstance(chunk.x_groq, dict):
            return
        facts = {key: value for key, value in chunk.x_groq.items() if key not in ("usage", "error")}
        if facts:
            known = {**self._known.get("x_groq", {}), **facts}
            if len(known) > BOUNDS.depth:
                raise JsonTooLarge(f"`x_groq` has more than {BOUNDS.depth} fields")
            self._note("x_groq", known, steps)
        # The same counts may stand in both places: cumulative reports replace each other, nothing is added.
        if chunk.usage is None:
            self._count(chunk.x_groq.get("usage"), steps)
        if error := chunk.x_groq.get("error"):
            steps.append(self._failure(error))

    def _choice_facts(self, choice: ChoiceWire, steps: Steps, *, whole: bool) -> None:
        if choice.content_filter_results:
            self._note("content_filter_results", choice.content_filter_results, steps)
        if choice.logprobs is None:
            return
        delta = choice.delta or choice.message
        text = delta.content if delta is not None and isinstance(delta.content, str) else ""
        for key, entries in _logprobs(choice.logprobs, text).items():
            if self._logprobs is None:
                self._logprobs = Logprobs(self._endpoint.bounds)
            self._logprobs.add(entries, key, whole=whole)

    def _note(self, key: str, value: Any, steps: Steps) -> None:
        """Report a fact once, and again when it changes: every chunk repeats it."""
        if self._known.get(key) != value:
            self._known[key] = value
            steps.append(e.FactReported(key, value))


def _first(choices: list[ChoiceWire] | None, *, whole: bool) -> ChoiceWire | None:
    if not choices:
        return None
    if not choices[0].index:
        return choices[0]
    return next((choice for choice in choices if not choice.index), choices[0] if whole else None)


def _says(delta: DeltaWire) -> bool:
    """Check whether a message has any content."""
    return any((delta.content, delta.reasoning, delta.reasoning_content, delta.refusal, delta.tool_calls, delta.audio))


def _name(value: Any) -> str | None:
    """Return an id or a model's name, which some servers write as a number."""
    if isinstance(value, str):
        return value or None
    return str(value) if type(value) is int and value else None


def _citation(annotation: dict[str, Any]) -> Citation:
    inner = annotation.get(str(annotation.get("type")))
    fields = inner if isinstance(inner, dict) else annotation
    start, end = fields.get("start_index"), fields.get("end_index")
    url, title = fields.get("url"), fields.get("title")
    return Citation(
        url=url if isinstance(url, str) else None,
        title=title if isinstance(title, str) else None,
        start=start if type(start) is int else None,
        end=end if type(end) is int else None,
        raw=annotation,
        dialect=NAME,
    )


def _logprobs(value: Any, text: str) -> dict[str, list[Any]]:
    """Return log probabilities in OpenAI's form, a list of tokens each for content and refusal.

    Together writes parallel arrays, or in chunks a bare number.
    """
    match value:
        case {"tokens": list(tokens), "token_logprobs": list(numbers)}:
            return {"content": [_token(token, number) for token, number in zip(tokens, numbers, strict=False)]}
        case dict():
            return {key: value[key] for key in ("content", "refusal") if isinstance(value.get(key), list)}
        case int() | float() if not isinstance(value, bool) and text:
            return {"content": [_token(text, value)]}
    return {}


def _token(token: Any, logprob: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": []}
