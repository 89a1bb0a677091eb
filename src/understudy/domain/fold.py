"""A response is the fold of its events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from understudy.domain import events as e
from understudy.domain.content import (
    AnyPart,
    Citation,
    JsonObject,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    ToolCall,
)
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message, Role
from understudy.domain.responses import GenerationResponse
from understudy.domain.usage import USAGE, Usage, odd_counts
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name


class TooManyParts(ValueError):
    """An answer has more parts than allowed."""


class _Growing:
    """A part while its pieces arrive."""

    __slots__ = ("citations", "kind", "name", "pieces", "signatures", "tool_id")

    def __init__(self, kind: type[AnyPart], tool_id: str = "", name: str = "") -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.citations: list[Citation] = []
        self.signatures: list[str] = []
        self.tool_id = tool_id
        self.name = name

    def part(self, provenance: Provenance | None) -> AnyPart:
        text = "".join(self.pieces)
        if self.kind is ToolCall:
            return ToolCall(id=self.tool_id, name=self.name, arguments=text or "{}", provenance=provenance)
        if self.kind is Thinking:
            signature = "".join(self.signatures) if self.signatures else None
            return Thinking(text, signature=signature, provenance=provenance)
        if self.kind is Refusal:
            return Refusal(text)
        return Text(text, citations=tuple(self.citations))


Adders = Mapping[type, Callable[[Any, Any], None]]
"""The method that adds an event, by the event's type."""


_NOT_STARTED, _UNCOUNTED = e.Started(), Usage()


class Facts:
    """What an answer reports beside its parts: the model, the counts, facts, warnings, and how it ended."""

    __slots__ = ("extra", "finish", "started", "usage", "warnings")

    def __init__(self) -> None:
        self.started = _NOT_STARTED
        self.finish: e.Finished | None = None
        self.usage = _UNCOUNTED
        self.extra: dict[str, Any] = {}
        self.warnings: list[Warning] = []

    def add(self, event: e.Event) -> None:
        """Add an event; types that are not in `ADDERS` change nothing."""
        add = self.ADDERS.get(type(event))
        if add is not None:
            add(self, event)

    def add_all(self, events: Iterable[e.Event]) -> None:
        """Add several events."""
        adders = self.ADDERS
        for event in events:
            add = adders.get(type(event))
            if add is not None:
                add(self, event)

    def _start(self, event: e.Started) -> None:
        self.started = event

    def _count(self, event: e.UsageReported) -> None:
        self.usage = event.usage if self.usage is _UNCOUNTED else self.usage.followed_by(event.usage)

    def _fact(self, event: e.FactReported) -> None:
        if event.append and isinstance(known := self.extra.get(event.key), list):
            known.extend(event.value)
        else:
            self.extra[event.key] = [*event.value] if event.append else event.value

    def _warn(self, event: e.Warned) -> None:
        self.warnings.append(event.warning)

    def _end(self, event: e.Finished) -> None:
        self.finish = event

    ADDERS: ClassVar[Adders] = {
        e.Started: _start,
        e.UsageReported: _count,
        e.FactReported: _fact,
        e.Warned: _warn,
        e.Finished: _end,
    }
    """What an event changes, by its type: one lookup, where a `match` would test the types one by one."""

    @property
    def ending(self) -> e.Finished:
        """How it ended; the reason is unknown until then."""
        return self.finish or e.Finished(FinishReason.UNKNOWN)


