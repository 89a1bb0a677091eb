"""Seals what a caller keeps for another provider: thinking, reasoning and compactions that only one provider can read.

A client sends back what it was given, unread. So the part of an answer that only its own provider understands travels
sealed through the client: AES-256-GCM under a key that is derived from the configured secret, the caller and the
purpose. Only the same caller can use it, for the same purpose, and it cannot be changed.

A sealed value is Base64 with a fixed beginning, by which it is recognised among values of other origin. It stays valid
if a client decodes it and encodes it again, in either alphabet of Base64 (RFC 4648): the SDKs of Google do that with
thought signatures.
"""

from __future__ import annotations

import binascii
import os
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from understudy.domain.secret import Secret
from understudy.wire.bounds import MIB

Purpose = Literal["thinking", "reasoning", "compaction", "item"]
"""What a sealed value is; it opens for nothing else."""

BEGINNING = "understudy1"
"""With one more character, which states the form of the content, nine bytes in Base64."""
LARGEST = 64 * MIB
"""Bytes of the content of a sealed value: no request holds more."""

_PLAIN, _DEFLATED = "p", "z"
_NONCE = 12
"""Bytes. A random nonce allows 2³² values under one key (NIST SP 800-38D §8.3); each caller has one for each
purpose."""
_SHORT = 256
"""Bytes up to which compression gains nothing. What is compressed is the caller's own alone, so its length reveals
nothing to others."""
_TO_URLSAFE = str.maketrans("+/", "-_")
_BASE64 = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


class CannotOpen(Exception):
    """The value was not sealed here, for this caller and purpose, with a known secret; or it was changed."""


class Seals:
    """The secrets of a gateway: the first one seals, all of them open, so that a secret can be replaced."""

    __slots__ = ("_cipher", "_secrets")

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        """Without secrets a random one is made: it opens nothing that another process has sealed."""
        self._secrets = tuple(each.reveal().encode("utf-8", "surrogatepass") for each in secrets) or (os.urandom(32),)
        self._cipher = lru_cache(maxsize=4096)(self._derive)

    def of(self, caller: str) -> Sealer:
        """Return what seals and opens for one caller, by the name of the key."""
        return Sealer(self, caller)

    def ciphers(self, caller: str, purpose: Purpose) -> Iterable[AESGCM]:
        """Yield the cipher of each secret."""
        return (self._cipher(index, caller, purpose) for index in range(len(self._secrets)))

    def _derive(self, index: int, caller: str, purpose: Purpose) -> AESGCM:
        info = msgspec.json.encode(("understudy gateway seal 1", purpose, caller))  # JSON, so that no two run together
        return AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(self._secrets[index]))


class Sealer:
    """Seals and opens values of one caller."""

    __slots__ = ("_caller", "_seals")

    def __init__(self, seals: Seals, caller: str) -> None:
        self._seals = seals
        self._caller = caller

    def seal(self, value: bytes, purpose: Purpose) -> str:
        """Return a sealed value."""
        form = _PLAIN
        if len(value) > _SHORT and len(packed := zlib.compress(value, wbits=-zlib.MAX_WBITS)) < len(value):
            value, form = packed, _DEFLATED
        head = urlsafe_b64decode(BEGINNING + form)
        nonce = os.urandom(_NONCE)
        cipher = next(iter(self._seals.ciphers(self._caller, purpose)))
        return urlsafe_b64encode(head + nonce + cipher.encrypt(nonce, value, head)).decode()

    def seal_json(self, value: Any, purpose: Purpose) -> str:
        """Return a sealed JSON value."""
        return self.seal(msgspec.json.encode(value), purpose)

    def open(self, text: str, purpose: Purpose) -> bytes:
        """Return what was sealed. Raise `CannotOpen` for anything else."""
        if not is_sealed(text):
            raise CannotOpen("the value was not sealed by this gateway")
        data = _decoded(text)
        size = len(BEGINNING + _PLAIN) // 4 * 3
        head, nonce, sealed = data[:size], data[size : size + _NONCE], data[size + _NONCE :]
        for cipher in self._seals.ciphers(self._caller, purpose):
            try:
                value = cipher.decrypt(nonce, sealed, head)
            except (InvalidTag, ValueError):
                continue
            return _unpacked(value) if text[len(BEGINNING)] == _DEFLATED else value
        raise CannotOpen("the value was sealed for another caller or with another secret, or it was changed")

    def open_json(self, text: str, purpose: Purpose) -> Any:
        """Return the JSON value that was sealed. Raise `CannotOpen` for anything else."""
        try:
            return msgspec.json.decode(self.open(text, purpose))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise CannotOpen("what was sealed is not JSON") from None


def is_sealed(text: str) -> bool:
    """Check whether a value has the form of a sealed one. Whether it opens, only `open` shows."""
    return text.startswith(BEGINNING) and text[len(BEGINNING) : len(BEGINNING) + 1] in (_PLAIN, _DEFLATED)


def _decoded(text: str) -> bytes:
    text = text.rstrip("=").translate(_TO_URLSAFE)
    if not _BASE64.fullmatch(text):
        raise CannotOpen("the value is not Base64")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise CannotOpen("the value is not Base64") from None


def _unpacked(value: bytes) -> bytes:
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = decoder.decompress(value, LARGEST)
    except zlib.error:
        raise CannotOpen("what was sealed is damaged") from None
    if not decoder.eof:
        raise CannotOpen("what was sealed is too large")
    return content
