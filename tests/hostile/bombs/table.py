"""The bombs: what a hostile server sends, and what may become of it. The right values are written by hand."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from typing import NamedTuple

from tests.hostile.bombs import chances
from tests.hostile.bombs.wires import VECTORS, WIRES

MIB = 1 << 20
Pieces = Iterator[bytes]
ANY = tuple(WIRES)
JSON = "application/json"


class Bomb(NamedTuple):
    """One row. `send` yields the body for a wire; `expect` holds the failure kinds that are right: none for success."""

    mode: str
    """`plain`, `stream`, `embed` or `list`."""
    send: Callable[[str], Pieces]
    expect: tuple[str, ...] = ("too_large",)
    wires: tuple[str, ...] = ANY
    status: int = 200
    headers: tuple[str, ...] = ()
    kind: str | None = None
    """Media type; unset, that of a good answer."""
    max_tokens: int | None = 100
    deadline: float = 20.0
    growth: int = 64
    """MiB of memory that the client may grow by. Good vectors take what they take: 24 bytes each, and 8 in a tuple."""
    silence: float = 1.5
    """Seconds without content that are waited for."""
    chunked: bool = False
    """Whether each piece is an HTTP chunk."""
    logprobs: int | None = None
    """Alternatives to each token that are asked for."""
    model: str | None = None
    """Unset, that of the wire."""


def endless(piece: bytes) -> Pieces:
    """A piece over and over, in blocks."""
    block = piece * max(1, MIB // len(piece))
    while True:
        yield block


def hole(template: bytes, value: bytes, *, times: int = 1) -> Pieces:
    """A template around a value, which is written several times without being held."""
    before, after = template.split(b"%b")
    yield before
    for _ in range(times):
        yield value
    yield after


@cache
def deflated(coding: str) -> bytes:
    """300 MB of one letter, compressed a thousandfold. A full flush makes blocks that can be repeated."""
    bits = {"gzip": 31, "zlib": 15, "deflate": -15}[coding]
    squeeze = zlib.compressobj(9, zlib.DEFLATED, bits)
    start = squeeze.compress(b"a") + squeeze.flush(zlib.Z_FULL_FLUSH)
    return start + (squeeze.compress(b"a" * 1_000_000) + squeeze.flush(zlib.Z_FULL_FLUSH)) * 300


def gzip_for_ever() -> Pieces:
    """Blocks that decompress to nothing, for ever."""
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    yield from endless(b"\x00\x00\x00\xff\xff")


def single(piece: bytes, times: int) -> Pieces:
    """Pieces of their own."""
    for _ in range(times):
        yield piece


@cache
def vectors(wire: str) -> bytes:
    """A good answer: up to 30 MB of numbers."""
    wanted = VECTORS[wire]
    rng = random.Random(8)
    numbers = [b"[" + b",".join(b"%.17f" % rng.uniform(-1, 1) for _ in range(wanted.size)) + b"]" for _ in range(8)]
    return wanted.whole % b",".join(wanted.one % numbers[place % 8] for place in range(wanted.texts))


def good(wire: str, size: int, *, split: int | None = None) -> Pieces:
    """A good answer of so many letters, in pieces of a size."""
    body = WIRES[wire].whole.replace(b"%b", b'"' + b"x" * size + b'"')
    for at in range(0, len(body), split or len(body)):
        yield body[at : at + (split or len(body))]


def started(wire: str, pieces: Pieces) -> Pieces:
    """A stream that begins well."""
    yield WIRES[wire].start
    yield from pieces


def event(wire: str, value: bytes) -> bytes:
    """One event with a value."""
    return WIRES[wire].event.replace(b"%b", value)


def call_stream() -> Pieces:
    """A stream of tool calls, each with a name of its own."""
    for n in range(1_000_000):
        yield (
            b'data: {"id":"a","choices":[{"index":0,"delta":{"tool_calls":[{"index":%d,"id":"c%d","function":'
            b'{"name":"f","arguments":"{}"}}]}}]}\n\n' % (n, n)
        )


def long_stream() -> Pieces:
    """A hundred and twenty-eight thousand tokens, each in an event as long as OpenAI's."""
    one = WIRES["openai"].event.replace(b"%b", b'" word"').replace(b'"id":"a"', b'"id":"chatcmpl-%b"' % (b"x" * 200))
    for _ in range(1280):
        yield one * 100
    yield chances.DONE["openai"]


