"""The auth seam: a function that signs requests, and one that fetches tokens."""

from __future__ import annotations

import asyncio
import copy
import functools
import hashlib
import hmac
import logging
import pprint
from collections.abc import Iterator
from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import CANARY, LAST, RecordingTransport, eventually, everything_about
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault
from understudy.engine.attempt_stream import AttemptFailed
from understudy.engine.auth import Credential
from understudy.providers.base import Auth

BASE = "https://cloud.example/v1"


def provider(transport: RecordingTransport | None = None, /, **fields: Any) -> Any:
    fields = {"provider": "openai", "base_url": BASE, "text_model": "gpt-5", **fields}
    fast = u.FallbackConfig(retry_delay_ms=1)
    return u.create_provider(u.ProviderConfig(**fields), transport=transport, fallback=fast)


async def signature(request: u.HttpRequest) -> u.HttpRequest:
    seen = f"{request.method}\n{request.url}\n".encode() + (request.body or b"")
    digest = hmac.new(CANARY.encode(), seen, hashlib.sha256).hexdigest()
    return request.with_headers(("authorization", f"HMAC acme:{digest}"))


# ---- signing ----


async def test_a_request_is_signed_as_it_is_sent() -> None:
    transport = RecordingTransport()
    async with provider(transport, sign=signature) as llm:
        assert (await llm.generate("hi")).text
        assert [text async for text in llm.stream("hi").text()]
    plain, streamed = transport.requests
    assert plain.body != streamed.body
    for request in (plain, streamed):
        assert await signature(request) == request
        assert [name for name, _ in request.headers].count("authorization") == 1
        assert dict(request.headers)["x-client-request-id"]


async def test_with_a_signer_no_key_is_needed_nor_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    transport, seen = RecordingTransport(), []

    async def look(request: u.HttpRequest) -> u.HttpRequest:
        seen.append(dict(request.headers))
        return request

    for key in (None, "sk-of-the-provider-itself"):
        if key:
            monkeypatch.setenv("OPENAI_API_KEY", key)
        else:
            monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        await provider(transport, sign=look).generate("hi")
    await provider(transport, sign=look, api_key=u.Secret("written")).generate("hi")
    assert [headers.get("authorization") for headers in seen] == [None, None, "Bearer written"]


async def test_retries_and_polls_are_signed_anew() -> None:
    count = 0

    async def number(request: u.HttpRequest) -> u.HttpRequest:
        nonlocal count
        count += 1
        return request.with_headers(("authorization", "Bearer test-key"), ("x-nonce", str(count)))

    async with Emulator(("openai",)) as emulator:
        emulator.script("openai", [Fault.status(500)])
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), sign=number)
        async with u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=1)) as llm:
            assert len((await llm.generate("hi")).attempts) == 2
        assert [request.headers["x-nonce"] for request in emulator.requests("openai")] == ["1", "2"]


async def test_only_requests_below_the_base_url_are_signed() -> None:
    credential = Credential(Auth(), None, BASE, sign=signature, token=lambda: "t")
    for url in ("https://elsewhere.example/v1/x", f"{BASE}.evil.example/x", "https://cloud.example/v2"):
        request = u.HttpRequest("GET", url)
        assert await credential.equip(request, "a") == (request, credential)


async def test_a_signer_cannot_lead_a_request_away() -> None:
    async def astray(request: u.HttpRequest) -> u.HttpRequest:
        return u.HttpRequest(request.method, "https://evil.example/v1/x", request.headers, request.body)

    async def query(request: u.HttpRequest) -> u.HttpRequest:
        return u.HttpRequest(request.method, f"{request.url}?signature=1", request.headers, request.body)

    transport = RecordingTransport()
    with pytest.raises(u.Unavailable, match="changed the request's address"):
        await provider(transport, sign=astray).generate("hi")
    assert transport.requests == []
    await provider(transport, sign=query).generate("hi")
    assert transport.requests[0].url.endswith("?signature=1")


# ---- tokens ----


async def test_a_token_goes_where_the_key_would_and_is_asked_for_at_every_request() -> None:
    tokens = iter(["first", "second", "third"])

    async def fetch() -> u.Secret:
        return u.Secret(next(tokens))

    transport = RecordingTransport()
    llm = provider(transport, token=fetch)
    for _ in range(2):
        await llm.generate("hi")
    await provider(transport, token=lambda: next(tokens)).generate("hi")
    sent = [dict(request.headers)["authorization"] for request in transport.requests]
    assert sent == ["Bearer first", "Bearer second", "Bearer third"]


