"""Media that are downloaded when the caller asks for it: what is read, and what never is."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from understudy import Audio, ConnectionFailed, File, Image, InvalidResponse, LLMError, Misuse, TimedOut, fetch_media
from understudy.transport.media_fetch import LIMIT, MediaFetcher, is_public

pytestmark = pytest.mark.usefixtures("each_transport")

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 9


async def answer(request: web.Request) -> web.StreamResponse:
    match request.match_info["what"]:
        case "a.png":
            return web.Response(body=PNG, content_type="image/jpeg")
        case "untyped":
            return web.Response(body=PNG, content_type="application/octet-stream")
        case "page":
            return web.Response(text="<html>", content_type="text/html")
        case "report.csv":
            return web.Response(body=b"a,b", content_type="application/octet-stream")
        case "empty":
            return web.Response(body=b"", content_type="image/png")
        case "large":
            return web.Response(body=PNG * 1000, content_type="image/png")
        case "moved":
            raise web.HTTPFound("/a.png")
        case "inside":
            raise web.HTTPFound("http://169.254.169.254/latest/meta-data")
        case "file":
            return web.Response(status=302, headers={"location": "file:///etc/passwd"})
        case "loop":
            raise web.HTTPFound("/loop")
        case "slow":
            await asyncio.sleep(1)
            return web.Response()
        case _:
            raise web.HTTPNotFound


@pytest.fixture
async def base() -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/{what}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


HERE = MediaFetcher(lambda address: address in ("127.0.0.1", "::1"))


async def test_the_bytes_come_under_the_type_that_they_show(base: str) -> None:
    for what in ("a.png", "untyped", "moved"):
        found = await HERE.fetch(Image(url=f"{base}/{what}", detail="low"), LIMIT, 5)
        assert found == Image(data=base64.b64encode(PNG).decode(), media_type="image/png", detail="low")
    named = await HERE.fetch(File(url=f"{base}/report.csv"), LIMIT, 5)
    assert (named.media_type, named.name, named.plain_text()) == ("text/csv", "report.csv", "a,b")


async def test_what_has_bytes_already_is_not_downloaded() -> None:
    for part in (Image(data="aGk="), Image(url="data:image/png;base64,aGk="), Image(file_id="f")):
        found = await fetch_media(part)
        assert found.url is None
        assert (found.data, found.file_id) in (("aGk=", None), (None, "f"))


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("page", Misuse, "is text/html, not image"),
        ("empty", Misuse, "is empty"),
        ("missing", InvalidResponse, "HTTP 404"),
        ("large", InvalidResponse, "larger than 1,000 bytes"),
        ("loop", InvalidResponse, "more than 5 redirects"),
        ("inside", Misuse, "169.254.169.254 is not a public address"),
        ("file", Misuse, "only http and https URLs are read"),
        ("slow", TimedOut, "took longer than 0.5 s"),
    ],
)
async def test_what_is_no_image_is_an_error(base: str, what: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        await HERE.fetch(Image(url=f"{base}/{what}"), 1000, 0.5)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://[::1]/a.png",
        "http://localhost/a.png",
        "http://0x7f.1/a.png",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "ftp://example.com/a.png",
        "http://[::1/a.png",
    ],
)
async def test_only_public_addresses_are_read(url: str) -> None:
    with pytest.raises(Misuse):
        await fetch_media(Audio(url=url))


async def test_a_number_as_host_is_not_read() -> None:
    with pytest.raises(LLMError):
        await fetch_media(Image(url="http://2130706433/a.png"))


async def test_a_port_that_nothing_listens_on() -> None:
    with pytest.raises(ConnectionFailed):
        await HERE.fetch(Image(url="http://127.0.0.1:1/"), LIMIT, 5)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::5db8:d70e", True),
    ],
)
def test_public_addresses(address: str, *, public: bool) -> None:
    assert is_public(address) is public