def images(*, streamed: bool) -> Pieces:
    """Thirty images of 1.8 MB from Gemini."""
    image = b'{"inlineData":{"mimeType":"image/png","data":"%b"}}' % (b"iVBORw0KGgoA" * 150_000)
    before, between, after = (
        (b"", b"", b'data: {"candidates":[{"content":{"parts":[{"text":"."}]},"finishReason":"STOP"}]}\n\n')
        if streamed
        else (b'{"candidates":[{"content":{"role":"model","parts":[', b",", b']},"finishReason":"STOP"}]}')
    )
    yield before
    for number in range(30):
        chunk = b'data: {"candidates":[{"content":{"role":"model","parts":[%b]}}]}\n\n' % image
        yield chunk if streamed else (between if number else b"") + image
    yield after


def nameless_calls() -> Pieces:
    """Pieces of tool calls that never get a name."""
    for n in range(1_000_000):
        yield b'data: {"choices":[{"delta":{"tool_calls":[{"index":%d,"function":{"arguments":"x"}}]}}]}\n\n' % n


PAGES = count()


def models(wire: str, size: int) -> Pieces:
    """A page of that many models, which names another."""
    page, ids = next(PAGES), range(size)
    match wire:
        case "anthropic":
            form, end = b'{"type":"model","id":"m-%d-%d"}', b'"has_more":true,"last_id":"x%d"}' % page
            start = b'{"data":['
        case "gemini":
            form, end = b'{"name":"models/m-%d-%d"}', b'"nextPageToken":"x%d"}' % page
            start = b'{"models":['
        case _:
            form, end = b'{"name":"m-%d-%d","endpoints":["chat"]}', b'"next_page_token":"x%d"}' % page
            start = b'{"models":['
    yield start + b",".join(form % (page, one) for one in ids) + b"]," + end


def one_list(size: int) -> Pieces:
    """A list of models in OpenAI's form, which has no pages."""
    yield b'{"object":"list","data":[%b]}' % b",".join(b'{"id":"m-%d","object":"model"}' % n for n in range(size))


PAINTER = "gemini-2.5-flash-image"
S = "stream"
P = "plain"
SILENT = ("too_large", "timeout_first_event", "deadline")
LINES = ("openai", "anthropic", "cohere", "responses", "gemini", "ollama")
"""Wires whose events are JSON."""
TINY = ("openai", "gemini", "ollama", "replicate")
"""Wires whose events are read one by one, each by a reader of its own."""
LOOKED_AT_ONCE = tuple(wire for wire in WIRES if wire != "replicate")
"""Wires on which such an answer is final. A prediction is looked at again, as long as there is time."""
CALLS = ("openai", "anthropic", "cohere", "responses", "gemini", "ollama")

