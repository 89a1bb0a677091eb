"""The outline of a request: all that decides where it goes, without its long members.

An agent sends its whole conversation and all of its tools at every step. A provider that speaks the wire format of the
caller gets these bytes as they came, so they need not be read. The outline of a body is a short body in the same
wire format, which the same parser reads: of the messages it has those since the last answer, of each kind of tools one,
and everything else as it stands.

There is no outline where what it leaves out may have to be read: images, audio and files, which not every
model accepts, and anything that is not as the wire format has it, which the parser refuses in its own words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.wire.growing import growing_members, remember
from understudy.wire.json import BadJson
from understudy.wire.members import Members, members_of
from understudy.wire.places import Entry

Member = Mapping[str, msgspec.Raw]
"""A tool, or an entry: its members, unread."""

REMEMBERED = 32
"""Arrays of tools that are kept at most."""
LONGEST = 256 << 10
"""Bytes up to which one is kept."""
SHORT = 1 << 10
"""Bytes up to which tools stand for themselves in the beginning of a prompt."""

_BRACKET = ord("[")
_USER = msgspec.Raw(b'"user"')
_END = 64
_word: msgspec.json.Decoder[str | None] = msgspec.json.Decoder(str | None)


class LongMembers(msgspec.Struct, frozen=True, kw_only=True):
    """Which members of a wire format's bodies are long, and what of them matters."""

    messages: str = "messages"
    system: tuple[str, ...] = ()
    """What comes before the messages; left out."""
    tools: str = "tools"
    tool: Callable[[Member], bytes]
    """Returns the least tool that the parser takes for one of the same kind."""
    functions: Collection[str | msgspec.UnsetType] = ()
    """The types of tools that are functions; `UNSET` stands for tools without a type."""
    function: bytes = b""
    """What `tool` returns for them."""
    entry: Callable[[Member], bytes] | None = None
    """Returns the least message that the parser takes for one of the same role, whose results of tools are as many; if
    `None`, messages are read as they came."""
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
    members: Members
    """Those of the body itself."""


def outline_of(data: bytes, rules: LongMembers) -> Outline | None:
    """Return the outline of a body; `None` for one that must be read as a whole."""
    try:
        members, begun = growing_members(data, rules.messages)
        members.check_routing()
        if not rules.binding.isdisjoint(members.named) or _tells(members, rules):
            return None
        since = _since_answer(members.entries(rules.messages), rules.answers)
        short = {rules.messages: _array(list(map(rules.entry or as_it_is, since)))}
        if rules.tools in members.named:
            short[rules.tools] = _array(_least_tools(members, rules))
        remember(members, rules.messages, begun)
    except (BadJson, msgspec.DecodeError, UnicodeError):
        return None
    long = {rules.messages, rules.tools, *rules.system}
    kept = {name: value for name, value in members.named.items() if name not in long}
    return Outline(
        msgspec.json.encode({**kept, **{name: msgspec.Raw(value) for name, value in short.items()}}), members
    )


def head_of(data: bytes, rules: LongMembers) -> bytes:
    """Return what of a body stays the same while its conversation goes on: all that comes before the messages, the
    tools (a digest of them if they are long), and the messages up to the first of the user's. Empty for a body that has
    none of this."""
    try:
        members = members_of(data)
        messages = members.named.get(rules.messages)
        if messages is None:
            begin = []
        elif memoryview(messages)[0] == _BRACKET:
            begin = _until_user(members.entries(rules.messages))
        else:
            begin = [bytes(messages)]
    except (BadJson, msgspec.DecodeError):
        return b""
    tools = members.named.get(rules.tools)
    before = [members.raw(name) for name in rules.system if name in members.named] if rules.system else ()
    return b"\n".join((*before, b"" if tools is None else _digest_of(bytes(tools)), *begin))


def _tells(members: Members, rules: LongMembers) -> bool:
    """Check whether the messages have to be read. Their own long texts are not searched: those hold no parts."""
    return any(places.may_have(rules.telling) for places in members.outside_texts(rules.messages))


def _array(elements: Collection[bytes]) -> bytes:
    return b"[%b]" % b",".join(elements)


def _since_answer(entries: Sequence[Entry], answers: Collection[str]) -> list[Entry]:
    """Return the entries behind the last that belongs to an answer, or this one if it comes last."""
    since: list[Entry] = []
    for entry in reversed(entries):
        is_answer = (_word_of(entry, "role") or _word_of(entry, "type")) in answers
        if not is_answer or not since:
            since.append(entry)
        if is_answer:
            break
    return since[::-1]


def _until_user(entries: Sequence[Entry]) -> list[bytes]:
    begin: list[bytes] = []
    for entry in entries:
        begin.append(as_it_is(entry))
        role = entry.get("role")
        if role == _USER or role is None or _word.decode(role) in (None, "user"):
            break
    return begin


def _word_of(entry: Entry, name: str) -> str | None:
    value = entry.get(name)
    return None if value is None else _word.decode(value)


class _Kind(msgspec.Struct, gc=False):
    """A tool of which only the type is read."""

    type: str | msgspec.UnsetType = msgspec.UNSET


_kinds: msgspec.json.Decoder[list[_Kind]] = msgspec.json.Decoder(list[_Kind])


class _Tools(msgspec.Struct):
    """The tools of a body: an agent sends the same at every step, so what is known of them is kept."""

    written: bytes
    kinds: frozenset[str | msgspec.UnsetType]
    """The types of the tools; empty without tools, or if the type of one is invalid."""
    digest: bytes | None = None
    """Stands for them in the beginning of a prompt."""


_remembered: BoundedDict[tuple[int, bytes], _Tools] = BoundedDict(REMEMBERED)
"""By their length and last bytes; they are compared as a whole before they are taken for the same."""


def _tools_of(written: bytes) -> _Tools:
    key = len(written), written[-_END:]
    known = _remembered.get(key)
    if known is not None and known.written == written:
        return known
    try:
        found = _Tools(written, frozenset(each.type for each in _kinds.decode(written)))
    except msgspec.DecodeError:
        found = _Tools(written, frozenset())
    if len(written) <= LONGEST:
        _remembered[key] = found
    return found


def _least_tools(members: Members, rules: LongMembers) -> Collection[bytes]:
    """Return of each kind of tools one."""
    if rules.functions and (kinds := _tools_of(members.raw(rules.tools)).kinds) and kinds.issubset(rules.functions):
        return (rules.function,)
    return dict.fromkeys(map(rules.tool, members.entries(rules.tools)))


def _digest_of(tools: bytes) -> bytes:
    """Return what stands for tools where they are too long to be looked at each time."""
    if len(tools) <= SHORT:
        return tools
    known = _tools_of(tools)
    if known.digest is None:
        known.digest = hashlib.sha256(tools).digest()
    return known.digest


def kind_of(tool: Member) -> bytes | None:
    """Return the type of a tool as it is written; `None` if it has none."""
    kind = tool.get("type")
    return None if kind is None else bytes(kind)


as_it_is: Callable[[Member], bytes] = msgspec.json.Encoder().encode
"""Return an entry or a tool as it came."""
