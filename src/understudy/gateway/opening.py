"""What a client sends back sealed, opened: thinking of its author again, and compactions as the summaries they are."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from understudy.dialects.gemini.wire import NAME as GEMINI
from understudy.dialects.gemini.wire import SIGNATURE
from understudy.domain.content import AnyPart, Opaque, Provenance, Text, Thinking, ToolCall
from understudy.domain.messages import Message
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.gateway.compaction import SEALED, is_compaction, summary_of, told
from understudy.gateway.flattening import item_of
from understudy.gateway.sealing import CannotOpen, Sealer, is_sealed
from understudy.gateway.thinking import Kept, digest_of, restored


def opened(messages: tuple[Message, ...], sealer: Sealer) -> tuple[tuple[Message, ...], list[Warning]]:
    """Return the messages with what was sealed opened, and why something had to be left out."""
    if not any(map(_has_sealed, messages)):
        return messages, []
    opening = _Opening(sealer)
    return tuple(out for message in messages for out in opening.message(message)), opening.warnings


def _has_sealed(message: Message) -> bool:
    return not isinstance(message.content, str) and any(sealed_in(part) is not None for part in message.content)


def sealed_in(part: AnyPart) -> str | None:
    """Return the sealed value that a part carries, if any."""
    value: object = None
    if isinstance(part, Thinking):
        value = part.signature or part.redacted
    elif isinstance(part, ToolCall | Text) and part.extra is not None:
        value = part.extra.get(GEMINI, {}).get(SIGNATURE)
    elif is_compaction(part):
        value = item_of(part).get(SEALED)
    return value if isinstance(value, str) and is_sealed(value) else None


class _Opening:
    """Opens what one caller sent back."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self.warnings: list[Warning] = []

    def message(self, message: Message) -> Iterable[Message]:
        """Yield a message with its parts as their authors wrote them; a summary is a message of the user's."""
        if not _has_sealed(message):
            yield message
            return
        turn = _Turn()
        for part in message.parts:
            sealed = sealed_in(part)
            if sealed is None:
                turn.add(part)
            elif isinstance(part, Opaque):
                summary = self._summary(sealed)
                if summary is not None:
                    yield from turn.closed(message)
                    yield Message.user(told(summary))
            else:
                self._add(turn, part, self._kept(sealed))
        yield from turn.closed(message)
        if turn.has_changed:
            self._drop("thinking", "the text was changed, so the signature of its author is no longer valid")

    def _add(self, turn: _Turn, part: AnyPart, kept: list[Kept]) -> None:
        """Add a part, and the thinking that it carries."""
        if isinstance(part, Thinking):
            for each in kept:
                if each.call is not None:
                    turn.calls[each.call] = each
                elif each.of_text:
                    turn.texts[each.digest] = each
                elif each.text is not None:
                    turn.recall(each)
                else:
                    turn.think(each, part)
            return
        for each in kept:
            turn.recall(each)
        turn.add(_without_signature(part))

    def _kept(self, sealed: str) -> list[Kept]:
        try:
            return msgspec.convert(self._sealer.open_json(sealed, "thinking"), list[Kept])
        except (CannotOpen, msgspec.ValidationError) as error:
            self._drop("thinking", str(error))
            return []

    def _summary(self, sealed: str) -> str | None:
        try:
            return summary_of(sealed, self._sealer)
        except CannotOpen as error:
            self._drop("compaction", str(error))
            return None

    def _drop(self, what: str, why: str) -> None:
        warning = Warning(WarningKind.DROPPED, what, why)
        if warning not in self.warnings:
            self.warnings.append(warning)


class _Turn:
    """The parts of one message as they are put together again."""

    def __init__(self) -> None:
        self.calls: dict[str, Kept] = {}
        """What belongs to calls that follow, by their ids."""
        self.texts: dict[str, Kept] = {}
        """What belongs to texts that follow, by their digests."""
        self.has_changed = False
        self._parts: list[AnyPart] = []

    def add(self, part: AnyPart) -> None:
        """Add a part, with what was kept of it."""
        match part:
            case ToolCall(id=call_id) if (kept := self.calls.pop(call_id, None)) is not None:
                self._parts.append(restored(kept, part) or part)
            case Text(text) if self.texts and (kept := self.texts.pop(digest_of(text), None)) is not None:
                self._parts.append(restored(kept, part) or part)
            case _:
                self._parts.append(part)

    def think(self, kept: Kept, part: Thinking) -> None:
        """Add thinking where it stands."""
        found = restored(kept, part)
        if found is None:
            self.has_changed = True
        else:
            self._parts.append(found)

    def recall(self, kept: Kept) -> None:
        """Add thinking that a later part carries: in the place of its copy, else ahead of the answer."""
        found = restored(kept, Thinking())
        if found is None:
            return
        place = self._take_copy(kept)
        if place is None:
            place = next((n for n, part in enumerate(self._parts) if not isinstance(part, Thinking)), len(self._parts))
        self._parts.insert(place, found)

    def _take_copy(self, kept: Kept) -> int | None:
        for place, part in enumerate(self._parts):
            if isinstance(part, Thinking) and part.signature is None and part.text == kept.text:
                del self._parts[place]
                return place
        return None

    def closed(self, message: Message) -> Iterable[Message]:
        """Yield the message so far, unless it is empty. What was kept of a text that the client left out comes last."""
        self._parts += (found for kept in self.texts.values() if (found := restored(kept, Text(""))) is not None)
        self.texts = {}
        if self._parts:
            yield replace(message, content=tuple(self._parts))
        self._parts = []


def _without_signature(part: AnyPart) -> AnyPart:
    """Return a part without the sealed value in its signature."""
    own = {name: value for name, value in (part.extra or {}).get(GEMINI, {}).items() if name != SIGNATURE}
    others = {name: fields for name, fields in (part.extra or {}).items() if name != GEMINI}
    extra = ({**others, GEMINI: own} if own else others) or None
    match part:
        case ToolCall() | Text():
            origin = part.provenance
            kept = origin if own and isinstance(origin, Provenance) else None
            return replace(part, extra=extra, provenance=kept)
        case _:
            return replace(part, extra=extra)
