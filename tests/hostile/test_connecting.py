"""Names, the pool and TLS: what fails before a request is sent, in time and in clear words."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import ssl
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

import understudy
from tests.hostile.asking import answer_to, failure, generate, provider
from tests.hostile.raw import Line, answer, serving
from tests.transports import Make
from understudy.domain.failures import FailureKind

pytestmark = pytest.mark.usefixtures("each_transport")

PAUSE = 0.02

# ---- names ----


async def test_a_slow_name_lookup_is_part_of_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    looked_up: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> object:
        looked_up.append(host)
        hang.wait(120)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    try:
        llm = provider("http://slow.example:9", connect_timeout=0.2)
        asking = asyncio.gather(*(failure(lambda: generate(llm)) for _ in range(40)))
        found = await asyncio.wait_for(asking, 30)
        assert {(one.kind, one.sent) for one in found} == {(FailureKind.DNS, False)}
        assert "the name lookup took longer than 0.2 s" in found[0].message
        assert looked_up == ["slow.example"], "one lookup serves all who wait for it"
        # What hangs is in nobody's way: neither the executor's, nor the end of the loop's.
        await asyncio.wait_for(asyncio.to_thread(int), 30)
        await asyncio.wait_for(llm.aclose(), 30)
        await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 30)
    finally:
        hang.set()


async def test_an_unknown_name_is_a_failure_of_the_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    llm = provider("http://unknown.example:9")
    found = await failure(lambda: generate(llm))
    await llm.aclose()
    assert (found.kind, found.sent) == (FailureKind.DNS, False)
    assert found.message == "unknown.example:9 cannot be reached: Name or service not known"


@pytest.mark.parametrize("wrong", [{"base_url": "http://1.2.3.4.5/v1"}], ids=str)
async def test_an_entry_that_cannot_be_asked_at_all_leaves_the_others(wrong: dict[str, Any]) -> None:
    async def well(line: Line) -> None:
        while True:
            await line.send(answer_to(await line.request(), "7"))

    async with serving(well) as server:
        entry: dict[str, Any] = {"provider": "openai", "api_key": understudy.Secret("sk-test"), "text_model": "m"}
        first = understudy.ProviderConfig(**{**entry, "name": "wrong", "base_url": f"{server.url}/v1", **wrong})
        second = understudy.ProviderConfig(**entry, name="well", base_url=f"{server.url}/v1")
        async with understudy.ProviderManager(list(map(understudy.create_provider, (first, second)))) as llm:
            whole = await llm.generate("hello")
            stream = llm.stream("hello")
            streamed = await stream.collect()
        for found in (whole, streamed):
            assert found.text == "7"
            assert [(each.provider, each.failure and each.failure.sent) for each in found.attempts] == [
                ("wrong", False),
                ("well", None),
            ]


# ---- the pool ----


async def test_waiting_for_the_pool_has_its_own_limit(each_transport: Make) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.until_closed()

    async with serving(script) as server:
        llm = provider(server, transport=each_transport(connections=1, pool_wait=0.1))
        first = asyncio.create_task(llm.generate("hello"))
        while not server.requests:
            await asyncio.sleep(PAUSE)
        found = await failure(lambda: generate(llm))
        assert (found.kind, found.sent) == (FailureKind.POOL, False)
        assert found.message == "no connection became free within 0.1 s"
        assert len(server.requests) == 1
        first.cancel()
        await asyncio.wait([first])
        await llm.aclose()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of this kind")
async def test_without_a_limit_hundreds_run_at_once() -> None:
    count = 520
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4 * count:
        pytest.skip("this machine allows a process too few files")
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * count), hard))
    everyone = asyncio.Event()

    async def script(line: Line) -> None:
        request = await line.request()
        if line.server.connections == count:
            everyone.set()
        await everyone.wait()
        await line.send(answer_to(request, "7"))

    async with serving(script) as server:
        llm = provider(server)
        answers = await asyncio.wait_for(asyncio.gather(*(generate(llm) for _ in range(count))), 30)
        await llm.aclose()
    assert answers == ["7"] * count


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of this kind")
async def test_a_process_without_files_left_blames_no_provider() -> None:
    async def script(line: Line) -> None:
        await line.request()

    async with serving(script) as server:
        llm = provider(server.url)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as probe:
            lowest = probe.fileno()
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            found = await failure(lambda: generate(llm))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await llm.aclose()
    assert (found.kind, found.sent) == (FailureKind.POOL, False)
    assert found.message.endswith(os.strerror(errno.EMFILE))


# ---- TLS ----


def certified(*names: str, expired: bool = False) -> tuple[ssl.SSLContext, trustme.CA]:
    """Return a server's context, and the authority that signed its certificate."""
    import datetime

    authority = trustme.CA()
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    leaf = authority.issue_cert(*names, not_before=past, not_after=past) if expired else authority.issue_cert(*names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context, authority


async def test_https_to_a_plain_port_says_so() -> None:
    async def script(line: Line) -> None:
        await line.reader.read(10)
        await line.send(answer("bad request", status="400 Bad Request"))

    async with serving(script) as server:
        llm = provider(server.url.replace("http:", "https:"))
        found = await failure(lambda: generate(llm))
        await llm.aclose()
    assert (found.kind, found.sent) == (FailureKind.TLS, False)
    where = f"127.0.0.1:{server.port}"
    assert found.message == f"{where} cannot be reached: it does not speak TLS; did you mean http://{where}?"


async def test_http_to_a_tls_port_says_so() -> None:
    async def script(line: Line) -> None:
        await line.reader.read(100)
        await line.send(b"\x15\x03\x01\x00\x02\x02\x46")  # the alert "protocol version" (RFC 8446 §6.2)

    async with serving(script) as server:
        llm = provider(server)
        found = await failure(lambda: generate(llm))
        await llm.aclose()
    assert found.kind is FailureKind.PROTOCOL
    where = f"127.0.0.1:{server.port}"
    assert found.message == f"{where} speaks TLS; did you mean https://{where}?"


@pytest.mark.parametrize(
    ("names", "expired", "trusted", "words"),
    [
        (("127.0.0.1",), False, False, "its certificate is signed by an authority that this machine does not"),
        (("127.0.0.1",), True, True, "its certificate has expired"),
        (("elsewhere.example",), False, True, "its certificate is for another"),
    ],
    ids=["unknown authority", "expired", "wrong host"],
)
async def test_a_certificate_that_is_not_accepted_says_why(
    names: tuple[str, ...], expired: bool, trusted: bool, words: str, tmp_path: Path
) -> None:
    context, authority = certified(*names, expired=expired)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    async def script(line: Line) -> None:
        await line.request()

    async with serving(script, tls=context) as server:
        own = str(tmp_path / "ca.pem") if trusted else None
        llm = provider(server.url.replace("http:", "https:"), ca_file=own)
        found = await failure(lambda: generate(llm))
        await llm.aclose()
    assert (found.kind, found.sent) == (FailureKind.TLS, False)
    assert found.message.startswith(f"127.0.0.1:{server.port} cannot be reached: {words}")
    assert not server.requests
