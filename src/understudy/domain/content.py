"""The parts of a message.

A part is one piece of a message. Its fields are those that at least two wire formats share; what only one of them has
is kept as `Opaque` and sent back to that dialect only.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, ClassVar, Self

import msgspec

from understudy.domain import json_types
from understudy.domain.declared import check_fields, json_text
from understudy.domain.media_types import (
    canonical_base64,
    canonical_type,
    decode_base64,
    is_absolute_url,
    is_text,
    is_textual,
    parse_data_url,
    settle_type,
    sniff,
    type_of_name,
)
from understudy.domain.misuse import Misuse
from understudy.domain.suggestions import kind_of, shown

if TYPE_CHECKING:
    from os import PathLike

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
    OpenAI signed means nothing to a private server of that type. `account` distinguishes accounts of one server, where
    what one of them encrypted is refused from another. Unset means any of them.
    """

    dialect: str
    model: str | None = None
    provider: str | None = None
    server: str | None = None
    account: str | None = None


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
        known = self.provenance is None or type(self.provenance) is Provenance
        usual = type(self.text) is str and type(self.citations) is tuple and not self.citations
        if not usual or not known or self.extra is not None or self.cache is not None:
            if isinstance(self.citations, list):
                msgspec.structs.force_setattr(self, "citations", tuple(self.citations))
            check_fields(self)


class Refusal(Part, frozen=True, kw_only=False, tag="refusal", omit_defaults=True):
    """The model's refusal, where the wire format separates it from text. `provenance` as in `Text`."""

    text: str
    provenance: Provenance | None = None


class InvalidMedia(Misuse, ValueError):
    """Media that cannot be used. It is a `ValueError` too, which `from_bytes` raised before."""


class Media(Part, frozen=True, kw_only=True, omit_defaults=True):
    """The base of image, audio and file: exactly one of `url`, `data` and `file_id` locates the bytes.

    `data` is base64 without a `data:` prefix; `media_type` is an IANA media type such as `image/png`. Where the bytes
    show another type than `media_type`, a request is sent with theirs, and a warning.
    """

    _kind: ClassVar[str] = ""
    """The first half of the media types of the class; empty if it is any."""
    _words: ClassVar[str] = ""
    """The field that may stand for the bytes."""

    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    media_type: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        """Raise `Misuse` for a field of a wrong type."""
        if isinstance(self.data, bytes | bytearray):
            name = type(self).__name__
            raise InvalidMedia(f"{name}: data is base64, got bytes; use {name}.from_bytes")
        check_fields(self)

    @classmethod
    def from_path(cls, path: str | PathLike[str], media_type: str | None = None) -> Self:
        """Read a file from disk; its type is derived from its bytes, else from its name, unless given.

        Raise `Misuse` if the file cannot be read, is empty, or is of another kind.
        """
        from understudy.domain.local_files import read_file

        who = f"{cls.__name__}.from_path"
        if not isinstance(path, str) and not hasattr(path, "__fspath__"):
            raise InvalidMedia(f"{who}: path must be a string or a path, not {kind_of(path)}")
        try:
            data, name = read_file(path)
        except (OSError, ValueError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidMedia(f"{who}: {str(path)!r} cannot be read: {reason}") from error
        return cls._of(f"{who}: {str(path)!r}", data, media_type or type_of_name(name), name, given=bool(media_type))

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None) -> Self:
        """Make a part from raw bytes; its type is derived from the first bytes unless given.

        Raise `Misuse` (which is a `ValueError` here) if there are no bytes, or of an unknown type or another kind.
        """
        who = f"{cls.__name__}.from_bytes"
        if not isinstance(data, bytes | bytearray | memoryview):
            hint = f"; for a file, use {cls.__name__}.from_path" if isinstance(data, str) else ""
            raise InvalidMedia(f"{who}: data must be bytes, got {type(data).__name__}{hint}")
        return cls._of(f"{who}: the data", bytes(data), media_type, None, given=media_type is not None)

    @classmethod
    def from_download(cls, what: str, data: bytes, media_type: str | None, name: str | None) -> Self:
        """Make a part from bytes under the type and name that a server gave them; `what` names them in errors.

        Raise `Misuse` as `from_bytes` does, also for content of another kind than the part's.
        """
        return cls._of(what, data, media_type or type_of_name(name or ""), name, given=False)

    @classmethod
    def from_url(cls, url: str, media_type: str | None = None) -> Self:
        """Make a part from a URL, which the provider reads; the bytes of a `data:` URL are sent themselves.

        Raise `Misuse` for anything but `https:`, `http:` and `data:` URLs.
        """
        return cls(url=url, media_type=media_type).checked(f"{cls.__name__}.from_url")

    @classmethod
    def _of(cls, what: str, data: bytes, label: str | None, name: str | None, *, given: bool) -> Self:
        """Make a part from bytes. `what` names them in errors; `given` if the caller stated the type."""
        if not data:
            raise InvalidMedia(f"{what} is empty")
        label = canonical_type(label) if label is not None else None
        shown = sniff(data)
        if label is None and shown is None and not cls._kind and is_text(data):
            label = "text/plain"
        kind = settle_type(label, shown)
        if kind is None:
            raise InvalidMedia(f"{what} has an unknown type, not {_EXAMPLES[cls._kind]}: give media_type")
        if not given and cls._kind and not kind.startswith(f"{cls._kind}/"):
            raise InvalidMedia(f"{what} is {kind}, not {cls._kind}: use {_CLASS_FOR.get(kind[:5], 'File')}")
        if not given and cls._kind and kind == "image/svg+xml":
            raise InvalidMedia(
                f"{what} is SVG, which no model reads as an image: convert it to PNG, or send it as text"
            )
        return cls(data=base64.b64encode(data).decode("ascii"), media_type=kind, name=name if not cls._kind else None)

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

    def checked(self, where: str) -> Self:
        """Return the media with canonical base64; bytes of a `data:` URL are in `data`.

        Raise `InvalidMedia`, which begins with `where`, if `data` is not base64, or `url` is not a URL.
        """
        name = type(self).__name__
        media = self.located()
        if media.data is not None:
            data = canonical_base64(media.data)
            if not data:
                found = "is empty" if data == "" else "is not valid base64"
                raise InvalidMedia(f"{where}: data {found}; for raw bytes, use {name}.from_bytes")
            return media if data == media.data else msgspec.structs.replace(media, data=data)
        if media.url is None and media.file_id is None and media.extra is None and not getattr(self, self._words, None):
            raise InvalidMedia(f"{where}: {name} is empty: give url, data or file_id, or use {name}.from_path")
        if media.url is not None and not is_absolute_url(media.url):
            hint = f"; for a file on disk, use {name}.from_path" if ":" not in media.url[:6] else ""
            raise InvalidMedia(f"{where}: url is not an absolute URL: got {shown(media.url)}{hint}")
        return media

    def located(self) -> Self:
        """Return the media with its bytes in `data`, if `url` or `data` holds a `data:` URL."""
        if self.data is not None and self.data[:5].lower() == "data:":
            return msgspec.structs.replace(self, url=self.data, data=None).inline()
        return self.inline() if self.url is not None else self


