"""The pieces of an answer as it arrives: a closed tagged union.

A response is the fold of its events (`understudy.domain.fold`), for streams and whole bodies alike. `index` is the
position of the part that an event belongs to; parts are numbered in the order in which they begin.

`wire` is the frame of the provider's stream that the event was read from, kept only if the exchange was opened to
keep it. If one frame gives several events, the first carries the frame and the others carry `b""`; a frame without a
meaning to this library becomes `Frame`. A renderer of the same dialect forwards the frames and so loses nothing.
"""

from __future__ import annotations

import msgspec

from understudy.domain.content import AnyPart, Citation, Json, JsonObject
from understudy.domain.failures import Failure
from understudy.domain.finish import FinishReason
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name


class EventBase(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True, gc=False):
    """The base of all events."""


class Started(EventBase, frozen=True, kw_only=True, tag="started", omit_defaults=True, gc=False):
    """The provider began to answer. `model` is the model that answers, which may differ from the requested one."""

    id: str | None = None
    model: str | None = None
    created: float | None = None
    """Unix seconds."""
    wire: bytes | None = None


class TextDelta(EventBase, frozen=True, tag="text", omit_defaults=True, gc=False):
    """More text of a text part."""

    index: int
    text: str
    wire: bytes | None = None


class RefusalDelta(EventBase, frozen=True, tag="refusal", omit_defaults=True, gc=False):
    """More text of a refusal."""

    index: int
    text: str
    wire: bytes | None = None


class ThinkingDelta(EventBase, frozen=True, tag="thinking", omit_defaults=True, gc=False):
    """More text of a thinking part; an empty string begins one."""

    index: int
    text: str
    wire: bytes | None = None


class ThinkingSigned(EventBase, frozen=True, tag="thinking_signed", omit_defaults=True, gc=False):
    """The signature of a thinking part."""

    index: int
    signature: str
    wire: bytes | None = None


class ToolCallStarted(EventBase, frozen=True, tag="tool_call_started", omit_defaults=True, gc=False):
    """A tool call begins; its arguments follow as `ToolCallDelta`."""

    index: int
    id: str
    name: str
    wire: bytes | None = None


class ToolCallDelta(EventBase, frozen=True, tag="tool_call_delta", omit_defaults=True, gc=False):
    """More of the JSON string of a tool call's arguments."""

    index: int
    arguments: str
    wire: bytes | None = None


class PartAdded(EventBase, frozen=True, tag="part", omit_defaults=True):
    """A part that arrives whole: opaque, audio, image, file or redacted thinking."""

    index: int
    part: AnyPart
    wire: bytes | None = None


class CitationAdded(EventBase, frozen=True, tag="citation", omit_defaults=True):
    """A citation of the text part at `index`."""

    index: int
    citation: Citation
    wire: bytes | None = None


class PartExtra(EventBase, frozen=True, tag="part_noted", omit_defaults=True):
    """Wire fields of the part at `index` that have no unified name (item ids, phases), for the dialect in which they
    arrived; they end in `part.extra`. It may come before the part's first piece, but it never begins a part."""

    index: int
    dialect: str
    fields: JsonObject
    wire: bytes | None = None


class UsageReported(EventBase, frozen=True, tag="usage", omit_defaults=True):
    """Token counts so far. Reports are cumulative: the latest replaces those before it as a whole, unless it is empty;
    nothing is added."""

    usage: Usage
    wire: bytes | None = None


class FactReported(EventBase, frozen=True, tag="noted", omit_defaults=True):
    """A fact about the answer without a unified name (`service_tier`, `logprobs`, …); ends in `response.extra`.

    `append` extends the list of earlier facts of the same key, instead of replacing the value.
    """

    key: str
    value: Json
    append: bool = False
    wire: bytes | None = None


class Warned(EventBase, frozen=True, tag="warned", omit_defaults=True):
    """Something could not be expressed in this wire format."""

    warning: Warning
    wire: bytes | None = None


class Finished(EventBase, frozen=True, tag="finished", omit_defaults=True, gc=False):
    """The model ended its answer. `raw` is the provider's own word for the reason."""

    reason: FinishReason
    raw: str | None = None
    wire: bytes | None = None


class Frame(EventBase, frozen=True, tag="frame", omit_defaults=True, gc=False):
    """A frame of the wire without a meaning to this library, kept for a renderer of the same dialect."""

    wire: bytes


class Restarted(EventBase, frozen=True, kw_only=True, tag="restarted", omit_defaults=True):
    """The answer was interrupted and begins anew: discard every piece so far. Only with
    `on_midstream_error="restart"`."""

    provider: str
    """The entry that goes on."""
    model: str | None = None
    failed_provider: str
    """The entry that failed."""
    failure: Failure
    wire: bytes | None = None


class Heartbeat(EventBase, frozen=True, tag="heartbeat", omit_defaults=True, gc=False):
    """The answer has begun and is held back: there is nothing to show yet. Only with `on_midstream_error="hold"`."""

    wire: bytes | None = None


Event = (
    Started
    | TextDelta
    | RefusalDelta
    | ThinkingDelta
    | ThinkingSigned
    | ToolCallStarted
    | ToolCallDelta
    | PartAdded
    | CitationAdded
    | PartExtra
    | UsageReported
    | FactReported
    | Warned
    | Finished
    | Frame
    | Restarted
    | Heartbeat
)
"""All kinds of event; closed, so that `match` over it can be exhaustive."""

Content = TextDelta | RefusalDelta | ThinkingDelta | ThinkingSigned | ToolCallStarted | ToolCallDelta | PartAdded
"""Events that carry the answer itself. The first of them commits a stream; each of them counts as progress."""

CONTENT_EVENTS: tuple[type[Content], ...] = (
    TextDelta,
    RefusalDelta,
    ThinkingDelta,
    ThinkingSigned,
    ToolCallStarted,
    ToolCallDelta,
    PartAdded,
)
"""`Content` as a tuple of classes, for fast `isinstance`."""

Piece = TextDelta | ThinkingDelta | ToolCallDelta
"""What nearly all events of a stream are: one that adds to a part and does nothing else."""

PIECES: tuple[type[Piece], ...] = (TextDelta, ToolCallDelta, ThinkingDelta)
"""`Piece` as a tuple of classes, for fast `isinstance`: the most frequent first."""
