"""What the first bytes of a file say that it is, as vendors look at them."""

from __future__ import annotations

import binascii
from base64 import b64decode

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
"""Signatures of file formats: https://en.wikipedia.org/wiki/List_of_file_signatures."""
_BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"msf1": "image/heif"}
"""Major brands of ISO media files that hold images: ISO/IEC 23008-12, annex B."""
_PDF_LEAD = 1024
"""A PDF may have this many bytes before its header: PDF 1.7, implementation note 13."""


def decoded(data: str) -> bytes | None:
    """Return the bytes of a base64 string; `None` if it is not one."""
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def file_type(content: bytes) -> str | None:
    """Return the media type of an image or a PDF by its first bytes; `None` where they are another's."""
    for magic, media_type in _MAGIC:
        if content.startswith(magic):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return _BRANDS.get(content[8:12])
    return "application/pdf" if b"%PDF-" in content[:_PDF_LEAD] else None
