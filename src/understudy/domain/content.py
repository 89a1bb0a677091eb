"""The parts of a message.

A part is one piece of a message. Its fields are those that at least two wire formats share; what only one of them has
is kept as `Opaque` and sent back to that dialect only.
"""

from __future__ import annotations

import base64
from typing import Self
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from understudy.domain import json_types
from understudy.domain.declared import check_fields
from understudy.domain.misuse import Misuse
from understudy.domain.suggestions import kind_of

Json = json_types.Json
JsonObject = json_types.JsonObject


class CacheMark(msgspec.Struct, frozen=True, kw_only=True):
    """Asks the provider to cache the prompt up to and including the marked part.

    `ttl` is the provider's own spelling (`5m` or `1h` at Anthropic, `30m` at OpenAI); unset means the default.
    """

    ttl: str | None = None

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type."""
        if self.ttl is not None:
            check_fields(self)


class Provenance(msgspec.Struct, frozen=True):
    """The origin of a part. A part with a provenance is sent back only to its origin.

    `dialect` names the wire format; `model` is set where the provider binds the part to one model. `provider` is the
    provider's type and `server` its address (scheme, host and port), for wire formats that several servers use: what
    OpenAI signed means nothing to a private server of that type. Unset means any of them.
    """

    dialect: str
    model: str | None = None
    provider: str | None = None
    server: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """The base of all parts.

    `cache` marks the prompt up to here for caching. `extra` keeps wire fields without a unified name, for the
    dialect in which they arrived: `{"openai": {"annotations": [...]}}`.
    """

    cache: CacheMark | None = None
    extra: dict[str, JsonObject] | None = None

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type."""
        check_fields(self)


class Citation(Part, frozen=True, kw_only=True, tag="citation", omit_defaults=True):
    """The source of a statement. Offsets count characters of the text part that carries the citation."""

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None
    raw: JsonObject | None = None
    """The citation as the provider wrote it."""
    dialect: str | None = None
    """The dialect that `raw` is written in."""


class Text(Part, frozen=True, kw_only=False, tag="text", omit_defaults=True):
    """Text with its citations. `provenance` is the origin of the citations and of `extra`."""

    text: str
    citations: tuple[Citation, ...] = ()
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type."""
        if type(self.text) is not str or self.citations or self.extra is not None or self.cache is not None:
            if isinstance(self.citations, list):
                msgspec.structs.force_setattr(self, "citations", tuple(self.citations))
            check_fields(self)


class Refusal(Part, frozen=True, kw_only=False, tag="refusal", omit_defaults=True):
    """The model's refusal, where the wire format separates it from text. `provenance` as in `Text`."""

    text: str
    provenance: Provenance | None = None


class Media(Part, frozen=True, kw_only=True, omit_defaults=True):
    """The base of image, audio and file: exactly one of `url`, `data` and `file_id` locates the bytes.

    `data` is base64 without a `data:` prefix; `media_type` is an IANA media type such as `image/png`.
    """

    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    name: str | None = None

    def data_url(self) -> str | None:
        """Return the bytes as a `data:` URL (RFC 2397), or the URL unchanged; `None` for a file id."""
        if self.data is not None:
            return f"data:{self.media_type or 'application/octet-stream'};base64,{self.data}"
        return self.url

    def inline(self) -> Self:
        """Return the media with the bytes of a `data:` URL in `data`; unchanged if `url` is any other URL."""
        found = parse_data_url(self.url) if self.data is None and self.url is not None else None
        if found is None:
            return self
        return msgspec.structs.replace(self, url=None, data=found[1], media_type=found[0] or self.media_type)


def parse_data_url(url: str) -> tuple[str | None, str] | None:
    """Return the media type and the base64 of a `data:` URL (RFC 2397); `None` for any other string.

    Parameters of the media type are left out, and a missing media type is `None`: for media, RFC 2397's default of
    `text/plain` is less likely than an image whose first bytes show what it is.
    """
    head, comma, data = url.partition(",")
    scheme, colon, described = head.partition(":")
    if not comma or not colon or scheme.lower() != "data":
        return None
    media_type, *parameters = described.split(";")
    if parameters and parameters[-1].lower() == "base64":
        return media_type or None, unquote(data) if "%" in data else data
    if not data.isascii():
        return None  # Not a URL: such characters must be percent-encoded, in an encoding that only the caller knows.
    return media_type or None, base64.b64encode(unquote_to_bytes(data)).decode("ascii")


class Image(Media, frozen=True, kw_only=True, tag="image", omit_defaults=True):
    """An image. `detail` is OpenAI's `auto`, `low` or `high`."""

    detail: str | None = None

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None) -> Image:
        """Make an image from raw bytes; the media type is derived from the first bytes unless given.

        Raise `ValueError` if the bytes are not PNG, JPEG, GIF or WebP and no media type is given.
        """
        kind = media_type or _image_type(data)
        if kind is None:
            raise ValueError("not a PNG, JPEG, GIF or WebP image: give media_type")
        return cls(data=base64.b64encode(data).decode("ascii"), media_type=kind)


