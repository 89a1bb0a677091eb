"""Media over all wires: types, bytes and forms as the vendors' documents state them, written out by hand here."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from understudy import dialects, providers
from understudy.client.door.prompts import read_messages
from understudy.dialects.base import Send
from understudy.domain.content import AnyPart, Audio, File, Image, Text, ToolResult
from understudy.domain.events import Warned
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.misuse import Misuse
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.providers.base import dialect_for, endpoint_of


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 9
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 9
GIF = b"GIF89a" + b"\0" * 9
WEBP = b"RIFF\0\0\0\0WEBPVP8 "
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0"
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'
PDF = b"%PDF-1.7\n%\xb5\xb5"
WAV = b"RIFF\0\0\0\0WAVEfmt "
MP3 = b"ID3\4\0\0\0\0\0\0"
FLAC = b"fLaC\0\0\0\x22"

SEEING = {
    "openai": "gpt-4.1",
    "azure-openai": "gpt-4.1",
    "anthropic": "claude-sonnet-5-5",
    "google": "gemini-3.8-flash",
    "groq": "qwen/qwen3.8-27b",
    "together": "Qwen/Qwen3-VL",
    "huggingface": "Qwen/Qwen3-VL",
    "cohere": "command-a-plus-05-2026",
    "ollama": "llava",
    "replicate": "a/b:0123456789012345678901234567890123456789012345678901234567890123",
}
"""A model for each provider that reads images. Replicate's inputs are unknown without a look-up, so it is left out of
what depends on them."""
WIRES = [*((name, model) for name, model in SEEING.items() if name != "replicate"), ("openai", "gpt-5-pro")]
NO_GIF = {"google"}


class Said:
    """What goes out for a message: the body, warnings and the refusal."""

    def __init__(self, provider: str, model: str, *parts: AnyPart, message: Message | None = None) -> None:
        row = providers.row(provider)
        endpoint = endpoint_of(row, model, base_url="https://x.example" if row.base_url_required else None)
        request = GenerationRequest(messages=(message or Message.user((Text("?"), *parts)),))
        name = dialect_for(row, Operation.CHAT, endpoint.quirks, request)
        assert name is not None
        steps = dialects.load(name).open(Operation.CHAT, request, endpoint).start()
        self.refusal = next((step for step in steps if isinstance(step, Failure)), None)
        self.body: Any = next((json.loads(step.request.body or b"") for step in steps if isinstance(step, Send)), None)
        self.warnings = [
            (str(step.warning.kind), step.warning.what, step.warning.why) for step in steps if isinstance(step, Warned)
        ]

    @property
    def text(self) -> str:
        return json.dumps(self.body)


@pytest.mark.parametrize(("provider", "model"), WIRES)
class TestImages:
    @pytest.mark.parametrize("label", ["image/jpg", "IMAGE/JPEG", "image/jpeg; q=1", "jpg", None])
    def test_types_are_mapped(self, provider: str, model: str, label: str | None) -> None:
        said = Said(provider, model, Image(data=coded(JPEG), media_type=label))
        assert said.warnings == []
        assert coded(JPEG) in said.text
        assert "image/jpg" not in said.text
        assert provider == "ollama" or "image/jpeg" in said.text

    @pytest.mark.parametrize(("data", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")])
    def test_bytes_win_over_a_wrong_label(self, provider: str, model: str, data: bytes, kind: str) -> None:
        said = Said(provider, model, Image(data=coded(data), media_type="image/gif"))
        assert [(kind, what) for kind, what, _ in said.warnings] == [("emulated", "image")]
        assert provider == "ollama" or kind in said.text
        assert "image/gif" not in said.text

    @pytest.mark.parametrize(
        "part",
        [
            Image(data=coded(SVG), media_type="image/svg+xml"),
            Image(url="data:image/svg+xml;utf8,%3Csvg%20/%3E"),
            Image(data=coded(PDF), media_type="image/png"),
            Image(data="x"),
            Image(data="no base64!", media_type="image/png"),
            Image(data="", media_type="image/png"),
            Image(url="cat.png"),
        ],
    )
    def test_what_the_wire_does_not_take_is_refused_before_sending(
        self, provider: str, model: str, part: Image
    ) -> None:
        said = Said(provider, model, part)
        assert said.body is None
        assert said.refusal is not None
        assert said.refusal.kind is FailureKind.UNSUPPORTED
        assert said.refusal.sent is False
        assert said.refusal.message.startswith("image: ")

    def test_the_accepted_types_are_named(self, provider: str, model: str) -> None:
        said = Said(provider, model, Image(data=coded(SVG)))
        assert said.refusal is not None
        for kind in ("image/png", "image/jpeg", "image/webp"):
            assert kind in said.refusal.message

    def test_gif_and_heic(self, provider: str, model: str) -> None:
        """Google takes HEIC and no GIF (ai.google.dev, "Image understanding"), the others the reverse."""
        gif, heic = (Said(provider, model, Image(data=coded(data))) for data in (GIF, HEIC))
        assert (gif.body is None) == (provider in NO_GIF)
        assert (heic.body is None) == (provider not in NO_GIF)

    @pytest.mark.parametrize(
        "url",
        [
            f"data:image/png;base64,{coded(PNG)}",
            "data:image/png;base64," + coded(PNG).replace("+", "-").replace("/", "_").rstrip("="),
            "data:image/png,%89PNG%0D%0A%1A%0A" + "%00" * 9,
            f"data:image/jpg;base64,{coded(PNG)}",
            f"data:;base64,{coded(PNG)}",
        ],
    )
    def test_a_data_url_is_bytes_everywhere(self, provider: str, model: str, url: str) -> None:
        for part in (Image(url=url), Image(data=url)):
            said = Said(provider, model, part)
            assert coded(PNG) in said.text
            assert '"url": "data:' not in said.text.replace('{"url": "data:image/png;base64,' + coded(PNG) + '"', "")
            assert '"type": "url"' not in said.text

    @pytest.mark.parametrize("spoil", [lambda s: s.rstrip("="), lambda s: f" {s[:5]}\n{s[5:]}\t", lambda s: s + "\n"])
    def test_base64_is_made_canonical(self, provider: str, model: str, spoil: Any) -> None:
        said = Said(provider, model, Image(data=spoil(coded(PNG)), media_type="image/png"))
        assert coded(PNG) in said.text
        assert said.warnings == []

    def test_a_file_that_is_an_image_goes_as_one(self, provider: str, model: str) -> None:
        said = Said(provider, model, File(data=coded(PNG), name="a.png"))
        assert coded(PNG) in said.text

    def test_a_text_file_goes_as_text(self, provider: str, model: str) -> None:
        for part in (
            File(data=coded("größer".encode()), media_type="text/markdown", name="a.md"),
            File(data=coded("größer".encode()), name="a.csv"),
            File(text="größer", name="a.txt"),
        ):
            said = Said(provider, model, part)
            assert "gr\\u00f6\\u00dfer" in said.text or coded("größer".encode()) in said.text


@pytest.mark.parametrize(("provider", "model"), [wire for wire in WIRES if wire[0] in ("openai", "azure-openai")])
@pytest.mark.parametrize("part", [File(data=coded(PDF)), File(data=coded(PDF), media_type="application/x-pdf")])
def test_a_pdf_has_a_name_at_openai(provider: str, model: str, part: File) -> None:
    said = Said(provider, model, part)
    assert '"filename": "document.pdf"' in said.text
    assert f"data:application/pdf;base64,{coded(PDF)}" in said.text


def test_chat_completions_take_no_other_file() -> None:
    """developers.openai.com, "File inputs": chat completions accept only PDF files."""
    word = File(data=coded(b"PK\3\4"), name="a.docx")
    refused = Said("openai", "gpt-4.1", word)
    assert refused.refusal is not None
    assert "accepted are application/pdf" in refused.refusal.message
    assert '"filename": "a.docx"' in Said("openai", "gpt-5-pro", word).text


@pytest.mark.parametrize(
    ("provider", "data", "kept"),
    [
        *((name, data, True) for name in ("openai", "azure-openai", "google") for data in (WAV, MP3)),
        ("google", FLAC, True),
        ("openai", FLAC, False),
        ("together", WAV, True),
    ],
)
def test_audio(provider: str, data: bytes, *, kept: bool) -> None:
    said = Said(provider, SEEING[provider], Audio(data=coded(data)))
    assert (said.body is not None) is kept
    if not kept:
        assert said.refusal is not None
        assert "audio/mpeg, audio/wav" in said.refusal.message


def test_audio_by_url_at_together() -> None:
    said = Said("together", SEEING["together"], Audio(url="https://x.example/a.wav"))
    assert said.body["messages"][0]["content"][1] == {
        "type": "audio_url", "audio_url": {"url": "https://x.example/a.wav"},
    }  # fmt: skip


@pytest.mark.parametrize("provider", ["ollama"])
def test_a_url_where_only_bytes_are_taken_is_left_out_with_advice(provider: str) -> None:
    said = Said(provider, SEEING[provider], Image(url="https://x.example/a.png"))
    ((kind, what, why),) = said.warnings
    assert (kind, what) == ("dropped", "image url")
    assert "fetch_media" in why


def test_anthropic_reads_https_only() -> None:
    said = Said("anthropic", SEEING["anthropic"], Image(url="http://x.example/a.png"))
    assert [(kind, what) for kind, what, _ in said.warnings] == [("dropped", "image url")]


def test_types_are_settled_in_tool_results_too() -> None:
    result = ToolResult(call_id="c", name="f", content=(Image(data=coded(JPEG), media_type="image/jpg"),))
    for provider in ("anthropic", "google"):
        said = Said(provider, SEEING[provider], message=Message.tool(result))
        assert "image/jpeg" in said.text
        assert "image/jpg" not in said.text


def test_media_are_made_canonical_at_the_door_and_mistakes_name_their_place() -> None:
    loose = Image(data=coded(PNG).rstrip("="), media_type="image/png")
    strict = Image(data=coded(PNG), media_type="image/png")
    result = ToolResult(call_id="c", content=(Text("a"), loose))
    read = read_messages([Message.user("?"), Message.user("a", loose), Message.tool(result)])
    assert read[1].parts[1] == strict
    assert read[2].parts == (ToolResult(call_id="c", content=(Text("a"), strict)),)
    assert read_messages(read) == read
    with pytest.raises(Misuse, match=r"messages\[1\]\.content\[1\]: data is not valid base64"):
        read_messages([Message.user("?"), Message.user("a", Image(data="?"))])
    with pytest.raises(Misuse, match=r"messages\[0\]\.content\[0\]\.content\[0\]: url is not an absolute URL"):
        read_messages([Message.tool(ToolResult(call_id="c", content=(File(url="a.pdf"),)))])