async def test_a_signer_sees_the_token() -> None:
    transport = RecordingTransport()
    await provider(transport, token=lambda: "fresh", sign=signature_of_headers).generate("hi")
    headers = dict(transport.requests[0].headers)
    assert headers["authorization"] == "Bearer fresh"
    assert headers["x-signed"] == "authorization,content-type,x-client-request-id"


async def signature_of_headers(request: u.HttpRequest) -> u.HttpRequest:
    return request.with_headers(("x-signed", ",".join(sorted(name for name, _ in request.headers))))


async def test_key_and_token_exclude_each_other() -> None:
    with pytest.raises(u.ConfigError, match="set either api_key or token, not both"):
        await provider(api_key=u.Secret("k"), token=lambda: "t").generate("hi")


# ---- what goes wrong ----


class Trouble(Exception):
    pass


async def raising(request: u.HttpRequest | None = None) -> Any:
    raise Trouble(f"no luck with {CANARY}")


async def forgetful(request: u.HttpRequest | None = None) -> Any:
    return None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sign": raising}, r"the signer raised Trouble \(test_signing\.py:\d+\)"),
        ({"sign": lambda request: 1 / 0}, r"the signer raised ZeroDivisionError \(test_signing\.py:\d+\)"),
        ({"sign": forgetful}, "the signer returned NoneType instead of a request"),
        ({"token": raising}, r"the token source raised Trouble \(test_signing\.py:\d+\)"),
        ({"token": forgetful}, "the token source returned NoneType instead of a token"),
        ({"token": lambda: f"{CANARY}\n"}, "the token contains characters that a header cannot carry"),
        ({"token": lambda: ""}, "the token must not be empty"),
    ],
)
async def test_what_goes_wrong_is_unsent_and_told_without_secrets(
    fields: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    transport = RecordingTransport()
    llm = provider(transport, **fields)
    with pytest.raises(u.Unavailable, match=words) as caught:
        await llm.generate("hi")
    assert transport.requests == []
    for attempt in caught.value.attempts:
        assert attempt.failure is not None
        assert (attempt.failure.kind, attempt.failure.sent) == (FailureKind.NOT_SIGNED, False)
        assert attempt.cost_basis is u.CostBasis.NOT_SENT
    assert CANARY not in everything_about(caught.value) + caplog.text


async def test_another_target_goes_on() -> None:
    async with Emulator(("openai", "anthropic")) as emulator:
        first = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), sign=raising)
        second = u.ProviderConfig(
            provider="anthropic", base_url=emulator.url("anthropic"), api_key=u.Secret(emulator.key)
        )
        async with u.ProviderManager([u.create_provider(first), u.create_provider(second)]) as llm:
            assert (await llm.generate("hi")).provider == "anthropic"


async def test_a_failure_that_passes_sets_nothing_aside() -> None:
    """Unlike a key that was refused: the service that gives tokens out may be back at the next request."""
    broken = True

    def token() -> str:
        if broken:
            raise Trouble
        return "test-key"

    async with Emulator(("openai", "anthropic")) as emulator:
        first = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), token=token)
        second = u.ProviderConfig(
            provider="anthropic", base_url=emulator.url("anthropic"), api_key=u.Secret(emulator.key), priority=11
        )
        async with u.ProviderManager([u.create_provider(first), u.create_provider(second)]) as llm:
            assert (await llm.generate("hi")).provider == "anthropic"
            broken = False
            assert (await llm.generate("hi")).provider == "openai"


async def test_one_more_try_is_made_where_nobody_else_can_answer() -> None:
    answers: Iterator[Exception | str] = iter([Trouble(), "test-key"])

    def token() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = RecordingTransport()
    llm = provider(transport, token=token)
    assert len((await llm.generate("hi")).attempts) == 2


@pytest.mark.parametrize("field", ["sign", "token"])
async def test_one_that_does_not_return_runs_into_the_time_out(field: str) -> None:
    async def hang(request: u.HttpRequest | None = None) -> Any:
        await asyncio.Event().wait()

    transport = RecordingTransport()
    llm = provider(transport, timeout=0.05, **{field: hang})
    with pytest.raises(u.TimedOut, match="the request was not signed within") as caught:
        await llm.generate("hi")
    assert caught.value.failure is not None
    assert caught.value.failure.sent is False
    assert transport.requests == []