_EXAMPLES = {
    "image": "PNG, JPEG, GIF or WebP",
    "audio": "WAV, MP3, FLAC, OGG or M4A",
    "": "PDF or text",
}
_CLASS_FOR = {"image": "Image", "audio": "Audio"}


class Image(Media, frozen=True, kw_only=True, tag="image", omit_defaults=True):
    """An image. `detail` is OpenAI's `auto`, `low` or `high`."""

    _kind: ClassVar[str] = "image"

    detail: str | None = None


class Audio(Media, frozen=True, kw_only=True, tag="audio", omit_defaults=True):
    """Audio. `format` is the short name that OpenAI's wire uses (`wav`, `mp3`); `transcript` is set on answers."""

    _kind: ClassVar[str] = "audio"
    _words: ClassVar[str] = "transcript"

    format: str | None = None
    transcript: str | None = None


class File(Media, frozen=True, kw_only=True, tag="file", omit_defaults=True):
    """A document, most often a PDF. `text` holds a plain-text document."""

    _words: ClassVar[str] = "text"

    text: str | None = None
    context: str | None = None
    citations: bool | None = None

    def plain_text(self) -> str | None:
        """Return `text`, or the bytes of a text file (`text/…`, JSON, YAML …) decoded as UTF-8; `None` for any other
        file."""
        if self.text is not None or self.data is None:
            return self.text
        kind = canonical_type(self.media_type) if self.media_type is not None else type_of_name(self.name or "")
        data = decode_base64(self.data) if kind is not None and is_textual(kind) else None
        try:
            return None if data is None else data.decode("utf-8-sig")
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
            msgspec.structs.force_setattr(self, "arguments", json_text(self.arguments, "ToolCall: arguments"))
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
    if isinstance(content, (list, tuple)) and (content == () or any(isinstance(each, Part) for each in content)):
        return read_content(content, "ToolResult")
    return json_text(content, "ToolResult: content")
