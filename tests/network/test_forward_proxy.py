"""Providers behind a real forward proxy, with a password and without."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import quote

import pytest

import understudy as u
from tests.network.conftest import PASSWORD, USER, Authority, Proxies
from tests.network.origin import ANSWER, KEY

pytestmark = pytest.mark.usefixtures("each_transport")

CREDENTIALS = f"{USER}:{quote(PASSWORD, safe='')}"
VARIABLES = {
    "http": ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    "https": ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
}


@pytest.mark.parametrize(
    ("scheme", "variable"), [(scheme, variable) for scheme, names in VARIABLES.items() for variable in names]
)
@pytest.mark.parametrize("guarded", [False, True], ids=["open", "guarded"])
async def test_the_environment_names_it(
    proxies: Proxies,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    *,
    scheme: str,
    variable: str,
    guarded: bool,
) -> None:
    place = f"{CREDENTIALS}@{proxies.guarded}" if guarded else proxies.plain
    monkeypatch.setenv(variable, place if variable.islower() else f"http://{place}")
    async with (
        authority.serving(scheme) as origin,
        u.create_provider(origin.config(scheme, ca_file=authority.ca_file)) as llm,
    ):
        assert (await llm.generate("hi")).text == ANSWER
    (head,) = origin.heads
    assert head.startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert f"host: provider.test:{origin.port}" in head.lower()
    assert KEY in head
    assert "proxy-authorization" not in head.lower()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_entry_names_it_for_every_operation(proxies: Proxies, authority: Authority, scheme: str) -> None:
    async with authority.serving(scheme) as origin:
        config = origin.config(scheme, proxy=f"http://{CREDENTIALS}@{proxies.guarded}", ca_file=authority.ca_file)
        async with u.create_provider(config) as llm:
            assert (await llm.generate("hi")).text == ANSWER
            assert (await llm.stream("hi").collect()).text == ANSWER
            assert len((await llm.embed("hi")).embeddings[0]) == 2
            assert [model.id for model in await llm.list_models()] == ["gpt-4o-mini"]
            assert (await llm.health_check()).ok
    assert len(origin.heads) >= 6
    # proxy.py forwards what later requests of a plain connection tell it, against RFC 9110 §11.7.2.
    heads = origin.heads if scheme == "https" else origin.heads[:1]
    assert "proxy-authorization" not in "".join(heads).lower()
    if scheme == "https":
        assert origin.connections == 1, "the tunnel is kept open and used again"


async def test_an_entry_comes_before_the_environment(
    proxies: Proxies, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    async with (
        authority.serving("http") as origin,
        u.create_provider(origin.config("http", proxy=f"http://{proxies.plain}")) as llm,
    ):
        assert (await llm.generate("hi")).text == ANSWER


@pytest.mark.parametrize("type_", [type_.value for type_ in u.ProviderType])
async def test_every_provider_on_this_machine_is_reached_through_the_proxy_of_the_environment(
    type_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As curl and requests have it; `NO_PROXY` is the way out."""
    heads: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    config = u.ProviderConfig(
        provider=type_, base_url="http://127.0.0.1:9/v1", api_key=u.Secret("sk-test"), text_model="m", max_tokens=9
    )
    fallback = u.FallbackConfig(max_retries=1)
    async with server:
        async with u.create_provider(config, fallback=fallback) as llm:
            with pytest.raises(u.LLMError):
                await llm.generate("hi")
        assert len(heads) == 1
        assert " http://127.0.0.1:9/" in heads[0].partition("\r\n")[0]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with u.create_provider(config, fallback=fallback) as llm:
            with pytest.raises(u.ConnectionFailed):
                await llm.generate("hi")
        assert len(heads) == 1


async def test_a_local_server_at_its_default_address_needs_no_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    async with server, u.create_provider(u.ProviderConfig(provider="ollama", text_model="m")) as llm:
        with pytest.raises(u.ConnectionFailed):
            await llm.generate("hi")
    assert asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        ("", "requires a user and password (HTTP 407): write them in its URL"),
        ("mallory:wrong-password-99@", "refused the user and password of its URL (HTTP 407)"),
    ],
    ids=["missing", "wrong"],
)
async def test_it_wants_another_password(
    proxies: Proxies,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    *,
    scheme: str,
    credentials: str,
    words: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with authority.serving(scheme) as origin:
        config = origin.config(scheme, proxy=f"http://{credentials}{proxies.guarded}", ca_file=authority.ca_file)
        async with u.create_provider(config) as llm:
            with pytest.raises(u.ConnectionFailed) as caught:
                await llm.generate("hi")
    (attempt,) = caught.value.attempts
    assert attempt.failure is not None
    assert (attempt.failure.kind, attempt.failure.sent) == (u.FailureKind.PROXY, False)
    assert attempt.cost_basis is u.CostBasis.NOT_SENT
    assert f"the proxy {proxies.guarded} {words}" in caught.value.message
    assert "wrong-password" not in repr(caught.value) + str(caught.value.attempts) + caplog.text + repr(config)
    assert origin.heads == []


async def test_a_name_that_only_the_proxy_knows_may_fail_there(proxies: Proxies) -> None:
    config = u.ProviderConfig(
        provider="openai",
        base_url="https://nowhere.invalid/v1",
        api_key=u.Secret(KEY),
        text_model="m",
        proxy=f"http://{proxies.plain}",
    )
    async with u.create_provider(config) as llm:
        with pytest.raises(u.ConnectionFailed) as caught:
            await llm.generate("hi")
    (attempt,) = caught.value.attempts
    assert attempt.failure is not None
    assert attempt.failure.kind is u.FailureKind.PROXY
    assert proxies.plain in attempt.failure.message
    assert "nowhere.invalid:443" in attempt.failure.message