class Audio(Media, frozen=True, kw_only=True, tag="audio", omit_defaults=True):
    """Audio. `format` is the short name that OpenAI's wire uses (`wav`, `mp3`); `transcript` is set on answers."""

    format: str | None = None
    transcript: str | None = None


class File(Media, frozen=True, kw_only=True, tag="file", omit_defaults=True):
    """A document, most often a PDF. `text` holds a plain-text document."""

    text: str | None = None
    context: str | None = None
    citations: bool | None = None

    def plain_text(self) -> str | None:
        """Return `text`, or the bytes of a `text/…` file decoded as UTF-8; `None` for any other file."""
        if self.text is not None or self.data is None or not (self.media_type or "").startswith("text/"):
            return self.text
        try:
            return base64.b64decode(self.data).decode()
        except ValueError:
            return None


class Thinking(Part, frozen=True, kw_only=False, tag="thinking", omit_defaults=True):
    """The model's reasoning as far as the provider shows it.

    `signature` proves its origin and must be sent back unchanged; `redacted` replaces the text if the provider encrypts
    it. `text` may be empty if there is a signature.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    provenance: Provenance | None = None


class ToolCall(Part, frozen=True, kw_only=True, tag="tool_call", omit_defaults=True):
    """A call that the model requests. `arguments` is the JSON string exactly as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str = "{}"
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        """Encode arguments that are given as a dict. Raise `Misuse` for a field of a wrong type."""
        if isinstance(self.arguments, dict):
            msgspec.structs.force_setattr(self, "arguments", _json_text(self.arguments, "ToolCall: arguments"))
        check_fields(self)

    def parsed_arguments(self) -> Json:
        """Return the decoded arguments; an empty string counts as `{}`. Raise `ValueError` if they are not JSON."""
        try:
            return msgspec.json.decode(self.arguments or "{}")
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"arguments of tool call {self.name!r} are not valid JSON: {error}") from error


class ToolResult(Part, frozen=True, kw_only=True, tag="tool_result", omit_defaults=True):
    """The answer to a tool call. `name` is the tool's name, which some wire formats require.

    `content` is a string or parts. Any other value with a form in JSON, such as a dict, a number or `None`, becomes
    its JSON text, and so does a list, unless all its items are parts and strings with at least one part among them.
    """

    call_id: str
    content: str | tuple[AnyPart, ...] = ""
    is_error: bool | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Read the content as a caller may write it. Raise `Misuse` for a field of a wrong type."""
        if type(self.content) is not str:
            msgspec.structs.force_setattr(self, "content", _result_content(self.content))
        check_fields(self)


class Opaque(Part, frozen=True, kw_only=False, tag="opaque", omit_defaults=True):
    """What only one dialect has, kept unchanged and sent back to that dialect only."""

    dialect: str
    json: Json
    provenance: Provenance | None = None


AnyPart = Text | Refusal | Image | Audio | File | Thinking | ToolCall | ToolResult | Citation | Opaque
"""All kinds of part; closed, so that `match` over it can be exhaustive."""

_PARTS = frozenset({Text, Refusal, Image, Audio, File, Thinking, ToolCall, ToolResult, Citation, Opaque})


def read_content(content: object, owner: str) -> str | tuple[AnyPart, ...]:
    """Return content as a string or a tuple of parts: strings among parts become `Text`, a single part a tuple of one.

    Raise `Misuse`, which names the `owner`, for anything else.
    """
    if type(content) is tuple and _PARTS.issuperset(map(type, content)):
        return content
    if isinstance(content, str):
        return str(content)
    if isinstance(content, Part):
        return read_content((content,), owner)
    if not isinstance(content, (list, tuple)):
        raise Misuse(f"{owner}: content must be a string or parts, not {kind_of(content)}")
    parts = tuple(Text(str(part)) if isinstance(part, str) else part for part in content)
    for number, part in enumerate(parts):
        if type(part) not in _PARTS:
            raise Misuse(f"{owner}: content[{number}] must be a string or a part, not {kind_of(part)}")
    return parts


def _result_content(content: object) -> str | tuple[AnyPart, ...]:
    if isinstance(content, str):
        return str(content)
    if isinstance(content, Part):
        return read_content(content, "ToolResult")
    if content == () or (isinstance(content, (list, tuple)) and any(isinstance(each, Part) for each in content)):
        return read_content(content, "ToolResult")
    return _json_text(content, "ToolResult: content")


def _json_text(value: object, what: str) -> str:
    """Return the JSON of a value. Raise `Misuse`, which names `what`, for one that has none."""
    dump = getattr(value, "model_dump_json", None)  # pydantic's
    try:
        return str(dump()) if callable(dump) else msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        pass
    # Raised outside the handler: that error may repeat the value.
    raise Misuse(f"{what} must be a string, parts, or a value with a form in JSON, not {kind_of(value)}")


_IMAGE_SIGNATURES = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def sniff_image(data: str) -> str | None:
    """Return the media type of an image from the first bytes of its base64; `None` unless PNG, JPEG, GIF or WebP."""
    try:
        return _image_type(base64.b64decode(data[:64]))
    except ValueError:
        return None


def _image_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _IMAGE_SIGNATURES if data.startswith(signature)), None)
