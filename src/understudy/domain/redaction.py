"""Removes secrets from what a provider wrote: by their exact values, in every form in which a server may repeat them.

A server that refuses a key often repeats it: unchanged, in upper case, URL-encoded, in Base64 (alone or inside a longer
string such as `Bearer …`), in hexadecimal, cut off, or partly masked (`sk-ab***yz`). All of these are replaced.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Iterator
from string import ascii_lowercase, ascii_uppercase
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure

HIDDEN = "[key]"
LEAST_SECRET = 6
"""A secret with fewer characters is treated as a word, such as `none` for a server that accepts any key."""
LEAST_TELLTALE = 12
"""Characters from which a secret is long enough to be recognised in another case or encoding."""
PIECE = 16
"""Consecutive characters of a secret by which it is recognised, wherever they are in it."""
LEAST_VISIBLE = 3
"""If a mask leaves this many characters of a secret visible, the masked text is taken for the secret."""

LARGEST_BODY = 16 << 10
"""Bytes of an error object, as JSON, above which it is dropped instead of searched."""

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_MASK = re.compile(r"[*•#]{2,}|…+|\.{3,}|[xX]{4,}")


class Redactor:
    """Removes a set of secrets from text, JSON values and failures."""

    __slots__ = ("_halves", "_longest", "_lower", "_pieces", "_secrets", "_words")

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(dict.fromkeys(each for each in secrets if len(each) >= LEAST_SECRET))
        self._lower = tuple(each.translate(_LOWER) for each in self._secrets)
        self._longest = max(map(len, self._secrets), default=0)
        self._words = tuple(sorted((each for each in self._secrets if len(each) < LEAST_TELLTALE), key=len)[::-1])
        self._pieces: dict[int, frozenset[str]] = {}
        """The pieces by which secrets are recognised, by length, in lower case."""
        found: dict[int, set[str]] = {}
        for form in (form for secret in self._secrets if len(secret) >= LEAST_TELLTALE for form in _forms(secret)):
            length = min(len(form), PIECE)
            pieces = found.setdefault(length, set())
            pieces.update(form[at : at + length] for at in range(len(form) - length + 1))
        self._pieces = {length: frozenset(pieces) for length, pieces in found.items()}
        self._halves = [(length // 2, _pieces_of(pieces, length // 2)) for length, pieces in self._pieces.items()]
        """Pieces of half that length: wherever a piece is in a text, one of them is at a multiple of its own length."""

    def text(self, text: str) -> str:
        """Return the text with every form of a secret replaced by `[key]`."""
        if not self._secrets or not text:
            return text
        text = self._without_pieces(text)
        for word in self._words:
            text = text.replace(word, HIDDEN)
        return self._without_masked(text)

    def value(self, value: Any) -> Any:
        """Return a JSON value with the secrets replaced in all of its strings, including field names."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(item) for item in value]
            case dict():
                return {self.value(name): self.value(item) for name, item in value.items()}
            case _:
                return value

    def failure(self, failure: Failure) -> Failure:
        """Return the failure with the secrets replaced in everything that a provider may have written into it."""
        if not self._secrets:
            return failure
        names = ("message", "code", "type", "param", "request_id", "unknown_code")
        clean = {name: self.value(value) for name in names if (value := getattr(failure, name)) is not None}
        return msgspec.structs.replace(failure, **clean, body=self._body(failure.body))

    def _body(self, body: JsonObject | None) -> JsonObject | None:
        if body is None or len(msgspec.json.encode(body)) > LARGEST_BODY:
            return None
        clean: JsonObject = self.value(body)
        return clean

    def _without_pieces(self, text: str) -> str:
        lower = text.translate(_LOWER)
        if not any(
            lower[at : at + size] in halves for size, halves in self._halves for at in range(0, len(lower), size)
        ):
            return text
        spans = [
            (at, at + length)
            for length, pieces in self._pieces.items()
            for at in range(len(lower) - length + 1)
            if lower[at : at + length] in pieces
        ]
        if not spans:
            return text
        kept: list[str] = []
        end = 0
        for start, stop in sorted(spans):
            if start > end or not kept:
                kept += (text[end:start], HIDDEN)
            end = max(end, stop)
        return "".join((*kept, text[end:]))

    def _without_masked(self, text: str) -> str:
        """Replace masked secrets: the text before the mask begins the secret, or the text after it ends the secret."""
        kept: list[str] = []
        end = 0
        for mask in _MASK.finditer(text):
            around = (
                text[max(end, mask.start() - self._longest) : mask.start()],
                text[mask.end() : mask.end() + self._longest],
            )
            before, after = self._visible(*around)
            if max(before, after) >= LEAST_VISIBLE:
                kept += (text[end : mask.start() - before], HIDDEN)
                end = mask.end() + after
        return "".join((*kept, text[end:])) if kept else text

    def _visible(self, head: str, tail: str) -> tuple[int, int]:
        """Return how many characters of a secret are directly before and after a mask; the most of any secret."""
        found = (0, 0)
        for secret in self._lower:
            before, after = head[-len(secret) :].translate(_LOWER), tail[: len(secret)].translate(_LOWER)
            if before[-LEAST_VISIBLE:] not in secret and after[:LEAST_VISIBLE] not in secret:
                continue
            visible = (
                next((size for size in range(len(before), 0, -1) if secret.startswith(before[-size:])), 0),
                next((size for size in range(len(after), 0, -1) if secret.endswith(after[:size])), 0),
            )
            found = max(found, visible, key=max)
        return found


def _pieces_of(texts: Iterable[str], length: int) -> frozenset[str]:
    return frozenset(text[at : at + length] for text in texts for at in range(len(text) - length + 1))


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret in the forms in which it may come back, in lower case."""
    data = secret.encode("utf-8", "surrogatepass")
    as_json = msgspec.json.encode(secret).decode()[1:-1] if secret.isascii() else secret
    plain = (secret, quote(data, safe=""), quote_plus(data), as_json, as_json.replace("/", "\\/"), html.escape(secret))
    escaped = ("".join(f"%{byte:02x}" for byte in data), "".join(f"\\u{ord(char):04x}" for char in secret))
    for form in dict.fromkeys((*plain, *escaped, data.hex(), *_base64_forms(data))):
        yield form.translate(_LOWER)


def _base64_forms(data: bytes) -> Iterator[str]:
    """Yield the Base64 of bytes at any position in a longer string, without the characters that their neighbours
    change."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + data).decode()
        form = encoded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
        yield form
        yield form.replace("+", "-").replace("/", "_")
