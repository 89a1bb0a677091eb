"""JSON values without secrets and without media, of a limited size: what of a prompt or an answer may be kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from understudy.domain.secret_forms import REDACTED, names_a_secret

MARGIN = 64 << 10
"""Characters of a long string that are searched beyond what is kept: no secret is longer, so none is cut in two."""
_RESERVED = 384
"""Bytes of the marks that state what was left out, and of the names of the outermost fields."""
_MEDIA = frozenset({"image", "audio", "file"})
_DATA_URL = re.compile(r"data:(?P<type>[\w.+-]*/?[\w.+-]*)(?:;[\w=.+-]+)*?;base64,(?P<data>[A-Za-z0-9+/_=%-]*)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{512,}={0,2}\s*")
_LEFT_OUT = frozenset({"provenance", "cache"})
"""Fields of parts that are not what was said."""


class CaptureDocument:
    """Takes values as long as there is room. Strings are searched for secrets before they are cut."""

    def __init__(self, redact: Callable[[str], str], most: int) -> None:
        """`redact` removes secrets from a string; `most`: bytes of everything together, as JSON."""
        self._redact = redact
        self._most = most
        self._left = most - _RESERVED
        self.is_cut = False
        """Whether something was left out because of the size."""

    def newest(self, structs: Sequence[Any]) -> list[Any]:
        """Return the last of some messages, as many as there is room for, in their order."""
        kept: list[Any] = []
        for each in reversed(structs):
            if self._is_full():
                break
            kept.append(self.value(msgspec.to_builtins(each)))
        return kept[::-1]

    def value(self, value: Any) -> Any:
        """Return as much of a JSON value as there is room for."""
        match value:
            case str():
                return self._text(value)
            case dict() if value.get("type") in _MEDIA and isinstance(value.get("data"), str):
                return self._dict(_described(value))
            case dict():
                return self._dict(value)
            case list() | tuple():
                return self._list(value)
            case _:
                self._left -= _size(value) + 1
                return value

    def encoded(self, document: dict[str, Any]) -> bytes:
        """Return a document of such values as JSON, never larger than allowed."""
        if self.is_cut:
            document = {**document, "cut": True}
        data = msgspec.json.encode(document)
        return data if len(data) <= self._most else b'{"cut":true}'

    def _is_full(self) -> bool:
        self.is_cut = self.is_cut or self._left <= 0
        return self._left <= 0

    def _dict(self, value: dict[str, Any]) -> dict[str, Any]:
        self._left -= 2
        kept: dict[str, Any] = {}
        for name, item in value.items():
            if name in _LEFT_OUT:
                continue
            if self._is_full():
                break
            clean = self._redact(_encodable(name))
            self._left -= _size(clean) + 2
            hides = isinstance(item, str) and names_a_secret(name)
            kept[clean] = self.value(REDACTED if hides else item)
        return kept

    def _list(self, value: Sequence[Any]) -> list[Any]:
        self._left -= 2
        kept: list[Any] = []
        for item in value:
            if self._is_full():
                break
            kept.append(self.value(item))
        return kept

    def _text(self, text: str) -> str:
        if self._is_full():
            return ""
        text = without_media(_encodable(text))
        is_long = len(text) > self._left + MARGIN
        clean = self._redact(text[: self._left + MARGIN] if is_long else text)
        if is_long:  # its end may be a secret that was cut in two
            clean = clean[: max(0, len(clean) - MARGIN)]
        if is_long or _size(clean) > self._left:
            clean = f"{_beginning(clean, self._left)}… [of {len(text):,} characters]"
            self._left, self.is_cut = 0, True
        else:
            self._left -= _size(clean) + 1
        return clean


def without_media(text: str) -> str:
    """Return a text in which data in Base64 is replaced by its length and SHA-256."""
    if len(text) >= 512 and _BASE64.fullmatch(text):
        size, digest = _digest(text)
        return f"[{size} bytes, SHA-256 {digest}]"
    return _DATA_URL.sub(_stated, text) if "data:" in text else text


def _stated(found: re.Match[str]) -> str:
    size, digest = _digest(found["data"])
    return f"[{found['type'] or 'data'}, {size} bytes, SHA-256 {digest}]"


def _described(media: dict[str, Any]) -> dict[str, Any]:
    """Return what stands for media: everything but the data."""
    size, digest = _digest(media["data"])
    return {name: value for name, value in media.items() if name != "data"} | {"bytes": size, "sha256": digest}


def _digest(text: str) -> tuple[int, str]:
    """Return how many bytes a text in Base64 stands for, and their SHA-256; if it is invalid, those of the text."""
    plain = text.strip().translate(_STANDARD).rstrip("=")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        data = text.encode("utf-8", "replace")
    return len(data), hashlib.sha256(data).hexdigest()


_STANDARD = str.maketrans("-_", "+/")


def _encodable(text: str) -> str:
    """Return a text without lone surrogates, which JSON in UTF-8 cannot hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _beginning(text: str, most: int) -> str:
    """Return the beginning of a text that is at most so many bytes of JSON."""
    text = text[: max(0, most)]
    while text and (size := _size(text)) > most:
        text = text[: len(text) * most // size - 1] if most > 2 else ""
    return text


def _size(value: Any) -> int:
    return len(msgspec.json.encode(value))
