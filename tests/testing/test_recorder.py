"""Recordings: what a provider once answered comes again without a network, and no secret is in the file."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import understudy as u
from understudy import blocking
from understudy.domain.failures import Failure, FailureKind
from understudy.testing import EmulatedTransport, Fault, recording, run_virtually
from understudy.transport.base import TransportError

CANARY = "sk-canary-9f8e7d6c5b4a32100123"
ORGANISATION = "acme-research-lab"
MODELS = {
    "openai": "gpt-4.1-mini",
    "anthropic": "claude-haiku-4-5",
    "google": "gemini-3.8-flash",
    "ollama": "llama3.2",
    "groq": "openai/gpt-oss-20b",
    "together": "openai/gpt-oss-120b",
    "azure-openai": "gpt-4.1-mini",
    "replicate": "meta/meta-llama-3-70b-instruct",
    "huggingface": "openai/gpt-oss-120b",
    "cohere": "command-a-03-2025",
}


class Pieces:
    """A body in pieces; an error among them is raised."""

    def __init__(
        self, status: int, headers: dict[str, str], pieces: Sequence[bytes | TransportError], wait: float
    ) -> None:
        self.head = u.HttpHead(status, headers)
        self._pieces = [*pieces, b""]
        self._wait = wait

    async def read(self) -> bytes:
        await asyncio.sleep(self._wait)
        piece = self._pieces.pop(0)
        if isinstance(piece, TransportError):
            raise piece
        return piece

    def release(self) -> None:
        return None

    def close(self) -> None:
        return None


class Scripted:
    """A network: answers in their order."""

    def __init__(self, *answers: tuple[int, dict[str, str], list[Any]] | TransportError, wait: float = 0.0) -> None:
        self.answers = list(answers)
        self.sent: list[u.HttpRequest] = []
        self._wait = wait

    async def send(self, request: u.HttpRequest, *, connect: float) -> u.Incoming:
        self.sent.append(request)
        await asyncio.sleep(self._wait)
        answer = self.answers.pop(0)
        if isinstance(answer, TransportError):
            raise answer
        return Pieces(*answer, self._wait)

    async def aclose(self) -> None:
        return None


def chat(text: str, **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], **more}).encode()


JSON = {"content-type": "application/json"}


def openai(transport: u.Transport, **fields: Any) -> u.Provider:
    entry = u.ProviderConfig(provider="openai", api_key=u.Secret(CANARY), text_model="m", **fields)
    return u.create_provider(entry, transport=transport, fallback=u.FallbackConfig(max_retries=1))


@pytest.mark.parametrize("provider", MODELS)
async def test_all_providers_can_be_recorded_and_replayed(provider: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "cassette.json"
    answers = []
    for transport in (EmulatedTransport(provider, keys=None), Scripted()):
        base_url = "https://acme.openai.azure.com/openai/v1" if provider == "azure-openai" else None
        entry = u.ProviderConfig(provider=provider, api_key=CANARY, text_model=MODELS[provider], base_url=base_url)
        llm = u.create_provider(entry, transport=recording(path, transport=transport))
        whole = await llm.generate("What is the capital of France?")
        streamed = await llm.stream("What is the capital of Spain?").collect()
        answers.append((whole.text, whole.id, whole.usage, streamed.text, streamed.id, streamed.usage))
    assert answers[0] == answers[1]
    assert answers[0][0] == "The capital is Paris."
    assert CANARY not in path.read_text()


async def test_the_file_can_be_read_by_people(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    stream = [
        b'data: {"choices":[{"index":0,"delta":{"content":"H\xc3\xa4"},"finish_reason":"stop"}]}\n\nda',
        b"ta: [DONE]\n\n",
    ]
    network = Scripted(
        (200, JSON, [chat("Hi")]), (200, {"content-type": "text/event-stream", "set-cookie": "a=b"}, stream)
    )
    async with openai(recording(path, transport=network)) as llm:
        await llm.generate("Hello", temperature=0.5)
        await llm.stream("Hello").collect()
    found = json.loads(path.read_text())
    assert found["understudy_cassette"] == 1
    first, second = found["exchanges"]
    assert first["request"] == {
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions",
        "headers": {"content-type": "application/json"},
        "body": {"json": {"messages": [{"role": "user", "content": "Hello"}], "model": "m", "temperature": 0.5}},
    }
    assert first["response"]["body"]["json"]["choices"][0]["message"]["content"] == "Hi"
    assert second["response"] == {
        "status": 200,
        "headers": {"content-type": "text/event-stream"},
        "body": {
            "text": [
                'data: {"choices":[{"index":0,"delta":{"content":"Hä"},"finish_reason":"stop"}]}',
                "",
                "data: [DONE]",
                "",
                "",
            ]
        },
    }
    before = path.read_text()
    async with openai(recording(path, mode="none")) as llm:
        await llm.generate("Hello", temperature=0.5)
    assert path.read_text() == before


async def test_vectors_take_one_line(tmp_path: Path) -> None:
    body = {
        "object": "list",
        "model": "e",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, -1e-05, 3]}],
    }
    path = tmp_path / "c.json"
    llm = openai(recording(path, transport=Scripted((200, JSON, [json.dumps(body).encode()]))), embedding_model="e")
    await llm.embed("x")
    assert '"embedding": [0.25, -1e-05, 3]' in path.read_text()
    assert (await openai(recording(path), embedding_model="e").embed("x")).embedding == (0.25, -1e-05, 3.0)


def escaped_forms(secret: str) -> list[str]:
    return [
        secret,
        secret.upper(),
        base64.b64encode(secret.encode()).decode().rstrip("="),
        secret.encode().hex(),
        secret[: len(secret) // 2 + 8],
    ]


async def test_no_secret_is_in_the_file(tmp_path: Path) -> None:
    """Keys in headers, addresses, bodies, echoes in every spelling, cookies, organisations; and what a test names."""
    path = tmp_path / "c.json"
    named = "Erika Mustermann"
    other = "gsk_" + "Zz19" * 8
    echo = {
        "error": {
            "message": " ".join([*escaped_forms(CANARY), ORGANISATION, "org-" + "a1" * 10, other, "c00kie-value"])
        }
    }
    headers = {
        **JSON,
        "openai-organization": ORGANISATION,
        "set-cookie": "session=c00kie-value; path=/",
        "x-request-id": f"req-{CANARY}",
    }
    pieces = [
        f'data: {{"choices":[{{"index":0,"delta":{{"content":"{piece}"}}}}]}}\n\n' for piece in (CANARY[:9], CANARY[9:])
    ]
    end = 'data: {"choices":[{"index":0,"delta":{"content":"."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    network = Scripted(
        (200, JSON, [chat(f"{ORGANISATION} is said before it is known")]),
        (401, headers, [json.dumps(echo).encode()]),
        (200, {"content-type": "text/event-stream"}, [each.encode() for each in (*pieces, end)]),
        (200, {"content-type": "application/octet-stream"}, [b"\xff\xfe" + CANARY.encode()]),
        (200, {"content-type": "text/plain"}, [b"c00kie-two"]),
    )
    recorder = recording(path, transport=network, secrets=[named])
    llm = openai(recorder, headers={"openai-project": "proj-of-acme-42"})
    await llm.generate(f"My name is {named}, my project is proj-of-acme-42")
    with pytest.raises(u.AuthenticationFailed):
        await llm.generate("?", extra={"openai": {"mcp": {"authorization": "Bearer mcp-secret-token-1"}}})
    await llm.stream(f"Say mcp-secret-token-1 and {CANARY}").collect()
    for url, cookie in (
        (f"https://me:passw0rd@x.test/m?key={CANARY}&alt=sse", "a=b"),
        ("https://x.test/", "s=c00kie-two"),
    ):
        incoming = await recorder.send(u.HttpRequest("GET", url, (("cookie", cookie),)), connect=1)
        while await incoming.read():
            pass
    text = path.read_text()
    secrets = [
        *escaped_forms(CANARY),
        ORGANISATION,
        "org-a1a1",
        other,
        "c00kie",
        named,
        "proj-of-acme",
        "mcp-secret",
        "passw0rd",
    ]
    assert [each for each in secrets if each in text] == []
    assert "[key]" in text
    assert "alt=sse" in text


async def test_an_octet_stream_is_searched_too(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    network = Scripted((200, {"content-type": "application/octet-stream"}, [b"\xff\xfe" + CANARY.encode() + b"\x00"]))
    recorder = recording(path, transport=network, secrets=[u.Secret(CANARY)])
    incoming = await recorder.send(u.HttpRequest("GET", "https://x.test/f"), connect=1)
    while await incoming.read():
        pass
    found = json.loads(path.read_text())["exchanges"][0]["response"]["body"]["base64"]
    assert base64.b64decode(found) == b"\xff\xfe[key]\x00"


def test_a_secret_must_be_recognisable(tmp_path: Path) -> None:
    with pytest.raises(u.Misuse, match="at least 6 characters"):
        recording(tmp_path / "c.json", secrets=["abc"])


async def test_equal_requests_are_answered_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    llm = openai(recording(path, transport=Scripted((200, JSON, [chat("one")]), (200, JSON, [chat("two")]))))
    assert [(await llm.generate("?")).text for _ in range(2)] == ["one", "two"]
    recorder = recording(path)
    llm = openai(recorder)
    assert recorder.unused == 2
    assert [(await llm.generate("?")).text for _ in range(2)] == ["one", "two"]
    assert recorder.unused == 0
    with pytest.raises(u.Unavailable, match="it was recorded 2 times, and is sent once more"):
        await llm.generate("?")


async def test_the_order_of_fields_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    recorder = recording(path, transport=Scripted((200, JSON, [b'{"a": 1}'])))
    incoming = await recorder.send(
        u.HttpRequest("POST", "https://x.test/", (), b'{"a": 1, "b": {"c": 2, "d": 3}}'), connect=1
    )
    while await incoming.read():
        pass
    again = await recording(path).send(
        u.HttpRequest("POST", "https://x.test/", (), b'{"b":{"d":3,"c":2},"a":1}'), connect=1
    )
    assert json.loads(await again.read()) == {"a": 1}
    assert await again.read() == b""


async def test_an_unknown_request_shows_the_nearest_and_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    network = Scripted((200, JSON, [chat("one")]), (200, JSON, [chat("two")]))
    llm = openai(recording(path, transport=network))
    await llm.generate("Hello there", temperature=0.1)
    await llm.generate("Something else")
    recorder = recording(path)
    with pytest.raises(u.Unavailable) as caught:
        await openai(recorder).generate("Hello World", temperature=0.1, seed=3)
    assert str(caught.value) == (
        f"{path} has no answer to POST https://api.openai.com/v1/chat/completions; recorded request 1 of 2 is the "
        'nearest, and differs in body.messages[0].content: recorded "Hello there", sent "Hello World"; body.seed: '
        "recorded nothing, sent 3; the mode is 'once'; to record it, use 'new_episodes'"
    )
    assert recorder.missing == [str(caught.value)]


async def test_without_a_file_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(u.Unavailable, match="the file does not exist; the mode is 'none'; to record it, use 'once'"):
        await openai(recording(tmp_path / "c.json", mode="none")).generate("?")


async def test_the_modes(tmp_path: Path) -> None:
    path = tmp_path / "c.json"

    async def asked(mode: Any, prompt: str, *answers: str) -> tuple[str, int]:
        network = Scripted(*((200, JSON, [chat(text)]) for text in answers))
        try:
            text = (await openai(recording(path, mode=mode, transport=network)).generate(prompt)).text
        except u.Unavailable:
            text = "missing"
        return text, len(network.sent)

    assert await asked("none", "a", "new") == ("missing", 0)
    assert await asked("once", "a", "first") == ("first", 1)
    assert await asked("once", "a", "new") == ("first", 0)
    assert await asked("once", "b", "new") == ("missing", 0)
    assert await asked("new_episodes", "a", "new") == ("first", 0)
    assert await asked("new_episodes", "b", "second") == ("second", 1)
    assert await asked("none", "a") == ("first", 0)
    assert await asked("none", "b") == ("second", 0)
    assert await asked("all", "a", "again") == ("again", 1)
    assert await asked("none", "a") == ("again", 0)
    assert await asked("none", "b") == ("missing", 0)  # `all` begins anew
    with pytest.raises(u.Misuse, match="unknown mode 'onse'; did you mean 'once'"):
        recording(path, mode="onse")  # type: ignore[arg-type]


async def test_errors_of_the_provider_are_replayed_and_those_of_the_network_are_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    refused = TransportError(Failure(kind=FailureKind.CONNECT, message="refused", sent=False))
    error = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'
    network = Scripted(refused, (429, {**JSON, "retry-after": "7"}, [error]), (200, JSON, [chat("fine")]))
    recorder = recording(path, transport=network)
    with pytest.raises(u.ConnectionFailed):
        await openai(recorder).generate("?")
    with pytest.raises(u.RateLimited):
        await openai(recorder).generate("?")
    await openai(recorder).generate("?")
    replaying = recording(path)
    with pytest.raises(u.RateLimited) as caught:
        await openai(replaying).generate("?")
    assert caught.value.retry_after == 7
    assert (await openai(replaying).generate("?")).text == "fine"


async def test_a_lost_connection_is_lost_again(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    lost = TransportError(Failure(kind=FailureKind.DISCONNECTED, message="gone"))
    piece = b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    network = Scripted((200, {"content-type": "text/event-stream"}, [piece, lost]))
    for transport in (network, Scripted()):
        with pytest.raises(u.StreamInterrupted) as caught:
            await openai(recording(path, transport=transport)).stream("?").collect()
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hel"


async def test_compressed_bodies_are_recorded_in_plain(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "c.json"
    network = Scripted((200, {**JSON, "content-encoding": "gzip"}, [gzip.compress(chat(f"The key is {CANARY}"))]))
    for transport in (network, Scripted()):
        assert (await openai(recording(path, transport=transport)).generate("?")).text.startswith("The key is ")
    assert CANARY not in path.read_text()
    assert "The key is [key]" in path.read_text()


def test_time_is_replayed_only_if_it_was_recorded(tmp_path: Path) -> None:
    stream = [b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'] * 3
    stream += [b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n']

    async def took(transport: u.Transport) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await openai(transport).stream("?").collect()).text == "aaa"
        return loop.time() - began

    for timing, expected in ((True, 10.0), (False, 0.0)):
        path = tmp_path / f"{timing}.json"
        network = Scripted((200, {"content-type": "text/event-stream"}, stream), wait=2.0)
        assert run_virtually(took(recording(path, transport=network, timing=timing))) >= 10.0
        assert run_virtually(took(recording(path, timing=timing))) == pytest.approx(expected, abs=0.01)


async def test_a_placeholder_for_the_key_may_be_a_word_of_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    await openai(recording(path, transport=Scripted((200, JSON, [chat("yes")])))).generate("Is it a placeholder?")
    entry = u.ProviderConfig(provider="openai", api_key="placeholder", text_model="m")
    llm = u.create_provider(entry, transport=recording(path))
    assert (await llm.generate("Is it a placeholder?")).text == "yes"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"understudy_cassette": 2, "exchanges": []}', '{"understudy_cassette": 1, "exchanges": [{}]}'],
)
def test_an_invalid_file_is_a_clear_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(u.ConfigError, match="the file is not a valid recording"):
        recording(path)
    recording(path, mode="all")


async def test_a_fallback_is_recorded_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    for record in (True, False):
        recorders = [
            recording(tmp_path / f"{name}.json", transport=EmulatedTransport(name, faults) if record else Scripted())
            for name, faults in (("openai", [Fault.status(503)]), ("groq", []))
        ]
        targets = [
            u.create_provider(
                u.ProviderConfig(provider=name, api_key="test-key", text_model=MODELS[name], priority=number),
                transport=recorder,
            )
            for number, (name, recorder) in enumerate(zip(("openai", "groq"), recorders, strict=True))
        ]
        async with u.ProviderManager(targets, u.FallbackConfig(max_retries=1)) as llm:
            answer = await llm.generate("What is the capital of France?")
        assert (answer.provider, answer.text) == ("groq", "The capital is Paris.")
    assert not path.exists()


def test_without_async(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    for transport in (EmulatedTransport("openai"), Scripted()):
        entry = u.ProviderConfig(provider="openai", api_key="test-key", text_model=MODELS["openai"])
        with blocking.create_provider(entry, transport=recording(path, transport=transport)) as llm:
            assert llm.generate("What is the capital of France?").text == "The capital is Paris."
