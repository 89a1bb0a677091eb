"""A request that goes out over the wire format in which it came in keeps its bytes, but for what the target needs.

The judge scans both bodies byte by byte, takes back what was spliced in, and compares SHA-256. `make splice N=100000`
runs more bodies; a failure names its seed and number.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from typing import Any

import pytest

from tests.contract.driving import open_only
from tests.contract.native import GEMINI
from tests.contract.targets import server_of
from tests.forwarding.bodies import Pairs, Spelled, disordered, odd_string, with_odd_parts
from tests.forwarding.scanner import scan
from understudy import dialects, providers
from understudy.dialects.base import Endpoint
from understudy.dialects.server import Inbound
from understudy.domain.operation import Operation
from understudy.providers.base import endpoint_of
from understudy.wire.http import HttpRequest

SEED = int(os.environ.get("UNDERSTUDY_SPLICE_SEED", "14"))
BODIES = int(os.environ.get("UNDERSTUDY_SPLICE", "1000"))

LONG = "a text that is long enough to be replaced by an odd one"
TALK = [{"role": "user", "content": LONG}, {"role": "assistant", "content": "b"}, {"role": "user", "content": LONG}]
FUNCTION = {"name": "f", "description": LONG, "parameters": {"type": "object", "properties": {}}}
TEMPERATURE = Spelled("1.0")

TARGETS: dict[str, tuple[str, str]] = {
    "openai": ("openai", "gpt-4o"),
    "responses": ("openai", "gpt-6-luna"),
    "anthropic": ("anthropic", "claude-opus-4-1"),
    "gemini": ("google", "gemini-2.5-flash"),
    "cohere": ("cohere", "command-a-03-2025"),
    "ollama": ("ollama", "llama3.2"),
}
"""Whose quirks and which model each body is written for: a provider with the wire format."""

CHATS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": (
        "/chat/completions",
        {
            "model": "alias",
            "messages": TALK,
            "temperature": TEMPERATURE,
            "tools": [{"type": "function", "function": FUNCTION}],
        },
    ),
    "responses": (
        "/responses",
        {"model": "alias", "input": TALK, "store": False, "tools": [{"type": "function", **FUNCTION}]},
    ),
    "anthropic": (
        "/v1/messages",
        {
            "model": "alias",
            "max_tokens": 64,
            "system": [{"type": "text", "text": LONG}],
            "messages": TALK,
            "metadata": {"user_id": "u"},
        },
    ),
    "gemini": (
        f"{GEMINI}:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": LONG}]}],
            "generationConfig": {"temperature": TEMPERATURE, "maxOutputTokens": 9},
        },
    ),
    "cohere": ("/v2/chat", {"model": "alias", "messages": TALK, "temperature": Spelled("0.50")}),
    "ollama": (
        "/api/chat",
        {"model": "alias", "messages": TALK, "options": {"temperature": TEMPERATURE, "num_ctx": 4096}},
    ),
}

OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/embeddings", {"model": "alias", "input": [LONG, "b"], "dimensions": 8}),
    "responses": ("/responses/input_tokens", {"model": "alias", "input": TALK}),
    "anthropic": ("/v1/messages/count_tokens", {"model": "alias", "messages": TALK}),
    "gemini": (
        f"{GEMINI}:batchEmbedContents",
        {"requests": [{"model": "models/m", "content": {"parts": [{"text": LONG}]}}]},
    ),
    "cohere": ("/v2/embed", {"model": "alias", "input_type": "search_query", "texts": [LONG, "b"]}),
    "ollama": ("/api/embed", {"model": "alias", "input": [LONG, "b"], "options": {"num_ctx": Spelled("1.0")}}),
    "hf-features": ("/hf-inference/models/m/pipeline/feature-extraction", {"inputs": [LONG, "b"]}),
}
"""Vectors, and counts of tokens."""

STREAM_OPTIONS: tuple[Any, ...] = (
    *(None, {}, {"include_usage": True}, {"include_usage": False}),
    Pairs([("include_obfuscation", False), ("include_usage", False), ("zz", Spelled("1.0"))]),
)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def unspliced(sent: bytes, came: bytes, values: dict[str, bytes]) -> bytes:
    """Take back from a body what was spliced in: `values` are those that may differ, and what they must be.

    A value that did not come in stands at the end; one that is an object may have been spliced itself.
    """
    theirs = scan(came)
    while (found := scan(sent)).members and found.members[-1].key in values.keys() - set(theirs.keys):
        *others, last = found.members
        assert sent[last.value : last.end] == values[last.key]
        cut = others[-1].end if others else last.start
        sent = sent[:cut] + sent[last.end :]
    for member in reversed(scan(sent).members):
        if member.key in values:
            old, new = theirs.value(member.key), sent[member.value : member.end]
            if old[:1] == new[:1] == b"{":
                assert unspliced(new, old, {"include_usage": b"true"}) == old
            else:
                assert json.loads(new) == json.loads(values[member.key])
            sent = sent[: member.value] + old + sent[member.end :]
    return sent


def sent_for(inbound: Inbound, dialect: str, endpoint: Endpoint) -> HttpRequest:
    opened = dialects.load(dialect)
    if inbound.operation is Operation.CHAT:
        return open_only(opened.open(Operation.CHAT, inbound.request, endpoint, stream=inbound.stream)).request
    return open_only(opened.open(inbound.operation, inbound.request, endpoint)).request


def random_request(dialect: str, dice: random.Random) -> HttpRequest:
    path, fields = CHATS[dialect]
    fields = dict(fields)
    stream = dice.choice((True, False, None))
    if dialect == "gemini":
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse") if stream else path
        if dice.random() < 0.3:
            fields["model"] = dice.choice(("models/m", "m"))
    elif stream is not None:
        fields["stream"] = stream
        if stream and dialect == "openai" and dice.random() < 0.5:
            fields["stream_options"] = dice.choice(STREAM_OPTIONS)
    where = {"openai": "messages", "responses": "input", "gemini": "contents"}.get(dialect, "messages")
    fields[where] = with_odd_parts(fields[where], dice)
    return HttpRequest("POST", path, (), disordered(fields, dice))


@pytest.mark.parametrize("dialect", CHATS)
def test_a_body_keeps_its_bytes(dialect: str) -> None:
    provider, model = TARGETS[dialect]
    endpoint = endpoint_of(providers.row(provider), model)
    named = f'"models/{model}"' if dialect == "gemini" else f'"{model}"'
    for number in range(-(-BODIES // len(CHATS))):
        dice = random.Random(f"{SEED} {dialect} {number}")
        request = random_request(dialect, dice)
        came = request.body or b""
        try:
            inbound = server_of(dialect).parse(request)
            values = {"model": named.encode()}
            if dialect == "openai" and inbound.stream:
                values["stream_options"] = b'{"include_usage":true}'
            sent = sent_for(inbound, dialect, endpoint).body or b""
            assert digest(unspliced(sent, came, values)) == digest(came)
        except Exception as error:
            error.add_note(f"seed {SEED}, {dialect}, body {number}: {came!r}")
            raise


@pytest.mark.parametrize("dialect", OTHERS)
def test_a_body_of_another_operation_keeps_its_bytes(dialect: str) -> None:
    path, fields = OTHERS[dialect]
    endpoint = Endpoint(provider="p", base_url="http://p.invalid", model="m")
    for number in range(-(-BODIES // len(OTHERS) // 4)):
        dice = random.Random(f"{SEED} {dialect} others {number}")
        came = disordered(fields, dice)
        inbound = server_of(dialect).parse(HttpRequest("POST", path, (), came))
        sent = sent_for(inbound, dialect, endpoint).body or b""
        assert digest(unspliced(sent, came, {"model": b'"m"'})) == digest(came)


def test_the_same_bytes_go_out_where_nothing_changes() -> None:
    body = b'{ "model":"m" , "messages":[{"role":"user","content":"a\\ud800"}],"n":1e400, "n": 1.0 }'
    inbound = server_of("openai").parse(HttpRequest("POST", "/chat/completions", (), body))
    sent = sent_for(inbound, "openai", Endpoint(provider="p", base_url="http://p.invalid", model="m"))
    assert sent.body is body


def test_odd_strings_are_odd() -> None:
    """The generator does what it is there for."""
    texts = "".join(odd_string(random.Random(number)) for number in range(500))
    assert "\\ud800" in texts
    bodies = [random_request("openai", random.Random(number)).body or b"" for number in range(300)]
    assert any(len(set(keys := scan(body).keys)) < len(keys) for body in bodies)
    assert any(b"1e400" in body for body in bodies)
    assert any(b"\\u006" in body for body in bodies)
