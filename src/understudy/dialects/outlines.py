"""The outline of a request: all that decides where it goes, without its long members.

An agent sends its whole conversation and all of its tools at every step. A provider that speaks the wire format of the
caller gets these bytes as they came, so they need not be read. The outline of a body is a short body in the same
wire format, which the same parser reads: of the messages it has those since the last answer, of each kind of tools one,
and everything else as it stands.

There is no outline where what it leaves out may have to be read: images, audio and files, which not every
model accepts, and anything that is not as the wire format has it, which the parser refuses in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from understudy.wire.json import BadJson
from understudy.wire.splice import KEPT, may_hide_words, spans_of

Member = Mapping[str, msgspec.Raw]
"""A tool, or an entry: its members, unread."""

Entry = dict[str, msgspec.Raw]
"""A message, or another item of a conversation: its members, unread."""

_entries: msgspec.json.Decoder[list[Entry]] = msgspec.json.Decoder(list[Entry])
_word: msgspec.json.Decoder[str | None] = msgspec.json.Decoder(str | None)

_WORD = 64
"""Bytes of a string beyond which it is taken for a text, not for a name or kind."""
_latest: tuple[bytes | None, list[Entry]] = (None, [])
"""The body whose conversation was cut into its entries last, and these: its outline and its head both need them."""


class LongMembers(msgspec.Struct, frozen=True, kw_only=True):
    """Which members of a wire format's bodies are long, and what of them matters."""

    messages: str = "messages"
    system: tuple[str, ...] = ()
    """What comes before the messages; left out."""
    tools: str = "tools"
    tool: Callable[[Member], bytes]
    """Returns the least tool that the parser takes for one of the same kind."""
    answers: Collection[str] = ("assistant",)
    """The roles of answers, and the types of items without a role that belong to one."""
    binding: frozenset[str] = frozenset()
    """Members with which requests are read as a whole, because they concern each of the tools."""
    telling: tuple[bytes, ...]
    """Words that occur in the messages, outside of their texts, if they have to be read: those of images, audio and
    files first of all."""


class Outline(NamedTuple):
    """The outline of a body."""

    body: bytes
    left_out: Mapping[str, bytes]
    """The members that it does not have as they came, with their values."""


def outline_of(data: bytes, rules: LongMembers) -> Outline | None:
    """Return the outline of a body; `None` for one that must be read as a whole."""
    try:
        if not data.isascii():
            data.decode()  # what is not read may not be UTF-8 either
        spans = spans_of(data)
        members = {span.name: data[span.value : span.end] for span in spans}
        entries = _entries_of(data, members.get(rules.messages, b""))
        if not rules.binding.isdisjoint(members) or _tell(entries, rules):
            return None
        short = {rules.messages: _array(_since_answer(entries, rules.answers))}
        if rules.tools in members:
            short[rules.tools] = _array(dict.fromkeys(map(rules.tool, _entries.decode(members[rules.tools]))))
    except (BadJson, msgspec.DecodeError, UnicodeError):
        return None
    long = {rules.messages, rules.tools, *rules.system}
    kept = [data[span.start : span.end] for span in spans if span.name not in long]
    new = [b'"%b":%b' % (name.encode(), value) for name, value in short.items()]
    return Outline(b"{%b}" % b",".join((*kept, *new)), {name: members[name] for name in long if name in members})


def head_of(data: bytes, rules: LongMembers) -> bytes:
    """Return what of a body stays the same while its conversation goes on: all that comes before the messages, the
    tools, and the messages up to the first of the user's. Empty for a body that has none of this."""
    try:
        spans = spans_of(data)
        members = {span.name: data[span.value : span.end] for span in spans}
        messages = members.get(rules.messages, b"[]")
        begin = list(_until_user(_entries_of(data, messages))) if messages.startswith(b"[") else [messages]
    except (BadJson, msgspec.DecodeError):
        return b""
    return b"\n".join((*(members[name] for name in (*rules.system, rules.tools) if name in members), *begin))


def _entries_of(data: bytes, messages: bytes) -> list[Entry]:
    """Return the entries of the conversation in a body. Raise `DecodeError`."""
    global _latest  # noqa: PLW0603 - as `spans_of`
    latest = _latest
    if latest[0] is not data:
        latest = (data, _entries.decode(messages))
        _latest = latest if len(data) <= KEPT else (None, [])
    return latest[1]


def _tell(entries: Iterable[Entry], rules: LongMembers) -> bool:
    """Check whether entries have to be read. Their own long texts are not searched: those hold no parts."""
    places = b",".join(
        b'"%b":%b' % (name.encode(), bytes(value))
        for entry in entries
        for name, value in entry.items()
        if len(view := memoryview(value)) <= _WORD or view[0] != _QUOTE
    )
    return any(word in places for word in rules.telling) or may_hide_words(places)


_QUOTE = ord('"')


def _array(elements: Collection[bytes]) -> bytes:
    return b"[%b]" % b",".join(elements)


def _since_answer(entries: Sequence[Entry], answers: Collection[str]) -> list[bytes]:
    """Return the entries from the last that belongs to an answer."""
    since: list[bytes] = []
    for entry in reversed(entries):
        since.append(as_it_is(entry))
        if (_word_of(entry, "role") or _word_of(entry, "type")) in answers:
            break
    return since[::-1]


def _until_user(entries: Sequence[Entry]) -> Iterator[bytes]:
    for entry in entries:
        yield as_it_is(entry)
        if _word_of(entry, "role") in (None, "user"):
            break


def _word_of(entry: Entry, name: str) -> str | None:
    value = entry.get(name)
    return None if value is None else _word.decode(value)


def kind_of(tool: Member) -> bytes | None:
    """Return the type of a tool as it is written; `None` if it has none."""
    kind = tool.get("type")
    return None if kind is None else bytes(kind)


def as_it_is(entry: Member) -> bytes:
    """Return an entry or a tool as it came."""
    return b"{%b}" % b",".join(b"%b:%b" % (msgspec.json.encode(name), bytes(value)) for name, value in entry.items())
