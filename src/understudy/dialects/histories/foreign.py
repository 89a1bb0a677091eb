"""Drops what another *provider*, server or account of the same dialect wrote for itself: Azure cannot read reasoning
that OpenAI encrypted. What another dialect wrote is dropped by each encoder."""

from __future__ import annotations

import re

import msgspec

from understudy.dialects.base import Endpoint, WarningLog
from understudy.domain.content import AnyPart, Json, JsonObject, Opaque, Provenance, Refusal, Text, Thinking, ToolCall
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest
from understudy.wire.mending import NUMBERS, SURROGATES

Messages = tuple[Message, ...]


def without_foreign(messages: tuple[Message, ...], dialect: str, endpoint: Endpoint, notes: WarningLog) -> Messages:
    """Return the messages without what another provider or server of this dialect wrote for itself.

    Text and tool calls stay, without the fields that only their own provider knows.
    """
    foreign = [_has_foreign(message, dialect, endpoint) for message in messages]
    if not any(foreign):
        return messages
    return tuple(
        kept
        for message, moves in zip(messages, foreign, strict=True)
        if (kept := _kept(message, dialect, notes) if moves else message) is not None
    )


def note_unspoken(request: GenerationRequest, notes: WarningLog) -> None:
    """Warn about the fields of a request that came in over another wire format and exist only there.

    What a caller of the library writes into `extra` is meant for that dialect only.
    """
    if request.origin is None:
        return
    for flaw in request.origin.flaws:
        notes.drop(flaw, _UNREADABLE[flaw])
    if not request.extra:
        return
    wire = request.origin.dialect
    for field, value in request.extra.get(wire, {}).items():
        if field in _SHOWING and request.reasoning is not None and request.reasoning.display is not None:
            continue
        if not _says_nothing(value) and getattr(request, field, None) != value:
            notes.drop(field, f"only the {wire} dialect supports it")


_SHOWING = frozenset({"reasoning_format", "include_reasoning"})
"""Fields of Groq's API that `Reasoning.display` holds too; they stay for other servers of the wire format."""

_UNREADABLE = {
    NUMBERS: "numbers out of range were read as null: only a target of the same wire format gets them as they came",
    SURROGATES: "lone surrogates were replaced by U+FFFD: only a target of the same wire format gets them as they came",
}


def _says_nothing(value: Json) -> bool:
    """Check whether a field with this value has no effect: off, empty, or one answer (`n`)."""
    return value is None or value is False or value in ([], {}, "") or (value == 1 and value is not True)


def _has_foreign(message: Message, dialect: str, endpoint: Endpoint) -> bool:
    """Check whether another provider wrote the message; one part decides, because a message has one author."""
    if isinstance(message.content, str):
        return False
    return any(
        isinstance(part, _OWNED) and part.provenance is not None and is_foreign(part.provenance, dialect, endpoint)
        for part in message.content
    )


_OWNED = (Thinking, ToolCall, Opaque, Text, Refusal)
"""Parts that may belong to one provider."""


def is_foreign(origin: Provenance, dialect: str, endpoint: Endpoint) -> bool:
    """Check whether another provider, server or account of this dialect wrote a part."""
    if origin.dialect != dialect:
        return False
    if origin.provider not in (None, endpoint.provider) or origin.server not in (None, endpoint.server):
        return True
    return endpoint.account is not None and origin.account not in (None, endpoint.account)


def is_same_model(one: str | None, other: str | None) -> bool:
    """Check whether two names mean one model: a name without a date stands for its dated form. Unknown is the same."""
    return not one or not other or _DATED.sub("", one) == _DATED.sub("", other)


_DATED = re.compile(r"-(?:20\d{6}|latest)$")
"""Anthropic's names of models."""


def _kept(message: Message, dialect: str, notes: WarningLog) -> Message | None:
    """Return what may be sent to another provider; `None` if nothing remains."""
    parts = tuple(kept for part in message.parts if (kept := _moved(part, dialect, notes)) is not None)
    return msgspec.structs.replace(message, content=parts) if parts else None


def _moved(part: AnyPart, dialect: str, notes: WarningLog) -> AnyPart | None:
    match part:
        case Thinking(provenance=Provenance(dialect=own)) if own == dialect:
            notes.drop("thinking", "it was written by another provider, and only that provider accepts it")
            return None
        case Opaque(dialect=own) if own == dialect:
            notes.drop("opaque part", "it was written by another provider, and only that provider accepts it")
            return None
        case ToolCall(extra=dict(extra)) if dialect in extra:
            # The type is the form of a call; everything else (ids, states) belongs to its provider.
            form = {key: value for key, value in extra[dialect].items() if key == "type"}
            return msgspec.structs.replace(part, extra=_with(extra, dialect, form))
        case Text(citations=citations) if any(citation.dialect == dialect for citation in citations):
            notes.drop("citations", "those of another provider are unknown to this one")
            others = tuple(citation for citation in citations if citation.dialect != dialect)
            return msgspec.structs.replace(part, citations=others, extra=_with(part.extra or {}, dialect, {}))
        case Text(extra=dict(extra)) | Refusal(extra=dict(extra)):
            return msgspec.structs.replace(part, extra=_with(extra, dialect, {}))
        case _:
            return part


def _with(extra: dict[str, JsonObject], dialect: str, fields: JsonObject) -> dict[str, JsonObject] | None:
    others = {name: own for name, own in extra.items() if name != dialect}
    return ({**others, dialect: fields} if fields else others) or None
