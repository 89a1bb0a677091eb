"""Makes malformed requests of sound ones: bodies, codings, paths, queries and headers, by a seeded dice."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

import msgspec
import zstandard

from tests.fuzz.spoiling import DEEP, ODD, by_bytes, cut, paths, replaced
from tests.gateway.attack.seeds import Seed

Dice = random.Random

VALUES: tuple[object, ...] = (
    *ODD,
    DEEP,
    *(False, "", " ", "\x00", "\udc80\ud800", "x" * 70_000, 10**400, -(2**63), 1e308, float("nan"), float("-inf")),
    *([[]], {"": None}, {"type": None}, {"type": "text"}, {"role": "user"}, [{}], "data:image/png;base64,!", "us1.x.!"),
)
"""What stands where something else belongs."""
_ANY = ("main", "unknown", "openai/", "/openai", "..", "a" * 3000, "\u00e9", "models/openai", "", "*", "claude-*")
MODELS = (*("openai", "anthropic", "google", "cohere", "ollama", "groq") * 2, *_ANY)
EMBEDDERS = (*("openai/text-embedding-3-small", "cohere/embed-v4.0", "google/gemini-embedding-001") * 4, *_ANY)
"""Each kind is asked only for what it does: a model that its vendor refuses is in cooldown for a while."""
HEADERS: tuple[dict[str, str], ...] = (
    *({}, {}, {}, {}, {"content-type": "text/plain"}, {"content-type": "\xff"}, {"accept-encoding": "br;q=x"}),
    *({"x-understudy-models": "openai,anthropic"}, {"x-understudy-models": ","}, {"x-understudy-deadline": "nan"}),
    *({"x-understudy-on-midstream-error": "hold", "x-understudy-hold-chars": "1"}, {"x-understudy-session": "\x01"}),
    *({"x-understudy-labels": "=,=,="}, {"x-understudy-what": "x"}, {"x-understudy-task": "\u00e9"}),
    *(
        {"user-agent": "claude-cli/x"},
        {"user-agent": "codex_exec/0", "originator": "\x7f"},
        {"user-agent": "\xff" * 99},
    ),
    *({"anthropic-beta": "a" * 9000}, {"anthropic-version": ""}, {"session-id": "\xe9" * 400}, {"x-session-id": ","}),
    *({"content-length": "-1"}, {"content-length": "99999999999999999999"}, {"content-length": "x"}),
    *({"origin": "null"}, {"upgrade": "websocket"}, {"expect": "100-continue"}, {"x-forwarded-host": "evil.example"}),
    *(
        {"host": "evil.example"},
        {"host": ""},
        {"host": "localhost:x"},
        {"host": "[::1]:8484"},
        {"transfer-encoding": "x"},
    ),
)


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """One request, most likely malformed."""

    method: str
    path: bytes
    query: bytes
    headers: dict[str, str]
    pieces: list[bytes]


def malformed(seed: Seed, dice: Dice) -> Malformed:
    """Return a request that was spoiled in one or more ways."""
    model = dice.choice(EMBEDDERS if "mbed" in seed.path else MODELS)
    path, _, query = seed.path.replace("{model}", model).partition("?")
    body, headers = body_of({"model": model, **seed.body}, dice), dict(dice.choice(HEADERS))
    if dice.random() < 0.2:
        body, headers["content-encoding"] = dice.choice(CODINGS)(body, dice)
    place, asked = path.encode(), query.encode()
    if dice.random() < 0.1:
        place = b"/" + by_bytes(place, dice).lstrip(b"/")
    if dice.random() < 0.1:
        asked = dice.choice(
            (b"key=x", b"%", b"alt=", b"alt=sse&alt=x", b"\xff=\xfe", b"a" * 5000, b"&=&", b"beta=true")
        )
    method = "POST" if dice.random() < 0.97 else dice.choice(("GET", "HEAD", "PUT", "OPTIONS", "PROPFIND"))
    pieces = [body] if dice.random() < 0.8 else cut(body, dice)
    return Malformed(method=method, path=place, query=asked, headers=headers, pieces=pieces or [b""])


def body_of(sound: dict[str, Any], dice: Dice) -> bytes:
    """Return a body with values replaced, or with bytes changed; some stay sound."""
    body: object = sound
    kind = dice.random()
    if kind < 0.03:
        return dice.choice(WHOLE)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 5)) if kind < 0.8 else 0):
        body = replaced(body, dice.choice([*paths(body)]), dice.choice(VALUES))
    data = json.dumps(body, ensure_ascii=dice.random() < 0.9).encode("utf-8", "surrogatepass")
    if kind < 0.8 and dice.random() < 0.1:
        data = dice.choice(SPELLINGS)(data)
    return data if kind < 0.8 else by_bytes(data, dice)


WHOLE = (
    *(b"", b" ", b"null", b"[]", b"{", b"\x00", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'"x"', b"{}", b"0", b"{}{}"),
    *(b"[" * 100_000, b'{"a":' * 50_000, b'{"model":"openai","model":"anthropic"}', b'{"stream":true,"stream":false}'),
    *(b'{"model": "openai", "messages": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", b"9" * 200_000, b"data: {}\n\n"),
)
"""Whole bodies that are no request."""
SPELLINGS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data.replace(b"0.5", b"1e999999999"),
    lambda data: data.replace(b"64", b"6" * 5000),
    lambda data: data.replace(b'"user"', b'"\\ud800"'),
    lambda data: data.replace(b"Oslo", b"\xed\xa0\x80"),
    lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    lambda data: data[:-1] + b',"stream":false,"model":"groq"}',
    lambda data: data.replace(b": ", b":\x0b"),
    lambda data: b"\xef\xbb\xbf" + data,
)


def _bomb(_: bytes, __: Dice) -> tuple[bytes, str]:
    return gzip.compress(bytes(8 << 20), 1), "gzip"


CODINGS: tuple[Callable[[bytes, Dice], tuple[bytes, str]], ...] = (
    lambda body, _: (gzip.compress(body, 1), "gzip"),
    lambda body, dice: (gzip.compress(body, 1)[: -dice.randrange(1, 12)], "gzip"),
    lambda body, dice: (by_bytes(gzip.compress(body, 1), dice), "gzip"),
    lambda body, _: (zstandard.compress(body, 1), "zstd"),
    lambda body, dice: (zstandard.compress(body, 1)[: -dice.randrange(1, 5)], "zstd"),
    lambda body, dice: (by_bytes(zstandard.compress(body, 1), dice), "zstd"),
    lambda body, dice: (body, dice.choice(("gzip", "zstd", "br", "deflate", "gzip, zstd", "x" * 99, "identity"))),
    _bomb,
)
"""Bodies in a coding that may not be theirs: the body, and the coding that is stated."""
