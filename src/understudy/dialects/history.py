"""Histories that began at another provider: drops what only that provider understands.

Each dialect drops what another dialect wrote. Shared by all of them: what another *provider* or server of the same
dialect wrote (Azure cannot read reasoning that OpenAI encrypted), and ids of tool calls that break the rules of a wire
format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from understudy.dialects.base import Endpoint, WarningLog
from understudy.domain.content import AnyPart, Json, JsonObject, Opaque, Provenance, Refusal, Text, Thinking, ToolCall
from understudy.domain.events import Event
from understudy.domain.messages import Message
from understudy.domain.requests import GenerationRequest


def localize(request: GenerationRequest, dialect: str, endpoint: Endpoint) -> tuple[GenerationRequest, list[Event]]:
    """Drop what another provider or server of this dialect wrote for itself; return the rest and the warnings.

    Text and tool calls stay, without the fields that only their own provider knows. A request that came in over this
    wire format is forwarded unchanged.
    """
    if request.origin is not None and request.origin.dialect == dialect:
        return request, []
    notes = WarningLog()
    _note_unspoken(request, notes)
    foreign = [_is_foreign(message, dialect, endpoint) for message in request.messages]
    if not any(foreign):
        return request, notes.events()
    messages = tuple(
        kept
        for message, moves in zip(request.messages, foreign, strict=True)
        if (kept := _kept(message, dialect, notes) if moves else message) is not None
    )
    return msgspec.structs.replace(request, messages=messages), notes.events()


def _note_unspoken(request: GenerationRequest, notes: WarningLog) -> None:
    """Warn about the fields of a request that came in over another wire format and exist only there.

    What a caller of the library writes into `extra` is meant for that dialect only.
    """
    if request.origin is None or not request.extra:
        return
    wire = request.origin.dialect
    for field, value in request.extra.get(wire, {}).items():
        if value not in _SAYS_NOTHING:
            notes.drop(field, f"only the {wire} dialect supports it")


_SAYS_NOTHING: tuple[Json, ...] = (None, False, 1, [], {}, "")
"""Values with which such a field has no effect: off, empty, or one answer (`n`)."""


def _is_foreign(message: Message, dialect: str, endpoint: Endpoint) -> bool:
    """Check whether another provider wrote the message; one part decides, because a message has one author."""
    if isinstance(message.content, str):
        return False
    return any(
        isinstance(part, Thinking | ToolCall | Opaque | Text | Refusal)
        and _is_of_another(part.provenance, dialect, endpoint)
        for part in message.content
    )


def _is_of_another(origin: Provenance | None, dialect: str, endpoint: Endpoint) -> bool:
    if origin is None or origin.dialect != dialect:
        return False
    return origin.provider not in (None, endpoint.provider) or origin.server not in (None, endpoint.server)


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


class CallIds:
    """Tool-call ids as a wire format accepts them. An invalid id is replaced by one derived from it, with a warning, in
    the call and in its results.

    `fit` returns a valid id unchanged, else another; always the same for the same id, so that a cached prompt does not
    change. With `distinct`, ids are unique even where a server repeats one in a later turn: a result then belongs to
    the latest call of that id.
    """

    def __init__(self, fit: Callable[[str], str], notes: WarningLog, *, distinct: bool = False) -> None:
        self._fit = fit
        self._notes = notes
        self._distinct = distinct
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def of_call(self, given: str) -> str:
        """Return the id of a call."""
        name = self._fit(given)
        if self._distinct:
            while name in self._taken:
                name = made_id(f"{name} {len(self._taken)}")
            self._taken.add(name)
        self._names[given] = name
        return self._id_of(given, name)

    def of_result(self, given: str) -> str:
        """Return the id of the call that a result answers."""
        return self._id_of(given, self._names.get(given) or self._fit(given))

    def _id_of(self, given: str, name: str) -> str:
        if name != given:
            self._notes.rename("tool call id", "this provider does not accept it, so another id is sent")
        return name


def made_id(text: str) -> str:
    """Return an id derived from a string: 40 characters that every wire format accepts."""
    return "call_" + hashlib.sha256(text.encode()).hexdigest()[:35]


def short_id(limit: int) -> Callable[[str], str]:
    """Return a `fit` for `CallIds` that accepts any id of 1 to `limit` characters."""
    return lambda given: given if 0 < len(given) <= limit else made_id(given)