class Fold(Facts):
    """Collects events into a response. `add` each event in order, then `response()`, at any time. `add` raises
    `TooManyParts` above the limit.

    `dialect`, `provider`, `server` and `account` are stamped on thinking, tool calls, opaque parts, and text with ids
    or citations, so that they are left out of requests to other providers.
    """

    __slots__ = ("_account", "_dialect", "_most", "_notes", "_parts", "_provider", "_server")

    def __init__(
        self,
        dialect: str | None = None,
        provider: str | None = None,
        server: str | None = None,
        account: str | None = None,
        *,
        most: int = sys.maxsize,
    ) -> None:
        """`most` is the most parts that the answer may have."""
        super().__init__()
        self._most = most
        self._dialect = dialect
        self._provider = provider
        self._server = server
        self._account = account
        self._parts: dict[int, _Growing | AnyPart] = {}
        self._notes: dict[int, dict[str, JsonObject]] = {}

    def _text(self, event: e.TextDelta) -> None:
        part = self._parts.get(event.index)
        if type(part) is not _Growing:
            part = self._growing(event.index, Text)
        part.pieces.append(event.text)

    def _thinking(self, event: e.ThinkingDelta) -> None:
        self._growing(event.index, Thinking).pieces.append(event.text)

    def _signature(self, event: e.ThinkingSigned) -> None:
        self._growing(event.index, Thinking).signatures.append(event.signature)

    def _refusal(self, event: e.RefusalDelta) -> None:
        self._growing(event.index, Refusal).pieces.append(event.text)

    def _call(self, event: e.ToolCallStarted) -> None:
        self._put(event.index, _Growing(ToolCall, event.id, event.name))

    def _arguments(self, event: e.ToolCallDelta) -> None:
        part = self._parts.get(event.index)
        if type(part) is not _Growing:
            part = self._growing(event.index, ToolCall)
        part.pieces.append(event.arguments)

    def _whole_part(self, event: e.PartAdded) -> None:
        self._put(event.index, event.part)

    def _citation(self, event: e.CitationAdded) -> None:
        self._growing(event.index, Text).citations.append(event.citation)

    def _note(self, event: e.PartExtra) -> None:
        notes = self._notes.setdefault(event.index, {})
        notes[event.dialect] = {**notes.get(event.dialect, {}), **event.fields}

    def _restart(self, event: e.Restarted) -> None:
        """Forget everything: another answer begins."""
        Facts.__init__(self)
        self._parts, self._notes = {}, {}

    ADDERS: ClassVar[Adders] = {
        **Facts.ADDERS,
        e.TextDelta: _text,
        e.ThinkingDelta: _thinking,
        e.ThinkingSigned: _signature,
        e.RefusalDelta: _refusal,
        e.ToolCallStarted: _call,
        e.ToolCallDelta: _arguments,
        e.PartAdded: _whole_part,
        e.CitationAdded: _citation,
        e.PartExtra: _note,
        e.Restarted: _restart,
    }

    @property
    def last_index(self) -> int:
        """The highest number of a part so far; 0 if there is none."""
        return max(self._parts, default=0)

    def _growing(self, index: int, kind: type[AnyPart]) -> _Growing:
        part = self._parts.get(index)
        if not isinstance(part, _Growing):
            part = _Growing(kind)
            self._put(index, part)
        return part

    def _put(self, index: int, part: _Growing | AnyPart) -> None:
        self._parts[index] = part
        if len(self._parts) > self._most:
            raise TooManyParts(f"the answer has more than {self._most} parts")

    @property
    def has_answer(self) -> bool:
        """True once anything but thinking has arrived."""
        for part in self._parts.values():
            if not isinstance(part, _Growing):
                if not isinstance(part, Thinking):
                    return True
            elif part.kind is ToolCall or (part.kind is not Thinking and any(part.pieces)):
                return True
        return False

    @property
    def provenance(self) -> Provenance | None:
        """Who answers; `None` if the wire format is unknown."""
        if not self._dialect:
            return None
        return Provenance(self._dialect, self.started.model, self._provider, self._server, self._account)

    def message(self) -> Message:
        """Return the answer so far as a message; a single plain text part becomes a string."""
        if len(self._parts) == 1 and not self._notes:
            (only,) = self._parts.values()
            if type(only) is _Growing and only.kind is Text and not only.citations:
                return Message(Role.ASSISTANT, "".join(only.pieces))
        provenance = self.provenance
        parts = tuple([self._part(index, provenance) for index in self._parts])
        if len(parts) == 1 and type(only := parts[0]) is Text and not only.citations and only.extra is None:
            return Message(Role.ASSISTANT, only.text)
        return Message(Role.ASSISTANT, parts)

    def _part(self, index: int, provenance: Provenance | None) -> AnyPart:
        growing = self._parts[index]
        part = growing.part(provenance) if isinstance(growing, _Growing) else _stamped(growing, provenance)
        notes = self._notes.get(index)
        if not notes:
            return _stamped_text(part, provenance) if isinstance(part, Text | Refusal) else part
        extra = {**(part.extra or {}), **notes}
        if isinstance(part, Text | Refusal) and provenance is not None and provenance.provider is not None:
            return msgspec.structs.replace(part, extra=extra, provenance=provenance)  # checked once, not twice
        return msgspec.structs.replace(part, extra=extra)

    def _all_warnings(self) -> tuple[Warning, ...]:
        """All warnings, and what is wrong with the counts, unless it is among them already, as in a folded response."""
        counts = usage_warnings(self.usage)
        if not counts:
            return tuple(self.warnings)
        return (*self.warnings, *(warning for warning in counts if warning not in self.warnings))

    def response(self, raw: bytes | None = None) -> GenerationResponse:
        """Return the answer so far; `raw` is the body that it was read from."""
        return GenerationResponse(
            message=self.message(),
            finish_reason=self.finish.reason if self.finish else FinishReason.UNKNOWN,
            finish_reason_raw=self.finish.raw if self.finish else None,
            usage=self.usage,
            model=self.started.model,
            id=self.started.id,
            created=self.started.created,
            warnings=self._all_warnings(),
            extra={key: [*value] if type(value) is list else value for key, value in self.extra.items()},
            raw=raw,
        )


