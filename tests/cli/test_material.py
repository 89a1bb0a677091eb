from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.cli import material
from understudy.domain.content import File, Image, Text
from understudy.domain.errors import Misuse
from understudy.domain.messages import Message

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


def test_a_plain_prompt_stays_a_text() -> None:
    assert material.question("why?", []) == "why?"


def test_what_is_attached_comes_behind_the_prompt() -> None:
    image = Image(url="https://example.com/a.png")
    assert material.question("why?", [image]) == [Message.user((Text("why?"), image))]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("grüße\n".encode(), Text("notes.txt:\n```\ngrüße\n```")),
        (b"\xef\xbb\xbfwith a mark", Text("notes.txt:\n```\nwith a mark\n```")),
        (b"%PDF-1.7", File(data="JVBERi0xLjc=", media_type="application/pdf", name="notes.txt")),
        (PNG, Image.from_bytes(PNG)),
    ],
)
def test_a_file_is_taken_for_what_it_is(data: bytes, part: object) -> None:
    assert material.attachment(data, "notes.txt") == part


@pytest.mark.parametrize(("data", "words"), [(b"\xff\xfe", "not valid UTF-8 .byte 0"), (b"a\0b", "is not text, PDF")])
def test_other_files_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(Misuse, match=words):
        material.attachment(data, "notes.bin")


@given(st.text(alphabet="`~ab\n ", max_size=60))
def test_nothing_inside_a_fence_closes_it(text: str) -> None:
    _, fence, *lines = material.labelled(text, "x").split("\n")
    assert lines[-1] == fence
    assert fence not in [line.strip() for line in lines[:-1]]
    assert not any(line.strip().startswith(fence) for line in lines[:-1])


def test_an_image_may_be_an_address(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "a.txt").write_text("no image")
    assert material.image_attachment("https://example.com/a.png") == Image(url="https://example.com/a.png")
    assert material.image_attachment(str(tmp_path / "a.png")).media_type == "image/png"
    with pytest.raises(Misuse, match=r"a\.txt: not a PNG, JPEG, GIF or WebP image"):
        material.image_attachment(str(tmp_path / "a.txt"))


def test_a_system_prompt_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "s.md").write_text("Be kind.\n")
    assert material.system_text("Be kind.") == "Be kind."
    assert material.system_text(f"@{tmp_path}/s.md") == "Be kind.\n"
    with pytest.raises(Misuse, match=r"--system .*missing: No such file"):
        material.system_text(f"@{tmp_path}/missing")


def test_a_schema_is_written_out_or_stands_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"type": "object"}')
    for written in ('{"type": "object"}', f"{tmp_path}/s.json", f"@{tmp_path}/s.json"):
        assert material.schema_of(written) == {"type": "object"}


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("{broken", "--schema: not a JSON object"),
        ('{"type": "nonsense"}', "the JSON Schema is not valid"),
        ("missing.json", "--schema missing.json: No such file"),
    ],
)
def test_a_broken_schema_is_found_before_anyone_is_asked(written: str, words: str) -> None:
    with pytest.raises(Misuse, match=words):
        material.schema_of(written)


def test_bytes_that_are_no_text_are_no_prompt() -> None:
    with pytest.raises(Misuse, match="not valid UTF-8"):
        material.words_of(["caf\udce9"])


def test_arguments_of_an_ascii_locale_are_utf8() -> None:
    assert material.words_of(["caf\udcc3\udca9"]) == "café"
