"""Thinking on its way through a client whose wire format is not that of the model that thought.

What only its own provider understands (signatures, encrypted reasoning) is handed to the client sealed, in the place
where its wire format has such a thing, and is opened when the client sends it back. So the thinking of a model survives
a session that moves to another vendor and returns, as `Provenance` lets it go back to its author alone.

| wire format | carrier |
| --- | --- |
| Anthropic | `signature` of a thinking block |
| Responses | `encrypted_content` of a reasoning item |
| Gemini | `thoughtSignature`: of a call, because clients leave thoughts out of the history; else of an empty thought |

A signature that belongs to a call or a text (Gemini's) is carried by an empty thinking block ahead of it. Chat
completions, Cohere and Ollama have no field that clients send back unread; there the text of the thinking is all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.gemini.wire import SIGNATURE
from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.domain import events as e
from understudy.domain.content import AnyPart, JsonObject, Part, Provenance, Text, Thinking, ToolCall
from understudy.domain.responses import GenerationResponse
from understudy.gateway.sealing import Sealer

CARRIERS = frozenset({"anthropic", RESPONSES, GEMINI})
"""Wire formats whose clients send something back unread."""

_ENCRYPTED = "encrypted_content"
_FIRST_CARRIER = 1_000_000
"""Numbers of parts that no answer has, for the thinking that carries what belongs to another part."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What only the author of a part understands of it."""

    origin: Provenance
    call: str | None = None
    """The id of the call to which it belongs; it belongs to thinking or a text otherwise."""
    of_text: bool = False
    text: str | None = None
    """The text of thinking, where the client may have left it out."""
    digest: str = ""
    """Of the text, if the client has it: what was changed proves nothing any more."""
    signature: str | None = None
    redacted: str | None = None
    extra: JsonObject | None = None


UNKNOWN = Provenance("unknown")
"""The author of thinking that comes from a provider without a wire format, such as one of the user's own. What it
signs nobody can check, but the client's own vendor would refuse thinking without a signature of its own."""


def _origin_of(part: AnyPart) -> Provenance | None:
    match part:
        case Thinking(provenance=origin):
            return origin or UNKNOWN
        case ToolCall(provenance=origin) | Text(provenance=origin):
            return origin
        case _:
            return None


