"""A body that needs nothing but another model is written in a short way; here both ways write the same ones."""

from __future__ import annotations

import json
import random

import pytest
from msgspec.structs import replace

from tests.forwarding.bodies import disordered
from tests.forwarding.conversations import conversation
from tests.forwarding.test_bodies import random_request
from understudy import dialects
from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.openai import encode
from understudy.dialects.openai.encode_forwarded import encode_forwarded
from understudy.dialects.quirks import Quirks
from understudy.dialects.server import BadRequest
from understudy.domain.errors import Misuse
from understudy.domain.requests import GenerationRequest
from understudy.wire.http import HttpRequest

QUIRKS = (
    Quirks(),
    Quirks(system_role="developer"),
    Quirks(message_names=False),
    Quirks(inputs=frozenset()),
    Quirks(image_urls=False, refused=frozenset({"temperature", "tools"})),
    Quirks(joined_texts=True, max_tokens_field="max_tokens"),
)
MODELS = ("alias", "gpt-4o", 'modèle "x"', None)
BODIES = (
    b'{"model":"alias","messages":[{"role":"user","content":"Hi"}]}',
    b'\xef\xbb\xbf {"messages": [{"role": "system", "content": "model"}], "model": "a"}\n',
    b'{"model":"ali\\u0061s","messages":[]}',
    b'{"mod\\u0065l":"alias","messages":[]}',
    b'{"model":1,"messages":[]}',
    b'{"model":null,"messages":[]}',
    b'{"model":{"model":"alias"},"messages":[]}',
    b'{"messages":[{"role":"user","content":"\\"model\\""}],"model":"alias"}',
    b'{"messages":[{"role":"user","content":"Hi","model":"x"}],"model":"alias"}',
    b'{"model":"alias","messages":[{"role":"user","content":"Hi"}],"stream":false}',
    b'{"model":"alias","messages":[{"role":"user","content":"Hi"}],"stream_options":{}}',
    b'{"model":"alias","messages":[{"role":"user","content":"Hi"}],"zz":1,"zz":2,"temperature":1.0}',
    b'{"messages":[{"role":"user","content":"Hi"}]}',
)


def _read(request: HttpRequest) -> GenerationRequest | None:
    try:
        found = dialects.load_server("openai").parse(request).request
    except (BadRequest, Misuse):
        return None
    return found if isinstance(found, GenerationRequest) else None


def _endpoints() -> list[Endpoint]:
    plain = Endpoint(provider="openai", base_url="https://upstream.test/v1", model="m")
    found = [replace(plain, quirks=quirks, model=model) for quirks in QUIRKS for model in MODELS]
    return [*found, replace(plain, options={"service_tier": "flex"})]


def compare(monkeypatch: pytest.MonkeyPatch, request: GenerationRequest, *, stream: bool) -> int:
    """Write a body both ways for each target, and return how often the short one was taken."""
    taken = 0
    for endpoint in _endpoints():
        notes, others = WarningLog(), WarningLog()
        short = encode.encode_chat(request, endpoint, notes, stream=stream)
        with monkeypatch.context() as patch:
            patch.setattr(encode, "encode_forwarded", lambda *_: None)
            general = encode.encode_chat(request, endpoint, others, stream=stream)
        assert short == general
        assert notes.warnings == others.warnings
        taken += not stream and encode_forwarded(request, endpoint) is not None
    return taken


@pytest.mark.parametrize("body", BODIES)
def test_written_bodies(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    request = _read(HttpRequest("POST", "/chat/completions", (), body))
    if request is not None:
        for stream in (False, True):
            compare(monkeypatch, request, stream=stream)
        compare(monkeypatch, replace(request, configured=frozenset({"temperature"}), temperature=0.5), stream=False)


def test_random_bodies(monkeypatch: pytest.MonkeyPatch, deep: bool) -> None:
    taken = 0
    for number in range(2_000 if deep else 150):
        dice = random.Random(f"forwarded {number}")
        make = dice.choice((random_request, conversation))
        if (request := _read(make("openai", dice))) is not None:
            taken += compare(monkeypatch, request, stream=dice.random() < 0.2)
    for number in range(300 if deep else 30):
        dice = random.Random(f"short {number}")
        fields = {"model": dice.choice(("alias", "gpt-4o")), "messages": [{"role": "user", "content": "Hi " * number}]}
        if (request := _read(HttpRequest("POST", "/chat/completions", (), disordered(fields, dice)))) is not None:
            taken += compare(monkeypatch, request, stream=False)
    assert taken > 100


def test_most_usual_bodies_are_written_in_the_short_way() -> None:
    body = json.dumps({"model": "alias", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.1}).encode()
    request = _read(HttpRequest("POST", "/chat/completions", (), body))
    assert request is not None
    endpoint = Endpoint(provider="openai", base_url="https://upstream.test/v1", model="gpt-4o")
    assert encode_forwarded(request, endpoint) == body.replace(b'"alias"', b'"gpt-4o"')
    assert encode_forwarded(request, replace(endpoint, model="alias")) is body