BOMBS: dict[str, Bomb] = {
    "gzip, 300 kB to 300 MB": Bomb(P, lambda w: iter([deflated("gzip")]), headers=("content-encoding: gzip",)),
    "gzip in a stream": Bomb(
        S, lambda w: iter([deflated("gzip")]), headers=("content-encoding: gzip",), wires=("openai", "ollama")
    ),
    "gzip in an error": Bomb(
        P, lambda w: iter([deflated("gzip")]), ("server_error",), status=500, headers=("content-encoding: gzip",)
    ),
    "deflate in zlib's form": Bomb(
        P, lambda w: iter([deflated("zlib")]), headers=("content-encoding: deflate",), wires=("openai",)
    ),
    "deflate": Bomb(
        P, lambda w: iter([deflated("deflate")]), headers=("content-encoding: deflate",), wires=("openai",)
    ),
    "gzip of nothing for ever": Bomb(
        P, lambda w: gzip_for_ever(), headers=("content-encoding: gzip",), wires=("openai",)
    ),
    "two codings": Bomb(
        P, lambda w: endless(b"x"), ("protocol",), headers=("content-encoding: gzip, gzip",), wires=("openai",)
    ),
    "an endless error": Bomb(P, lambda w: endless(b'{"error":'), ("server_error",), status=500, deadline=3.0),
    "an endless error to a stream": Bomb(
        S, lambda w: endless(b"overloaded "), ("rate_limited",), LOOKED_AT_ONCE, status=429
    ),
    "an endless error that waits": Bomb(
        P, lambda w: single(b"<html>", 10_000_000), ("server_error",), status=500, kind="text/html", wires=("openai",)
    ),
    "an error of 300 MB": Bomb(
        P,
        lambda w: single(b"x" * MIB, 300),
        ("invalid_request",),
        status=400,
        headers=(f"content-length: {300 * MIB}",),
    ),
    "brackets in an error": Bomb(P, lambda w: endless(b"["), ("invalid_request",), status=400),
    "an endless page": Bomb(P, lambda w: endless(b"<p>"), ("bad_response",), kind="text/html"),
    "an endless page to a stream": Bomb(
        S, lambda w: endless(b"<p>"), ("bad_response",), LOOKED_AT_ONCE, kind="text/html"
    ),
    "an endless body": Bomb(P, lambda w: endless(b"x")),
    "endless text in a body": Bomb(P, lambda w: hole(WIRES[w].whole, b"x" * MIB, times=10_000), max_tokens=None),
    "endless embeddings": Bomb("embed", lambda w: endless(b"[0.1,"), wires=tuple(VECTORS), max_tokens=None),
    "endless content": Bomb(S, lambda w: started(w, endless(event(w, b'"word "'))), wires=TINY),
    "endless content in large pieces": Bomb(
        S, lambda w: started(w, endless(event(w, b'"' + b"x" * 500_000 + b'"'))), max_tokens=None
    ),
    "endless content, little time": Bomb(
        S,
        lambda w: started(w, endless(event(w, b'"word "'))),
        ("timeout_body", "deadline"),
        wires=TINY,
        max_tokens=None,
        deadline=0.4,
    ),
    "31 MB of tool calls": Bomb(
        P,
        lambda w: hole(WIRES[w].call, b",".join([WIRES[w].one_call] * (31 * MIB // (len(WIRES[w].one_call) + 1)))),
        wires=CALLS,
        max_tokens=None,
    ),
    "5 MB of tool calls": Bomb(
        P,
        lambda w: hole(WIRES[w].call, b",".join([WIRES[w].one_call] * (5 * MIB // (len(WIRES[w].one_call) + 1)))),
        wires=CALLS,
    ),
    "a stream of tool calls": Bomb(S, lambda w: call_stream(), wires=("openai",)),
    "a stream of calls without names": Bomb(S, lambda w: nameless_calls(), wires=("openai",)),
    "16 MB of brackets": Bomb(P, lambda w: hole(WIRES[w].whole, b"[" * 15 * MIB)),
    "15 MB of empty arrays": Bomb(P, lambda w: hole(WIRES[w].whole, b"[" + b"[]," * (5 * MIB - 99) + b"1]")),
    "15 MB of empty objects": Bomb(P, lambda w: hole(WIRES[w].whole, b"[" + b"{}," * (5 * MIB - 99) + b"1]")),
    "15 MB of escapes": Bomb(
        P,
        lambda w: hole(WIRES[w].whole, b'"' + b"\\u00e9" * (15 * MIB // 6) + b'"'),
        ("", "too_large"),
        max_tokens=None,
    ),
    "brackets, 100,000 deep": Bomb(P, lambda w: hole(WIRES[w].whole, b"[" * 100_000 + b"]" * 100_000)),
    "brackets in an event": Bomb(S, lambda w: started(w, iter([event(w, b"[" * 1_000_000)])), wires=LINES),
    "empty arrays in an event": Bomb(
        S,
        lambda w: started(w, iter([event(w, b"[" + b"[]," * 300_000 + b"1]"), b" " * 40_000])),
        ("too_large", "bad_response", "truncated"),
        wires=LINES,
    ),
    "16 MB of brackets in an event": Bomb(S, lambda w: started(w, iter([event(w, b"[" * 16 * MIB)]))),
    "a line of 200 MB": Bomb(S, lambda w: started(w, hole(WIRES[w].event, b"x" * MIB, times=200))),
    "a number of 4,000,000 digits": Bomb(
        P, lambda w: hole(WIRES[w].whole, b"1" * 4_000_000), ("bad_response", "too_large"), wires=LINES
    ),
    "events of nothing": Bomb(S, lambda w: started(w, endless(b"\n")), SILENT, silence=0.4),
    "empty events": Bomb(
        S, lambda w: started(w, endless(b"data:\n\n")), (*SILENT, "bad_response", "empty"), silence=0.4
    ),
    "comments for ever": Bomb(S, lambda w: started(w, endless(WIRES[w].comment)), SILENT, silence=0.4),
    "1,000,000 tiny chunks": Bomb(P, lambda w: good(w, 1_000_000, split=1), (), chunked=True, wires=("openai",)),
    "1,000,000 tiny chunks of a stream": Bomb(
        S, lambda w: single(b"\n", 1_000_000), ("truncated", *SILENT), chunked=True, wires=("openai", "ollama")
    ),
    "100,000 headers": Bomb(
        P,
        lambda w: good(w, 10),
        ("protocol",),
        headers=tuple(f"x-{n}: y" for n in range(100_000)),
        wires=("openai",),
    ),
    "a good answer": Bomb(P, lambda w: good(w, 10), ()),
    "a good answer of 8 MB": Bomb(P, lambda w: good(w, 8_000_000), ()),
    "good log probabilities": Bomb(
        P, lambda w: iter([chances.whole(w, 4000)]), (), chances.CHANCES, max_tokens=None, growth=128, logprobs=20
    ),
    "a good stream with log probabilities": Bomb(
        S,
        lambda w: started(w, chances.stream(w, 3000)),
        (),
        chances.CHANCES,
        max_tokens=4096,
        growth=128,
        logprobs=20,
    ),
    "log probabilities for ever": Bomb(
        S,
        lambda w: started(w, endless(chances.flood(w))),
        wires=(*chances.CHANCES, "cohere"),
        logprobs=20,
    ),
    "log probabilities for ever, unasked": Bomb(
        S, lambda w: started(w, endless(chances.flood(w))), wires=("openai", "gemini")
    ),
    "30 good images": Bomb(P, lambda w: images(streamed=False), (), ("gemini",), growth=192, model=PAINTER),
    "30 good images in a stream": Bomb(S, lambda w: images(streamed=True), (), ("gemini",), growth=128, model=PAINTER),
    "a good stream of 128,000 tokens": Bomb(
        S, lambda w: long_stream(), (), ("openai",), max_tokens=128_000, deadline=60.0
    ),
    "a list of models for ever": Bomb("list", lambda w: models(w, 1000), wires=("anthropic", "gemini", "cohere")),
    "a good list of 40,000 models": Bomb("list", lambda w: one_list(40_000), (), ("openai",)),
    "30 MB of good embeddings": Bomb("embed", lambda w: iter([vectors(w)]), (), tuple(VECTORS), growth=128),
}

SHORT = (
    ("a list of models for ever", "anthropic"),
    ("gzip, 300 kB to 300 MB", "openai"),
    ("gzip in an error", "ollama"),
    ("an endless error", "anthropic"),
    ("an endless page to a stream", "cohere"),
    ("an endless body", "openai"),
    ("endless content in large pieces", "gemini"),
    ("endless content, little time", "openai"),
    ("5 MB of tool calls", "ollama"),
    ("16 MB of brackets", "anthropic"),
    ("brackets in an event", "responses"),
    ("a stream of calls without names", "openai"),
    ("a good answer of 8 MB", "openai"),
    ("good log probabilities", "gemini"),
    ("log probabilities for ever", "responses"),
    ("30 MB of good embeddings", "cohere"),
)
"""Rows of `make test`, each on one wire."""
