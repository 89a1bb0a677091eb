"""A server that repeats the key, in every place of its answer and in every encoding, tells it to nobody.

What is searched: errors and their attempts, records, log lines from DEBUG up, statistics, health; as text, `repr`,
JSON and pickle. The prompt is searched for in what is kept without the provider's own words: the library repeats no
prompt by itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

import understudy as u
from tests.engine.fakes import everything_about

KEY = "sk-proj-Canary5f2d9e77a1c4b0zQwKv"
PROMPT = "prompt-canary-20c4e1 of the caller"
SPOKEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "upper case": str.upper,
    "Base64": lambda key: base64.b64encode(f"Bearer {key}".encode()).decode(),
    "URL-encoded": lambda key: quote(key.replace("-", "%2D"), safe="%"),
    "hexadecimal": lambda key: key.encode().hex(),
    "masked": lambda key: f"{key[:8]}{'*' * 12}{key[-5:]}",
    "cut off": lambda key: key[:22],
}
STATUSES = (400, 401, 403, 404, 429, 500, 503, 200, 302, 418)
TYPES = tuple(u.ProviderType)
OPERATIONS: dict[str, Callable[[u.LLMProvider], Awaitable[Any]]] = {
    "generate": lambda llm: llm.generate(PROMPT),
    "stream": lambda llm: llm.stream(PROMPT).collect(),  # type: ignore[attr-defined]
    "embed": lambda llm: llm.embed(PROMPT),
    "list": lambda llm: llm.list_models(),
    "health": lambda llm: llm.health_check(),
}


class Echo:
    """Answers every request with one status, and with the words that it is told to speak, everywhere."""

    def __init__(self) -> None:
        self.status = 500
        self.words = ""
        self.html = False
        self.keys_seen = 0
        self.good: Any = None
        """A good answer, in place of the words."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.keys_seen += KEY in head
                length = next((int(v) for n, _, v in map(_header, head.split("\r\n")) if n == "content-length"), 0)
                await reader.readexactly(length)
                writer.write(self.answer())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self) -> bytes:
        if self.good is not None:
            body = json.dumps(self.good)
            head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
            return f"{head}\r\n\r\n{body}".encode()
        words = self.words
        inner = {"message": words, "type": words, "code": words, "param": words, "status": words, "details": [words]}
        whole = {"error": inner, "message": words, "detail": words, "id": words, "request_id": words, "title": words}
        body = f"<html>{words}</html>" if self.html else json.dumps(whole)
        kind = "text/html" if self.html else "application/json"
        facts = "".join(f"{name}: {words}\r\n" for name in ("x-request-id", "request-id", "x-inference-provider"))
        location = f"location: http://127.0.0.1:9/{words}\r\n" if self.status == 302 else ""
        head = f"HTTP/1.1 {self.status} {words}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
        return f"{head}{facts}{location}\r\n{body}".encode()


def _header(line: str) -> tuple[str, str, str]:
    name, colon, value = line.partition(":")
    return name.strip().lower(), colon, value.strip()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, str]]:
    one = Echo()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    yield one, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    server.close()


def leaks(text: str) -> list[str]:
    """The pieces of the key that stand in a text, in any of the encodings that the server speaks."""
    offsets = (base64.b64encode(b"x" * offset + KEY.encode()).decode()[4:-4] for offset in range(3))
    forms = [KEY, KEY.encode().hex(), *offsets]
    pieces = {form[at : at + 12].lower() for form in forms for at in range(len(form) - 11)} | {KEY[-5:].lower()}
    return sorted(piece for piece in pieces if piece in text.lower())


def kept(records: list[Any]) -> str:
    """Everything that can be made of records."""
    return "\n".join(
        [repr(records), *map(str, records), msgspec.json.encode(records).decode(), repr(pickle.dumps(records))]
    )


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_key_that_the_server_repeats_goes_nowhere(
    type_: u.ProviderType, operation: str, echo: tuple[Echo, str], caplog: pytest.LogCaptureFixture, deep: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    server, url = echo
    records: list[u.AttemptRecord] = []
    config = u.ProviderConfig(
        provider=type_, base_url=url, api_key=u.Secret(KEY), text_model="m", embedding_model="m", max_tokens=9
    )
    fallback = u.FallbackConfig(max_retries=1, max_wait=0)
    said: list[str] = []
    async with u.create_provider(config, fallback=fallback, observers=[records.append]) as llm:
        for place, (name, speak) in enumerate(SPOKEN.items()):
            for status in STATUSES if deep else STATUSES[place % 7 :: 7]:
                server.status, server.words, server.html = status, f"bad {speak(KEY)} here", status == 503
                said.append(await told(OPERATIONS[operation], llm))
                assert leaks(said[-1]) == [], (name, status)
        said += [repr(llm), repr(llm.stats()), repr(config), str(config)]
    assert leaks("\n".join([*said, caplog.text, kept(records)])) == []
    assert PROMPT not in caplog.text + kept(records)
    if operation in ("generate", "stream"):
        assert server.keys_seen == len(records) > 0, "what is searched for was really sent"


async def told(use: Callable[[u.LLMProvider], Awaitable[Any]], llm: u.LLMProvider) -> str:
    """What a caller can learn of a call that fails, or of the health that it finds."""
    try:
        return repr(await use(llm))
    except u.LLMError as error:
        return everything_about(error)


async def test_a_good_answer_whose_model_is_the_key_does_not_put_it_into_records(
    echo: tuple[Echo, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server, url = echo
    records: list[u.AttemptRecord] = []
    config = u.ProviderConfig(provider="openai", base_url=url, api_key=u.Secret(KEY), text_model="m")
    server.good = {
        "id": "1",
        "model": f"m-{KEY}",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    }
    async with u.create_provider(config, observers=[records.append]) as llm:
        answer = await llm.generate(PROMPT)
    assert answer.text == "hi"
    assert records[0].answered_model == "m-[key]"
    assert leaks(caplog.text + kept(records)) == []
