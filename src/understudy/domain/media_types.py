"""Media types, and the bytes that show them: names, signatures, file extensions, base64."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote, unquote_to_bytes

_ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("image/jpg", "image/pjpeg", "image/x-jpeg"), "image/jpeg"),
    "image/x-png": "image/png",
    "image/svg": "image/svg+xml",
    **dict.fromkeys(("image/x-ms-bmp", "image/x-bmp"), "image/bmp"),
    **dict.fromkeys(("audio/mp3", "audio/mpeg3", "audio/x-mp3", "audio/x-mpeg", "audio/mpga"), "audio/mpeg"),
    **dict.fromkeys(("audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"), "audio/wav"),
    **dict.fromkeys(("audio/m4a", "audio/x-m4a", "audio/mp4a-latm"), "audio/mp4"),
    "audio/x-flac": "audio/flac",
    **dict.fromkeys(("audio/x-aac", "audio/aacp"), "audio/aac"),
    "audio/x-aiff": "audio/aiff",
    "audio/opus": "audio/ogg",
    **dict.fromkeys(("video/mov", "video/x-quicktime"), "video/quicktime"),
    "application/x-pdf": "application/pdf",
    "text/x-markdown": "text/markdown",
    "application/xml": "text/xml",
}
"""Other spellings of registered media types (IANA), as operating systems, browsers and libraries write them."""

_BY_SUFFIX: Mapping[str, str] = {
    **{suffix: f"image/{suffix}" for suffix in ("png", "jpeg", "webp", "gif", "heic", "heif", "avif", "bmp", "tiff")},
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
    "tif": "image/tiff",
    "pdf": "application/pdf",
    **{suffix: f"audio/{suffix}" for suffix in ("wav", "flac", "ogg", "aac", "aiff")},
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "opus": "audio/ogg",
    **{suffix: f"video/{suffix}" for suffix in ("mp4", "mpeg", "webm")},
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
    **dict.fromkeys(
        ("txt", "text", "log", "rst", "ini", "toml", "py", "rs", "go", "c", "h", "java", "sh"), "text/plain"
    ),
    **{suffix: f"text/{suffix}" for suffix in ("html", "css", "csv", "xml")},
    "htm": "text/html",
    "md": "text/markdown",
    "tsv": "text/tab-separated-values",
    "js": "text/javascript",
    "json": "application/json",
    **dict.fromkeys(("yaml", "yml"), "application/yaml"),
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "rtf": "text/rtf",
}

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (8, b"AIFF", "audio/aiff"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    *((0, bytes((0xFF, second)), "audio/mpeg") for second in (0xFB, 0xFA, 0xF3, 0xF2)),
    *((0, bytes((0xFF, second)), "audio/aac") for second in (0xF1, 0xF9)),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)
"""The offset and bytes by which a type is recognized; those at offset 8 are the forms of RIFF and of IFF."""

_CONTAINERS = (b"RIFF", b"FORM")
_BRANDS: Mapping[bytes, str] = {
    **dict.fromkeys((b"M4A ", b"M4B "), "audio/mp4"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis"), "image/heic"),
    **dict.fromkeys((b"mif1", b"msf1"), "image/heif"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    b"qt  ": "video/quicktime",
}
"""Major brands of ISO base media files (ISO/IEC 14496-12), which begin with a box `ftyp`; any other is a video."""

_ALIKE = (
    frozenset({"audio/mp4", "video/mp4", "audio/aac", "video/quicktime", "video/3gpp", "audio/3gpp"}),
    frozenset({"audio/ogg", "video/ogg", "application/ogg"}),
    frozenset({"audio/webm", "video/webm", "video/x-matroska"}),
    frozenset({"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"}),
)
"""Types that share a container, so that the first bytes do not tell one from another: the label decides."""

SNIFFED = 512
"""Bytes that are enough to recognize a type."""

_TEXT = frozenset({"application/json", "application/yaml", "application/javascript", "application/x-ndjson"})
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_SAFE = str.maketrans("-_", "+/")


def canonical_type(media_type: str) -> str:
    """Return a media type in lower case, without parameters, under its registered name; `png` alone means its type."""
    bare = media_type.partition(";")[0].strip().lower()
    return _ALIASES.get(bare, bare) if "/" in bare else _BY_SUFFIX.get(bare, bare)


def type_of_name(name: str) -> str | None:
    """Return the media type that a file's extension stands for; `None` if it has none or an unknown one."""
    return _BY_SUFFIX.get(name.rpartition(".")[2].lower()) if "." in name else None