def usual_response(events: Sequence[e.Event], raw: bytes | None = None) -> GenerationResponse | None:
    """Return the response that the events of a whole answer fold into, if they have the usual form: the start, one
    text, facts and counts, and the end. Return `None` for any other; `raw` is the body that it was read from."""
    if len(events) < _LEAST_USUAL:
        return None
    started, text, finish, usage = events[0], events[1], events[-1], _UNCOUNTED
    if type(started) is not e.Started or type(text) is not e.TextDelta or type(finish) is not e.Finished:
        return None
    extra: dict[str, Any] = {}
    for event in events[2:-1]:
        if type(event) is e.UsageReported and usage is _UNCOUNTED:
            usage = event.usage
        elif type(event) is e.FactReported and not event.append and type(event.value) is not list:
            extra[event.key] = event.value
        else:
            return None
    if not text.text:
        return None
    return GenerationResponse(
        message=Message(Role.ASSISTANT, text.text),
        finish_reason=finish.reason,
        finish_reason_raw=finish.raw,
        usage=usage,
        model=started.model,
        id=started.id,
        created=started.created,
        warnings=usage_warnings(usage),
        extra=extra,
        raw=raw,
    )


_LEAST_USUAL = 3
"""Events of the shortest answer: the start, a text part and the end."""


def usage_warnings(usage: Usage) -> tuple[Warning, ...]:
    """Return the warning about ignored fields of a provider's counts, if there are any."""
    found = odd_counts(usage)
    if not found:
        return ()
    return (Warning(WarningKind.DROPPED, USAGE, f"ignored in the provider's counts: {', '.join(found)}"),)


def _stamped(part: AnyPart, provenance: Provenance | None) -> AnyPart:
    """Set the provenance of a part that arrived whole."""
    if provenance is None or provenance.provider is None or not isinstance(part, Thinking | ToolCall | Opaque):
        return part
    # A dialect may know that a part is not bound to a model, but never which of its providers answers.
    model = provenance.model if part.provenance is None else part.provenance.model
    return msgspec.structs.replace(part, provenance=msgspec.structs.replace(provenance, model=model))


def _stamped_text(part: Text | Refusal, provenance: Provenance | None) -> Text | Refusal:
    """Set the provenance of a text with ids or citations. Plain text has none."""
    if provenance is None or provenance.provider is None:
        return part
    if part.extra is None and not (isinstance(part, Text) and part.citations):
        return part
    return msgspec.structs.replace(part, provenance=provenance)


def fold(events: list[e.Event], *, dialect: str | None = None) -> GenerationResponse:
    """Return the response that these events fold into."""
    folding = Fold(dialect)
    for event in events:
        folding.add(event)
    return folding.response()


def unfold(response: GenerationResponse) -> Iterator[e.Event]:
    """Yield events that fold into this response, so that code for streams can read a whole answer."""
    yield e.Started(id=response.id, model=response.model, created=response.created)
    for warning in response.warnings:
        yield e.Warned(warning)
    for index, part in enumerate(response.message.parts):
        yield from _unfold_part(index, part)
    for key, value in response.extra.items():
        yield e.FactReported(key, value)
    if response.usage != Usage():
        yield e.UsageReported(response.usage)
    yield e.Finished(response.finish_reason, response.finish_reason_raw)


def _unfold_part(index: int, part: AnyPart) -> Iterator[e.Event]:
    match part:
        case Text(text, extra=None):
            yield e.TextDelta(index, text)
            for citation in part.citations:
                yield e.CitationAdded(index, citation)
        case Refusal(text, extra=None):
            yield e.RefusalDelta(index, text)
        case Thinking(text, redacted=None, extra=None):
            yield e.ThinkingDelta(index, text)
            if part.signature is not None:
                yield e.ThinkingSigned(index, part.signature)
        case ToolCall(extra=None):
            yield e.ToolCallStarted(index, part.id, part.name)
            yield e.ToolCallDelta(index, part.arguments)
        case _:
            yield e.PartAdded(index, part)
