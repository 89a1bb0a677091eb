"""Media as targets accept them: bytes under the type that they show, in types and forms that the target takes.

A medium of a type that a target does not take makes the target unfit for the request (`WarningLog.refuse`): without it,
the model would answer another question. One that cannot be sent in the form in which it is given, such as a URL where
only bytes are accepted, is left out with a warning that states what would help.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec

from understudy.dialects.base import WarningLog
from understudy.domain.content import Audio, File, Image, Media
from understudy.domain.media_types import (
    canonical_base64,
    canonical_type,
    is_absolute_url,
    settle_type,
    sniff_base64,
    suffix_of,
    type_of_name,
)

M = TypeVar("M", bound=Media)

PDF = "application/pdf"
FETCH = "fetch_media downloads it"
"""What warnings about URLs advise."""


def fit(part: M, types: Collection[str] | None, notes: WarningLog, *, typed: bool = True) -> M | None:
    """Return a medium whose bytes are canonical base64 under the type that they show, or with an absolute URL.

    Return `None` for one that the target does not accept, and note the refusal. `types` holds the accepted types of
    bytes, `None` if any is. Where the wire has no place for a type (`typed` is false), bytes of an unknown type pass.
    """
    part, what = part.located(), str(part.__struct_config__.tag)
    label = _label_of(part)
    if part.data is None:
        if part.url is not None and part.file_id is None and not is_absolute_url(part.url):
            notes.refuse(what, f"its url is not an absolute URL: {part.url[:60]!r}")
            return None
        return part if label == part.media_type else msgspec.structs.replace(part, media_type=label)
    data = canonical_base64(part.data)
    if not data:
        notes.refuse(what, "its data is empty" if data == "" else "its data is not valid base64")
        return None
    shown = sniff_base64(data)
    kind = settle_type(label, shown)
    if kind != label and label is not None:
        notes.emulate(what, f"it is labelled {label}, but its bytes are {kind}; it was sent as {kind}")
    if not _is_accepted(kind, types, what, notes, typed=typed):
        return None
    if data == part.data and kind == part.media_type:
        return part
    return msgspec.structs.replace(part, data=data, media_type=kind)


def _label_of(part: Media) -> str | None:
    if part.media_type is not None:
        return canonical_type(part.media_type)
    if isinstance(part, Audio) and part.format is not None:
        kind = canonical_type(part.format)
        return kind if "/" in kind else f"audio/{kind}"
    return type_of_name(part.name) if part.name is not None else None


def _is_accepted(kind: str | None, types: Collection[str] | None, what: str, notes: WarningLog, *, typed: bool) -> bool:
    if kind is None:
        if typed:
            notes.refuse(what, "its media type is unknown: set media_type")
        return not typed
    if types is None or kind in types:
        return True
    hint = "; convert it to PNG, or send it as text" if kind == "image/svg+xml" else ""
    accepted = f"accepted are {', '.join(sorted(types))}" if types else "none is"
    notes.refuse(what, f"the type {kind} is not accepted; {accepted}{hint}")
    return False


def recast(file: File) -> Image | Audio | None:
    """Return a file with the bytes of an image or of audio as such a part; `None` for any other file."""
    if file.text is not None:
        return None
    file = file.located()
    label = _label_of(file)
    kind = (settle_type(label, sniff_base64(file.data)) if file.data is not None else label) or ""
    fields = {name: getattr(file, name) for name in ("url", "data", "file_id", "name", "cache", "extra")}
    if kind.startswith("image/"):
        return Image(**fields, media_type=kind)
    return Audio(**fields, media_type=kind) if kind.startswith("audio/") else None


def assume_pdf(file: File) -> File:
    """Return a document as a PDF if neither its label, its name nor its bytes show what it is."""
    located = file.located()
    shows = _label_of(located) or (located.data is not None and sniff_base64(located.data))
    return file if shows else msgspec.structs.replace(located, media_type=PDF)


def text_of(file: File) -> str | None:
    """Return the text of a plain-text file, under its name if it has one; `None` for any other file."""
    text = file.located().plain_text()
    return f"{file.name}:\n{text}" if text is not None and file.name else text


def name_of(file: File) -> str:
    """Return the name of a file, or a default one with the extension of its type."""
    return file.name or f"document.{suffix_of(file.media_type) or 'pdf'}"


def is_web_url(url: str | None, *, secure: bool = False) -> bool:
    """Check whether a URL is one that a provider can read: `https`, and `http` unless `secure`."""
    return url is not None and url[:8].lower().startswith("https://" if secure else ("https://", "http://"))