def suffix_of(media_type: str | None) -> str | None:
    """Return the usual extension of files of a media type, without a dot; `None` if it is unknown."""
    return _SUFFIXES.get(media_type) if media_type is not None else None


_SUFFIXES = {kind: suffix for suffix, kind in reversed(tuple(_BY_SUFFIX.items()))} | {"image/jpeg": "jpg"}


def is_textual(media_type: str) -> bool:
    """Check whether files of a media type are text that can be read as it stands."""
    return media_type.startswith("text/") or media_type in _TEXT or media_type.endswith(("+json", "+xml"))


def sniff(data: bytes) -> str | None:
    """Return the media type that the first bytes show (`SNIFFED` are enough); `None` if they show none.

    Archives are not told apart: a `.docx` begins as any ZIP file does.
    """
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    for offset, signature, kind in _SIGNATURES:
        if data.startswith(signature, offset) and (offset == 0 or data.startswith(_CONTAINERS)):
            return kind
    return "image/svg+xml" if _is_svg(data) else None


def _is_svg(data: bytes) -> bool:
    start = data[:SNIFFED].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in start)


def sniff_base64(data: str) -> str | None:
    """Return the media type that the first bytes of base64 show; `None` if they show none or it is not base64."""
    try:
        return sniff(base64.b64decode(data[: SNIFFED * 4 // 3 // 4 * 4]))
    except ValueError:
        return None


def settle_type(label: str | None, shown: str | None) -> str | None:
    """Return the media type of bytes: what they show themselves, unless the label is one of the same container."""
    if label is None or shown is None or label == shown:
        return shown or label
    if any(label in group and shown in group for group in _ALIKE):
        return label
    # Every SVG is text: what is labelled as text is meant as text.
    return label if shown == "image/svg+xml" and is_textual(label) else shown


def canonical_base64(data: str) -> str | None:
    """Return base64 in the standard alphabet, padded and without white space; `None` if the string is not base64.

    Both alphabets of RFC 4648 are read, and missing padding is added.
    """
    if not data.isascii():
        return None
    if _is_canonical(data):
        return data
    text = "".join(data.split()).translate(_URL_SAFE).rstrip("=")
    padded = text + "=" * (-len(text) % 4)
    return padded if len(text) % 4 != 1 and _is_canonical(padded) else None


def _is_canonical(data: str) -> bool:
    # A translation costs a fifth of decoding, and images are large.
    rest = data.encode("ascii").translate(None, _ALPHABET)
    return len(data) % 4 == 0 and rest in (b"", b"=", b"==") and data.endswith(rest.decode("ascii"))


def decode_base64(data: str) -> bytes | None:
    """Return the bytes of base64 in either alphabet; `None` if the string is not base64."""
    canonical = canonical_base64(data)
    if canonical is None:
        return None
    try:
        return base64.b64decode(canonical)
    except binascii.Error:
        return None


def is_absolute_url(url: str) -> bool:
    """Check whether a string has the form of a URL with a host, whatever its scheme (`https`, `gs`)."""
    scheme, separator, rest = url.partition("://")
    return bool(separator and rest.strip("/")) and scheme.isascii() and scheme.isalnum() and not url.isspace()


def is_text(data: bytes) -> bool:
    """Check whether bytes are text in UTF-8."""
    try:
        return b"\0" not in data and bool(data.decode())
    except UnicodeDecodeError:
        return False


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


def sniff_image(data: str) -> str | None:
    """Return the media type of an image from the first bytes of its base64; `None` if they show none."""
    kind = sniff_base64(data)
    return kind if kind is not None and kind.startswith("image/") else None
