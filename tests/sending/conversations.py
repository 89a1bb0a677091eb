"""Random conversations as real ones get: begun at other providers, left in the middle of a tool loop, half empty."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from hypothesis import strategies as st

import understudy as u
from understudy.domain.content import AnyPart, Audio, CacheMark, Citation, Opaque, Provenance, Refusal, Thinking

DIALECTS = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama", "replicate")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_PNG_BYTES = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    + _chunk(b"IEND", b"")
)
_WAV_BYTES = b"RIFF" + struct.pack("<I", 44) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
_WAV_BYTES += b"data" + struct.pack("<I", 8) + bytes(8)
PNG = base64.b64encode(_PNG_BYTES).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9").decode()
GIF = base64.b64encode(
    b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
).decode()
WEBP = base64.b64encode(b"RIFF\x1a\0\0\0WEBPVP8L\r\0\0\0/\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0").decode()
WAV = base64.b64encode(_WAV_BYTES).decode()
PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n").decode()

WORDS = ("Hello", "What is the weather?", "It is 18 degrees in Paris.", "Grüße 🌍 مرحبا", "a\nb\n", "ends in blanks  ")
EMPTY = ("", " ", "\n\t ")
NAMES = ("weather", "get_time", "fs.read/file", "städte", "a" * 70, "9lives", "get weather", "a-b_c", "a.b", "a_b", "x")
IDS = (
    "call_abc123",
    "toolu_01A09q90qw90lq917835lq9",
    "functions.weather:0",
    "9aBcD3fGh",
    "call with spaces|fc_1",
    "c" * 66,
    "übung",
    "chatcmpl-tool-6f1c",
)
ARGUMENTS = (
    '{"city": "Paris"}',
    "{}",
    "",
    '{"city": "Par',
    "[1, 2]",
    '"Paris"',
    "null",
    '{"a": 1} and more',
    '{"n": 1e400}',
)

texts = st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS), st.sampled_from(EMPTY), st.text(max_size=8))
"""Half of the time ordinary words; also nothing, white space and any characters."""
marks = st.one_of(st.none(), st.none(), st.none(), st.builds(CacheMark, ttl=st.sampled_from((None, "5m", "1h"))))
elsewhere = st.builds(
    Provenance,
    dialect=st.sampled_from(DIALECTS),
    model=st.just("another-model"),
    provider=st.just("private"),
    server=st.just("https://llm.example.com"),
)
"""Another server of some wire format, perhaps that of the one which is asked: it signed what only it can read."""
origins = st.one_of(st.none(), elsewhere)


def _rarely(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.none(), st.none(), strategy)


images = st.one_of(
    st.builds(
        u.Image,
        data=st.sampled_from((PNG, JPEG, GIF, WEBP)),
        media_type=st.sampled_from((None, "image/png", "image/jpg")),
    ),
    st.builds(u.Image, url=st.sampled_from(("https://example.com/a.png", f"data:image/png;base64,{PNG}"))),
)
files = st.one_of(
    st.builds(u.File, data=st.just(PDF), media_type=st.just("application/pdf"), name=st.sampled_from((None, "a.pdf"))),
    st.builds(u.File, text=st.sampled_from(("plain words", "x")), name=st.sampled_from((None, "notes.txt"))),
)
media: st.SearchStrategy[AnyPart] = st.one_of(
    images, images, files, st.builds(Audio, data=st.just(WAV), media_type=st.just("audio/wav"))
)
text_parts = st.builds(u.Text, texts, cache=marks)
user_parts = st.one_of(text_parts, text_parts, media)
systems = st.one_of(
    texts.map(u.Message.system),
    st.lists(text_parts, min_size=1, max_size=2).map(lambda parts: u.Message.system(tuple(parts))),
    texts.map(lambda text: u.Message(u.Role.DEVELOPER, text)),
)
users = st.builds(
    lambda content, name: u.Message(u.Role.USER, content, name=name),
    st.one_of(texts, st.lists(user_parts, min_size=1, max_size=3).map(tuple)),
    _rarely(st.sampled_from(("ann", "Ann Özil"))),
)
thoughts = st.one_of(
    st.builds(Thinking, texts),
    st.builds(Thinking, texts, signature=st.just("c2lnbmF0dXJl"), provenance=elsewhere),
    st.builds(Thinking, redacted=st.just("ZW5jcnlwdGVk"), provenance=elsewhere),
)
said = st.one_of(
    text_parts,
    st.builds(
        u.Text, st.just("As the paper says."), citations=st.just((Citation(url="https://example.com", title="Paper"),))
    ),
    st.builds(Refusal, st.just("I cannot help with that.")),
    elsewhere.map(lambda origin: Opaque(origin.dialect, {"type": "server_thing", "id": "x_1"}, provenance=origin)),
)


@st.composite
def results(draw: st.DrawFn, call: u.ToolCall) -> u.ToolResult:
    content: Any = draw(st.one_of(texts, texts, st.lists(st.one_of(text_parts, images), max_size=2).map(tuple)))
    named = draw(st.booleans())
    error = draw(st.sampled_from((None, None, True, False)))
    return u.ToolResult(call_id=call.id, content=content, is_error=error, name=call.name if named else None)


@st.composite
def tool_turns(draw: st.DrawFn) -> list[u.Message]:
    """An assistant's turn with calls, and their results as they come: late, spread, twice, or not at all."""
    ids = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True))
    calls = [
        u.ToolCall(
            id=identifier,
            name=draw(st.sampled_from(NAMES)),
            arguments=draw(st.sampled_from(ARGUMENTS)),
            provenance=draw(origins),
        )
        for identifier in ids
    ]
    before: list[AnyPart] = [*draw(st.lists(thoughts, max_size=1)), *draw(st.lists(said, max_size=1))]
    turns = [u.Message.assistant((*before, *calls))]
    answered = [draw(results(call)) for call in draw(st.permutations(calls))]
    match draw(st.sampled_from(("together", "together", "apart", "between", "user", "missing", "twice", "later"))):
        case "together":
            turns.append(u.Message.tool(*answered))
        case "apart":
            turns += [u.Message.tool(result) for result in answered]
        case "between":
            turns += [draw(systems), u.Message.tool(*answered[:1]), draw(users)]
            turns += [u.Message.tool(*answered[1:])] if answered[1:] else []
        case "user":
            turns.append(u.Message.user((*answered, *draw(st.lists(user_parts, max_size=2)))))
        case "missing":
            turns += [u.Message.tool(*answered[1:])] if answered[1:] else []
        case "twice":
            turns += [u.Message.tool(*answered), u.Message.tool(answered[0])]
        case "later":
            turns += [draw(users), u.Message.tool(*answered)]
    return turns


@st.composite
def answers(draw: st.DrawFn) -> list[u.Message]:
    parts: list[AnyPart] = [*draw(st.lists(thoughts, max_size=1)), *draw(st.lists(said, max_size=2))]
    return [u.Message.assistant(draw(texts) if not parts else tuple(parts))]


turns = st.one_of(
    users.map(lambda one: [one]),
    users.map(lambda one: [one]),
    answers(),
    tool_turns(),
    tool_turns(),
    systems.map(lambda one: [one]),
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[u.Message, ...]:
    """Return a conversation with at least one message; most often it ends with words of the user or with results."""
    opening = draw(st.lists(systems, max_size=1))
    middle = [message for turn in draw(st.lists(turns, max_size=4)) for message in turn]
    ending = draw(st.one_of(users.map(lambda one: [one]), users.map(lambda one: [one]), tool_turns(), answers()))
    if draw(st.booleans()):
        ending = [u.Message.user("Go on, please."), *ending] if not middle else ending
    return (*opening, *middle, *ending)
