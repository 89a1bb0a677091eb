"""Decodes answers of `generateContent` to events. A whole body has the form of the only chunk of a stream."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.flaws import NO_FINAL_USAGE, REPEATED
from understudy.dialects.gemini.citations import decode_citations
from understudy.dialects.gemini.errors import decode_failure, decode_finish_failure
from understudy.dialects.gemini.logprobs import decode_logprobs
from understudy.dialects.gemini.media import read_media
from understudy.dialects.gemini.usage import decode_usage
from understudy.dialects.gemini.wire import (
    FINISH_FAILURES,
    FINISH_NUMBERS,
    FINISH_REASONS,
    NAME,
    SIGNATURE,
    Candidate,
    Chunk,
    FunctionCall,
    Part,
)
from understudy.dialects.logprobs import Logprobs
from understudy.domain import events as e
from understudy.domain.content import JsonObject, Opaque
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.usage import Usage
from understudy.wire.bounds import Bounds
from understudy.wire.json import BadJson, decode, decode_as, decode_object, nonempty, text_of

Steps = list[e.Event | Failure]

_PART: msgspec.json.Decoder[Part] = msgspec.json.Decoder(Part)
_CHUNK: msgspec.json.Decoder[Chunk] = msgspec.json.Decoder(Chunk)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def decode_chunk(data: bytes, bounds: Bounds) -> Chunk:
    """Read a chunk or whole answer. Raises `BadJson`."""
    return decode_as(_CHUNK, data, decoded=bounds.at_once)


class AnswerDecoder:
    """The answer while it arrives. `add` every chunk in order, then `finish`.

    `finish` returns `Finished`: more chunks may follow the one with a reason, after hosted code was run.
    """

    __slots__ = (
        "_call_seed",
        "_calls",
        "_ending",
        "_endpoint",
        "_facts",
        "_finish",
        "_ids",
        "_is_stale",
        "_logprobs",
        "_open",
        "_parts",
        "_started",
        "_text",
        "_tier",
        "_usage",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._started = False
        self._call_seed = ""
        self._parts = 0
        self._calls = 0
        self._ids: set[str] = set()
        self._open: tuple[str, int] | None = None
        """Kind and number of the part that more text continues."""
        self._text: int | None = None
        """Number of the last text part, to which citations belong."""
        self._finish: str | None = None
        self._ending: Chunk | None = None
        """The latest chunk with a finish reason. The counts of two are never the same, if it is meant twice."""
        self._usage: JsonObject | None = None
        self._is_stale = False
        """Content has followed the last report of usage, so that it is not the final one."""
        self._tier: Any = None
        self._facts: JsonObject = {}
        self._logprobs = Logprobs(endpoint.bounds)

    def add(self, chunk: Chunk, *, whole: bool = False) -> Steps:
        """Decode a chunk, or a whole answer."""
        if chunk.error:
            return [decode_failure(chunk.error, self._endpoint)]
        candidate = _first(chunk.candidates)
        # Before any state changes: a chunk with an invalid number is mended and read again.
        logprobs: list[JsonObject] = []
        if candidate and candidate.logprobs_result:
            result = decode(bytes(candidate.logprobs_result), decoded=self._endpoint.bounds.decoded)
            logprobs = decode_logprobs(result) if isinstance(result, dict) else []
        steps: Steps = []
        if not self._started and not self._start(chunk, steps):
            return []
        if isinstance(chunk.prompt_feedback, dict):
            self._facts["promptFeedback"] = chunk.prompt_feedback
            if candidate is None and (blocked := _blocked(chunk.prompt_feedback)) is not None:
                return [*steps, blocked]
        if candidate is not None:
            self._candidate(chunk, candidate, steps)
            if logprobs:
                self._logprobs.add(logprobs, whole=whole)
            if steps and self._usage is not None:
                self._is_stale = True
        if chunk.model_status is not None:
            self._facts["modelStatus"] = chunk.model_status
        if isinstance(chunk.usage_metadata, dict):
            self._count(chunk.usage_metadata, steps)
        return steps

    def finish(self, *, whole: bool = False) -> Steps:
        """Return the end. A stream without a finish reason is truncated; a whole body is complete in itself."""
        raw = self._finish
        if raw is None and not whole:
            return [Failure(kind=FailureKind.TRUNCATED, message="the stream ended before the answer was finished")]
        if (failure := self._failure(raw or "")) is not None:
            return [failure]
        steps: Steps = []
        if self._usage is not None and self._is_stale:
            # Unknown: an interim count is less than the whole.
            interim = msgspec.structs.replace(self._counts(), output=None, reasoning=None, audio_output=None)
            steps += (e.UsageReported(interim), e.Warned(NO_FINAL_USAGE))
        elif self._usage is not None and "groundingMetadata" in self._facts:
            steps.append(e.UsageReported(self._counts()))  # which may have come after the counts
        if self._text is not None:
            steps += [e.CitationAdded(self._text, citation) for citation in decode_citations(self._facts)]
        steps += [e.FactReported(name, value) for name, value in self._facts.items()]
        if self._logprobs.lists:
            steps.append(e.FactReported("logprobs", self._logprobs.lists))
        reason = FINISH_REASONS.get(raw or "", FinishReason.UNKNOWN)
        if self._calls and raw in ("STOP", None):
            reason = FinishReason.TOOL_CALLS
        steps.append(e.Finished(reason, raw))
        return steps

    def _start(self, chunk: Chunk, steps: Steps) -> bool:
        said = (chunk.candidates, chunk.prompt_feedback, chunk.usage_metadata, chunk.model_version, chunk.response_id)
        if all(value is None for value in said):
            return False
        self._started = True
        answer_id, model = nonempty(chunk.response_id), nonempty(chunk.model_version)
        self._call_seed = _UNSAFE.sub("", answer_id or "")[-12:]
        steps.append(e.Started(id=answer_id, model=model))
        return True

    def _failure(self, raw: str) -> Failure | None:
        """Return the failure that a finish reason means; `OTHER` means one if the answer is empty."""
        if raw not in FINISH_FAILURES and (raw != "OTHER" or self._parts):
            return None
        said = self._facts.get("finishMessage")
        message = f"{raw}: {said}" if said else f"the model stopped with {raw}"
        return decode_finish_failure(message, raw, self._endpoint)

    def _candidate(self, chunk: Chunk, candidate: Candidate, steps: Steps) -> None:
        if candidate.content is not None:
            for raw in candidate.content.parts or ():
                self._part(raw, steps)
        if candidate.finish_reason is not None:
            self._finish = _reason(candidate.finish_reason) or self._finish
            if chunk == self._ending:
                steps.append(e.Warned(REPEATED))
            self._ending = chunk
        for name, kind, fact in (
            ("citationMetadata", dict, candidate.citation_metadata),
            ("urlContextMetadata", dict, candidate.url_context_metadata),
            ("safetyRatings", list, candidate.safety_ratings),
            ("finishMessage", str, candidate.finish_message),
            ("avgLogprobs", (int, float), candidate.avg_logprobs),
            ("continuationToken", str, candidate.continuation_token),
        ):
            if fact is not None and isinstance(fact, kind):
                self._facts[name] = fact
        if candidate.grounding_metadata and isinstance(candidate.grounding_metadata, dict):
            known = self._facts.get("groundingMetadata", {})
            self._facts["groundingMetadata"] = {**known, **candidate.grounding_metadata}

    def _part(self, raw: msgspec.Raw, steps: Steps) -> None:
        part = decode_as(_PART, raw)
        signature = nonempty(part.thought_signature)
        if part.text is not None and not part.thought:
            self._say(part.text, signature, steps)
        elif part.text is not None:
            self._think(part.text, signature, steps)
        elif part.function_call is not None:
            self._call(part.function_call, signature, steps)
        elif part.inline_data is not None:
            extra = {NAME: {SIGNATURE: signature}} if signature else None
            media = read_media(part.inline_data.mime_type, data=part.inline_data.data, extra=extra)
            steps.append(e.PartAdded(self._begin(), media))
        elif (json := decode_object(raw)).keys() - {"thought", SIGNATURE}:
            steps.append(e.PartAdded(self._begin(), Opaque(NAME, json)))
        else:
            self._say("", signature, steps)

    def _begin(self, kind: str | None = None) -> int:
        """Return the number of a new part; text of the same `kind` may continue it."""
        index = self._parts
        self._parts += 1
        self._open = None if kind is None else (kind, index)
        return index

    def _continued(self, kind: str) -> int:
        return self._open[1] if self._open is not None and self._open[0] == kind else self._begin(kind)

    def _say(self, text: str, signature: str | None, steps: Steps) -> None:
        """Decode text. A piece with a signature is a part of its own: such parts must be sent back unmerged."""
        if signature is None:
            if text:
                self._text = self._continued("text")
                steps.append(e.TextDelta(self._text, text))
        elif text or self._parts:  # The signature of an empty answer is useless.
            index = self._begin()
            self._text = index if text else self._text
            steps += (e.PartExtra(index, NAME, {SIGNATURE: signature}), e.TextDelta(index, text))

    def _think(self, text: str, signature: str | None, steps: Steps) -> None:
        """Decode a thought. A signature that follows the thoughts of a stream belongs to them."""
        if not text and not signature:
            return
        index = self._begin("thought") if signature and text else self._continued("thought")
        if text:
            steps.append(e.ThinkingDelta(index, text))
        if signature:
            steps.append(e.ThinkingSigned(index, signature))
            self._open = None

    def _call(self, call: FunctionCall, signature: str | None, steps: Steps) -> None:
        """Decode a call, which always comes whole. One without an id gets one from its place in this answer."""
        index = self._begin()
        given = nonempty(call.id)
        call_id = given or f"call_{self._calls}_{self._call_seed}".rstrip("_")
        if call_id in self._ids:  # Results refer to it, so it must be unique.
            call_id = f"{call_id}_{self._calls}"
        self._ids.add(call_id)
        self._calls += 1
        steps.append(e.ToolCallStarted(index, call_id, call.name or ""))
        arguments = text_of(call.args)
        steps.append(e.ToolCallDelta(index, "{}" if arguments == "null" else arguments))
        # `None`: the answer had no id, so none is sent back.
        fields: JsonObject = {} if given else {"functionCall": {"id": None}}
        if signature is not None:
            fields[SIGNATURE] = signature
        if fields:
            steps.append(e.PartExtra(index, NAME, fields))

    def _counts(self) -> Usage:
        """Return the latest counts, and the searches that have a fee."""
        by_prompt = self._endpoint.quirks.search_fee_by_prompt
        return decode_usage(self._usage or {}, self._facts.get("groundingMetadata"), fee_by_prompt=by_prompt)

    def _count(self, raw: JsonObject, steps: Steps) -> None:
        self._is_stale = False
        if raw == self._usage:
            return
        self._usage = raw
        steps.append(e.UsageReported(decode_usage(raw)))
        tier = raw.get("serviceTier")
        if isinstance(tier, str) and tier != self._tier:
            self._tier = tier
            steps.append(e.FactReported("service_tier", tier.lower()))


def decode_whole(data: bytes, endpoint: Endpoint) -> Steps:
    """Decode a whole answer. Raises `BadJson`."""
    answer = AnswerDecoder(endpoint)
    steps = answer.add(decode_chunk(data, endpoint.bounds), whole=True)
    if not steps:
        raise BadJson("the body is not an answer: `candidates` is missing")
    return steps if isinstance(steps[-1], Failure) else [*steps, *answer.finish(whole=True)]


def _reason(value: Any) -> str | None:
    if type(value) is int:
        return FINISH_NUMBERS[value] if 0 <= value < len(FINISH_NUMBERS) else str(value)
    return nonempty(value)


def _first(candidates: list[Candidate] | None) -> Candidate | None:
    """Return the first answer, which almost always is the only one."""
    if candidates and not candidates[0].index:
        return candidates[0]
    return next((one for one in candidates or () if not one.index), None)


def _blocked(feedback: JsonObject) -> Failure | None:
    """Return the failure of a blocked prompt; `None` if the feedback only rates it."""
    reason, words = feedback.get("blockReason"), feedback.get("blockReasonMessage")
    if reason is None and words is None:
        return None
    message = "the prompt was blocked" + (f" ({reason})" if reason else "") + (f": {words}" if words else "")
    code = reason if isinstance(reason, str) else None
    return Failure(kind=FailureKind.CONTENT_FILTER, message=message, code=code, status=200, body=feedback)