def digest_of(text: str) -> str:
    """Return what tells a text from a changed one."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def kept_of(part: AnyPart, origin: Provenance, *, whole: bool = False) -> Kept | None:
    """Return what must be kept of a part; `None` if nothing must. `whole`: with the text of thinking."""
    own = (part.extra or {}).get(origin.dialect)
    match part:
        case Thinking(text, signature=signature, redacted=redacted):
            if own is not None and _ENCRYPTED in own:
                own = {**own, _ENCRYPTED: None}  # it is the signature
            if whole and signature is None and redacted is None:
                return None  # the client has all of it
            kept = Kept(origin, signature=signature, redacted=redacted, extra=own)
            return replace(kept, text=text) if whole else replace(kept, digest=digest_of(text))
        case ToolCall(id=call_id) if own is not None and SIGNATURE in own:
            return Kept(origin, call=call_id, extra=own)
        case Text(text) if own is not None and SIGNATURE in own:
            return Kept(origin, of_text=True, digest=digest_of(text), extra=own)
        case _:
            return None


def restored(kept: Kept, part: Part) -> AnyPart | None:
    """Return a part as its author wrote it; `None` if it is no longer the same."""
    dialect, extra = kept.origin.dialect, kept.extra
    match part:
        case Thinking(text):
            if kept.text is None and kept.digest != digest_of(text):
                return None
            if extra is not None and _ENCRYPTED in extra:
                extra = {**extra, _ENCRYPTED: kept.signature}
            return Thinking(
                text if kept.text is None else kept.text,
                signature=kept.signature,
                redacted=kept.redacted,
                provenance=kept.origin,
                extra={dialect: extra} if extra else None,
            )
        case ToolCall():
            return replace(part, provenance=kept.origin, extra={**(part.extra or {}), dialect: extra or {}})
        case Text(text) if kept.digest == digest_of(text):
            return replace(part, provenance=kept.origin, extra={**(part.extra or {}), dialect: extra or {}})
        case _:
            return None


Origin = Callable[[], Provenance | None]
"""Who answers, as far as is known by now."""


class Sealing:
    """Seals what belongs to the author of one answer, for a client of another wire format."""

    def __init__(self, face: str, sealer: Sealer, origin: Origin) -> None:
        self._face = face
        self._sealer = sealer
        self._origin = origin
        self._carriers = _FIRST_CARRIER
        self._reset()

    def _reset(self) -> None:
        self._thinking: dict[int, _Growing] = {}
        self._notes: dict[int, JsonObject] = {}
        self._held: list[Any] = []
        """A call of Gemini's, whose signature comes behind it."""
        self._waiting: list[Kept] = []
        """What the next call carries, in Gemini's own wire format."""

    # ---- answers that arrive whole ----

    def response(self, response: GenerationResponse) -> GenerationResponse:
        """Return an answer as the client may have it."""
        parts = response.message.parts
        if not any(map(self._is_foreign, parts)):
            return response
        sealed = tuple(out for part in parts for out in self._whole(part))
        if self._waiting:
            sealed = (*sealed, self._carrier(*self._taken()))
        return replace(response, message=replace(response.message, content=sealed))

    def _is_foreign(self, part: AnyPart) -> bool:
        origin = _origin_of(part)
        return origin is not None and origin.dialect != self._face

    def _whole(self, part: AnyPart) -> Iterator[AnyPart]:
        origin = _origin_of(part)
        if origin is None or origin.dialect == self._face:
            yield part
            return
        kept = kept_of(part, origin, whole=self._face == GEMINI)
        match part:
            case Thinking(text) if self._face == GEMINI:
                self._waiting += (kept,) if kept is not None else ()
                yield Thinking(text)
            case Thinking(text) if kept is not None:
                yield Thinking(text, signature=self._sealed(kept))
            case ToolCall():
                call = replace(part, provenance=None, extra=None)
                if self._face == GEMINI and self._waiting:
                    call = replace(call, extra={GEMINI: {SIGNATURE: self._sealed(*self._taken())}})
                elif kept is not None:
                    yield self._carrier(kept)
                yield call
            case Text(text, citations=citations) if kept is not None:
                yield self._carrier(kept)
                yield Text(text, citations=citations)
            case _:
                yield part

    def _taken(self) -> list[Kept]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _carrier(self, *kept: Kept) -> Thinking:
        return Thinking("", signature=self._sealed(*kept))

    def _sealed(self, *kept: Kept) -> str:
        return self._sealer.seal_json(kept, "thinking")

    # ---- streams ----

    def events(self, batch: list[Any]) -> list[Any]:
        """Return events as the client may have them."""
        if not self._thinking and not self._held and _TOUCHED.isdisjoint(map(type, batch)):
            return batch
        return [out for event in batch for out in self._event(event)]

    def _event(self, event: Any) -> Iterator[Any]:
        if event.wire is not None:
            yield event  # of this wire format
            return
        origin = self._origin() or UNKNOWN
        if origin.dialect == self._face:
            yield event
            return
        if isinstance(event, e.Restarted):
            self._reset()
        elif isinstance(event, e.Finished):
            yield from self._closed(origin)
            yield from self._last()
        elif isinstance(event, e.CONTENT_EVENTS):
            yield from self._closed(origin, but=event.index)
        yield from self._changed(event, origin)

    def _changed(self, event: Any, origin: Provenance) -> Iterator[Any]:
        match event:
            case e.ThinkingDelta(index, text):
                self._thinking.setdefault(index, _Growing()).texts.append(text)
                yield event
            case e.ThinkingSigned(index, signature):
                self._thinking.setdefault(index, _Growing()).signatures.append(signature)
            case e.PartExtra(index, dialect, fields):
                if dialect == origin.dialect:
                    self._notes[index] = {**self._notes.get(index, {}), **fields}
            case e.ToolCallStarted():
                self._held.append(event)
                if origin.dialect != GEMINI:
                    yield from self._released(origin)
            case e.ToolCallDelta() if self._held:
                self._held.append(event)
            case e.TextDelta(index, text) if SIGNATURE in self._notes.get(index, {}):
                yield from self._carried(kept_of(Text(text, extra={origin.dialect: self._notes.pop(index)}), origin))
                yield event
            case e.PartAdded(index, Thinking() as part):
                kept = kept_of(part, origin, whole=self._face == GEMINI)
                yield e.ThinkingDelta(index, part.text)
                yield from self._signed(index, kept)
            case _:
                yield event

    def _closed(self, origin: Provenance, but: int | None = None) -> Iterator[Any]:
        """Yield the ends of what was under way, as another part begins."""
        for index in [index for index in self._thinking if index != but]:
            growing = self._thinking.pop(index)
            notes = self._notes.pop(index, None)
            part = growing.part({origin.dialect: notes} if notes else None)
            yield from self._signed(index, kept_of(part, origin, whole=self._face == GEMINI))
        if self._held and self._held[0].index != but:
            yield from self._released(origin)

    def _signed(self, index: int, kept: Kept | None) -> Iterator[Any]:
        if kept is None:
            return
        if self._face == GEMINI:
            self._waiting.append(kept)
        else:
            yield e.ThinkingSigned(index, self._sealed(kept))

    def _released(self, origin: Provenance) -> Iterator[Any]:
        """Yield a call, behind what carries its signature."""
        held, self._held = self._held, []
        index, call_id, name = held[0].index, held[0].id, held[0].name
        notes = self._notes.pop(index, None)
        if self._face == GEMINI and self._waiting:
            yield e.PartExtra(index, GEMINI, {SIGNATURE: self._sealed(*self._taken())})
        elif notes:
            yield from self._carried(kept_of(ToolCall(id=call_id, name=name, extra={origin.dialect: notes}), origin))
        yield from held

    def _carried(self, *kept: Kept | None) -> Iterator[Any]:
        found = [each for each in kept if each is not None]
        if found:
            index, self._carriers = self._carriers, self._carriers + 1
            yield e.ThinkingDelta(index, "")
            yield e.ThinkingSigned(index, self._sealed(*found))

    def _last(self) -> Iterator[Any]:
        yield from self._carried(*self._taken())


class _Growing(msgspec.Struct):
    """Thinking while it arrives."""

    texts: list[str] = []
    signatures: list[str] = []

    def part(self, extra: dict[str, JsonObject] | None) -> Thinking:
        return Thinking("".join(self.texts), signature="".join(self.signatures) or None, extra=extra)


_TOUCHED = frozenset(
    {e.ThinkingDelta, e.ThinkingSigned, e.PartExtra, e.ToolCallStarted, e.PartAdded, e.Finished, e.Restarted}
)
"""Events that begin or end something that is kept. Text and arguments pass, if nothing is under way."""
