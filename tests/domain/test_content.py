"""Media: what `data:` URLs hold, and what the first bytes show."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.domain.content import Audio, File, Image, InvalidMedia, Media
from understudy.domain.media_types import parse_data_url, sniff_image

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/png;base64,iVBORw0KGgo=", ("image/png", "iVBORw0KGgo=")),
        # Parameters before `base64` are no part of the type.
        ("data:text/plain;charset=utf-8;base64,aGk=", ("text/plain", "aGk=")),
        # Without a media type it is unknown.
        ("data:;base64,aGk=", (None, "aGk=")),
        # Without `base64` the data are percent-encoded bytes.
        ("data:,hello%20world", (None, base64.b64encode(b"hello world").decode())),
        ("data:text/plain;charset=utf-8,h%C3%A9", ("text/plain", base64.b64encode("hé".encode()).decode())),
        ("data:text/plain,a,b", ("text/plain", base64.b64encode(b"a,b").decode())),
        # What is percent-encoded in base64 is decoded.
        ("data:image/png;base64,aGk%3D", ("image/png", "aGk=")),
        # Schemes and `base64` have no case; the spelling of the type is the caller's.
        ("DATA:image/PNG;BASE64,aGk=", ("image/PNG", "aGk=")),
        ("data:image/png;base64,", ("image/png", "")),
        # Line breaks stay in the base64, as callers wrote them.
        ("data:image/png;base64,aG\nk=", ("image/png", "aG\nk=")),
        # Anything else is another URL, or is not one.
        ("https://example.com/a,b", None),
        ("data:image/png;base64", None),
        ("data;base64,aGk=", None),
        ("database:,x", None),
        ("data:text/plain,h\u00e9", None),
        ("data:text/plain,\ud800", None),
        ("aGk=", None),
        ("", None),
    ],
)
def test_data_urls_have_one_meaning(url: str, found: tuple[str | None, str] | None) -> None:
    """RFC 2397."""
    assert parse_data_url(url) == found


def test_inline_is_the_inverse_of_data_url() -> None:
    """A `data:` URL and its bytes are two spellings of one image."""
    image = Image(data=PNG, media_type="image/png", detail="low")
    assert Image(url=image.data_url(), detail="low").inline() == image
    assert image.inline() is image


def test_inline_leaves_other_media_alone() -> None:
    """An address, a file id and bytes stay what they are."""
    for media in (Image(url="https://example.com/a.png"), Image(file_id="file-1"), File(text="hi"), Image(data=PNG)):
        assert media.inline() is media


def test_a_media_type_beside_a_url_without_one_stays() -> None:
    """What the URL states counts first."""
    assert Image(url=f"data:;base64,{PNG}", media_type="image/png").inline().media_type == "image/png"
    assert Image(url=f"data:image/gif;base64,{PNG}", media_type="image/png").inline().media_type == "image/gif"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (File(text="given"), "given"),
        (File(data="aGk=", media_type="text/markdown"), "hi"),
        (File(url="data:text/plain;base64,aGk=").inline(), "hi"),
        (File(data="aGk=", media_type="application/pdf"), None),
        (File(data="aGk="), None),
        (File(data="/w==", media_type="text/plain"), None),
        (File(data="a", media_type="text/plain"), None),
        (File(url="https://example.com/a.txt", media_type="text/plain"), None),
    ],
)
def test_plain_text_of_a_file(file: File, text: str | None) -> None:
    """Text in the open, or the bytes of a text file where they are UTF-8."""
    assert file.plain_text() == text


@pytest.mark.parametrize(
    ("data", "kind"), [(PNG, "image/png"), (PNG + "A" * 400, "image/png"), ("aGk=", None), ("a", None), ("é", None)]
)
def test_the_first_bytes_show_an_image(data: str, kind: str | None) -> None:
    """What is not base64 shows nothing."""
    assert sniff_image(data) == kind


RAW = {
    "a.png": b"\x89PNG\r\n\x1a\n",
    "a.wav": b"RIFF\0\0\0\0WAVE",
    "a.pdf": b"%PDF-1.7",
    "a.csv": b"a,b\n",
    "a.docx": b"PK\3\4",
    "a.dat": b"\0\1\2",
    "empty.png": b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in RAW.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "name", "media_type"),
    [
        (Image, "a.png", "image/png"),
        (Audio, "a.wav", "audio/wav"),
        (File, "a.pdf", "application/pdf"),
        (File, "a.csv", "text/csv"),
        (File, "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (File, "a.png", "image/png"),
    ],
)
def test_media_are_read_from_disk(folder: Path, kind: type[Media], name: str, media_type: str) -> None:
    """The type comes from the bytes, else from the name; only a file has a name of its own on wires."""
    for path in (folder / name, str(folder / name)):
        part = kind.from_path(path)
        assert part.media_type == media_type
        assert part.data == base64.b64encode(RAW[name]).decode()
        assert part.name == (name if kind is File else None)
    assert kind.from_bytes(RAW[name], media_type).data == part.data


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        (Image, "none.png", "cannot be read: No such file"),
        (Image, "empty.png", "is empty"),
        (Image, "a.pdf", "is application/pdf, not image: use File"),
        (Image, "a.wav", "is audio/wav, not image: use Audio"),
        (Image, "a.dat", "has an unknown type, not PNG, JPEG, GIF or WebP: give media_type"),
        (File, "a.dat", "has an unknown type"),
        (Audio, "", "cannot be read"),
    ],
)
def test_what_cannot_be_read_from_disk_is_named(folder: Path, kind: type[Media], name: str, message: str) -> None:
    with pytest.raises(InvalidMedia) as caught:
        kind.from_path(folder / name)
    assert str(caught.value).startswith(f"{kind.__name__}.from_path: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Image.from_bytes(b""), "the data is empty"),
        (lambda: Image.from_bytes("a.png"), "data must be bytes, got str; for a file, use Image.from_path"),  # type: ignore[arg-type]
        (lambda: Image.from_bytes(b"<svg/>"), "is SVG"),
        (
            lambda: Audio.from_url("a.wav"),
            "url is not an absolute URL: got 'a.wav'; for a file on disk, use Audio.from",
        ),
        (lambda: Image.from_url("data:image/png;base64,?"), "data is not valid base64"),
        (lambda: Image(data="a?b=").checked("messages[0]"), "messages[0]: data is not valid base64"),
    ],
)
def test_mistakes_are_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidMedia) as caught:
        make()
    assert message in str(caught.value)


def test_checked_media_are_canonical() -> None:
    """Both alphabets of RFC 4648, white space, missing padding, and `data:` URLs in either field."""
    raw = bytes(range(248, 256)) + b"?>"
    plain = base64.b64encode(raw).decode()
    for spelled in (plain, base64.urlsafe_b64encode(raw).decode(), plain.rstrip("="), f"\n{plain[:3]} {plain[3:]}\n"):
        assert Image(data=spelled).checked("x").data == plain
        assert Image(url=f"data:image/png;base64,{spelled}").checked("x") == Image(data=plain, media_type="image/png")
    whole = Image(data=plain)
    assert whole.checked("x") is whole
    assert Image.from_url("https://a.example/b.png") == Image(url="https://a.example/b.png")
