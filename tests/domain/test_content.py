"""Media: what `data:` URLs hold, and what the first bytes show."""

from __future__ import annotations

import base64

import pytest

from understudy.domain.content import File, Image, parse_data_url, sniff_image

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