async def test_its_own_time_out_is_its_own_failure() -> None:
    async def slow(request: u.HttpRequest) -> u.HttpRequest:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
        return request

    with pytest.raises(u.Unavailable, match="raised TimeoutError"):
        await provider(RecordingTransport(), sign=slow).generate("hi")


async def test_cancelling_reaches_the_signer() -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def hang(request: u.HttpRequest) -> u.HttpRequest:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return request

    task = asyncio.create_task(provider(RecordingTransport(), sign=hang).generate("hi"))
    await asyncio.wait_for(asked.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left.is_set()


async def test_a_poll_that_cannot_be_signed_ends_the_attempt() -> None:
    """The exchange must not take it for a lost connection, after which it would poll again."""
    transport, signed = RecordingTransport(), 0

    async def once(request: u.HttpRequest) -> u.HttpRequest:
        nonlocal signed
        signed += 1
        if signed == 1:
            return request
        raise Trouble

    under_way = transport.several_sends(Credential(Auth(), None, BASE, sign=once), BASE)
    with pytest.raises(AttemptFailed, match="the signer raised Trouble"):
        async for _ in under_way:
            pass
    await under_way.aclose()
    assert [request.url for request in transport.requests] == [f"{BASE}/1"]
    await eventually(lambda: signed == 3)  # one send, one failure, one failed last word
    assert f"{BASE}/{LAST}" not in [request.url for request in transport.requests]


# ---- secrets ----


async def test_what_was_sent_is_kept_out_of_errors() -> None:
    async def session(request: u.HttpRequest) -> u.HttpRequest:
        return request.with_headers(
            ("authorization", "Bearer test-key"), ("x-security-token", f"Session {CANARY}"), ("host", "cloud.example")
        )

    async with Emulator(("openai",)) as emulator:
        message = f"session {CANARY} has expired at cloud.example"
        emulator.script("openai", always=Fault.error(FailureKind.AUTHENTICATION, message=message))
        for fields in ({"sign": session}, {"token": lambda: CANARY}):
            async with provider(base_url=emulator.url("openai"), **fields) as llm:
                with pytest.raises(u.AuthenticationFailed) as caught:
                    await llm.generate("hi")
            assert "session [key] has expired at cloud.example" in str(caught.value)
            assert CANARY not in everything_about(caught.value)


def test_functions_are_not_shown_with_their_arguments() -> None:
    async def sign(secret: str, request: u.HttpRequest) -> u.HttpRequest:
        return request

    config = u.ProviderConfig(
        provider="openai", sign=functools.partial(sign, CANARY), token=functools.partial(str, CANARY)
    )
    llm = u.create_provider(config)
    shown = repr(config) + str(config) + pprint.pformat(config) + repr(config.__rich_repr__()) + repr(llm)
    shown += repr(llm.backend.credential)
    assert CANARY not in shown
    assert "sign='…'" in shown
    assert copy.copy(config) == config


# ---- health ----


async def test_health_counts_a_signer_and_a_token_as_authentication() -> None:
    async def sign(request: u.HttpRequest) -> u.HttpRequest:
        return request.with_headers(("authorization", "Bearer test-key"))

    async with Emulator(("openai",)) as emulator:
        for fields in ({"sign": sign}, {"token": lambda: "test-key"}):
            async with provider(base_url=emulator.url("openai"), **fields) as llm:
                status = await llm.health_check()
            assert status.ok
            assert status.authenticated is True
        async with provider(base_url=emulator.url("openai"), token=lambda: "expired") as llm:
            status = await llm.health_check()
        assert (status.reachable, status.authenticated) == (True, False)


async def test_health_without_a_signature_says_so_and_claims_nothing_of_the_provider() -> None:
    status = await provider(RecordingTransport(), sign=raising).health_check()
    assert (status.reachable, status.serving, status.authenticated) == (False, None, False)
    assert status.detail is not None
    assert "the signer raised Trouble" in status.detail


# ---- the request ----


def test_headers_are_replaced_in_any_case() -> None:
    request = u.HttpRequest("POST", BASE, (("content-type", "text/plain"), ("X-Date", "old")), b"body")
    dated = request.with_headers(("x-date", "new"), ("x-more", "1"))
    assert dated.headers == (("content-type", "text/plain"), ("x-date", "new"), ("x-more", "1"))
    assert (dated.method, dated.url, dated.body) == ("POST", BASE, b"body")
