"""The configurations of nginx in the documentation, in front of a running gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from tests.cli.running import PATIENCE
from tests.deploy.files import REPOSITORY
from tests.gateway.serving.running_gateway import configuration, serve
from tests.gateway.serving.serving import Peer
from understudy.emulator import Emulator, emulate

HOST = "llm.example.com"
ADMIN, CALLER = "admin-0123456789abcdef", "caller-0123456789abcdef"
SETTINGS = f"""
[llm.gateway]
hosts = ["{HOST}"]
[[llm.gateway.keys]]
name = "team"
key = "{CALLER}"
[[llm.console.keys]]
name = "admin"
key = "{ADMIN}"
scope = "manage"
[llm.ledger]
enabled = false
"""
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed: apt-get install nginx-light")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def document(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def block_of(document: str) -> str:
    (block,) = re.findall(r"```nginx\n(.*?)```", (REPOSITORY / "docs" / document).read_text(encoding="utf-8"), re.S)
    assert isinstance(block, str)
    return block


def written(document: str, folder: Path, authority: trustme.CA, port: int) -> Path:
    """Write the block of a document into a configuration that listens on a socket file, and return its path."""
    block = block_of(document)
    certificate = authority.issue_cert(HOST)
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "pem")
    for was, now in {
        "listen 443 ssl": f"listen unix:{folder}/socket ssl",
        "/etc/ssl/llm.example.com.pem": str(folder / "pem"),
        "/etc/ssl/llm.example.com.key": str(folder / "pem"),
        "127.0.0.1:8484": f"127.0.0.1:{port}",
    }.items():
        assert was in block
        block = block.replace(was, now)
    temporary = "".join(
        f"{each}_temp_path {folder}/{each};\n" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/errors warn;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{block}}}\n",
        encoding="utf-8",
    )
    return path


class Proxied(NamedTuple):
    """A gateway behind nginx."""

    folder: Path
    tls: ssl.SSLContext

    async def connect(self) -> Peer:
        """Connect as browsers do that know the name, at port 443."""
        return Peer(*await asyncio.open_unix_connection(self.folder / "socket", ssl=self.tls, server_hostname=HOST))

    async def ask(self, method: str, path: str, *headers: str, body: bytes = b"") -> tuple[int, str, bytes]:
        """Send a request, and return status, head and body of the answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", f"Content-Length: {len(body)}"]
        peer = await self.connect()
        async with asyncio.timeout(PATIENCE):
            peer.writer.write("\r\n".join([*lines, *headers, "", ""]).encode() + body)
            answer = await peer.reader.read(-1)
        peer.writer.close()
        head, _, rest = answer.partition(b"\r\n\r\n")
        return int(head[9:12]), head.decode(), rest


@contextlib.contextmanager
def proxy(configuration: Path, authority: trustme.CA) -> Iterator[Proxied]:
    """Run nginx."""
    assert NGINX is not None
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    folder = configuration.parent
    with subprocess.Popen([NGINX, "-e", folder / "errors", "-c", configuration]) as process:
        try:
            yield Proxied(folder, tls)
        finally:
            process.terminate()
            process.wait(PATIENCE)


@pytest.fixture
async def proxied(document: str, tmp_path: Path, authority: trustme.CA) -> AsyncIterator[Proxied]:
    with emulate(emulator=Emulator(["openai"], pace=0.05)) as emulator:
        async with serve(tmp_path, configuration(emulator, more=SETTINGS)) as gateway:
            with proxy(written(document, tmp_path, authority, gateway.port), authority) as running:
                async with asyncio.timeout(PATIENCE):
                    while not (tmp_path / "socket").exists():
                        await asyncio.sleep(0.02)
                yield running


def chat(text: str, *, stream: bool) -> bytes:
    return json.dumps(
        {"model": "gpt-6-luna", "stream": stream, "messages": [{"role": "user", "content": text}]}
    ).encode()


CALLS = (f"Authorization: Bearer {CALLER}", "Content-Type: application/json")


def test_both_are_the_same_but_for_what_is_closed() -> None:
    first, second = (block_of(name) for name in ("gateway.md", "operations.md"))
    closed = re.compile(r"    location ~ .*?\n    }\n", re.S)
    assert closed.sub("", second) == first


@needs_nginx
@pytest.mark.parametrize("document", ["gateway.md"], indirect=True)
async def test_streams_arrive_as_they_are_written_and_large_bodies_pass(proxied: Proxied) -> None:
    body = chat("x" * 2_000_000, stream=False)
    status, _, answer = await proxied.ask("POST", "/v1/chat/completions", *CALLS, body=body)
    assert status == 200, answer[:500]
    assert json.loads(answer[answer.index(b"{") : answer.rindex(b"}") + 1])["choices"]
    peer = await proxied.connect()
    body = chat("hello", stream=True)
    lines = ("POST /v1/chat/completions HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}", *CALLS, "", "")
    peer.writer.write("\r\n".join(lines).encode() + body)
    parts: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        while b"[DONE]" not in b"".join(parts[-2:]):
            parts.append(await peer.reader.read(65536))
    peer.writer.close()
    assert len(parts) >= 5, "what is buffered arrives at once"
    assert "temporary file" not in (proxied.folder / "errors").read_text()


@needs_nginx
@pytest.mark.parametrize("document", ["gateway.md"], indirect=True)
async def test_the_console_is_signed_in_to_and_lives(proxied: Proxied) -> None:
    form = f"key={ADMIN}&next=".encode()
    kind = "Content-Type: application/x-www-form-urlencoded"
    sent = (kind, f"Origin: https://{HOST}", "Sec-Fetch-Site: same-origin")
    status, head, _ = await proxied.ask("POST", "/console/sign-in", *sent, body=form)
    assert status == 303
    found = re.search(r"(?i)set-cookie: (__Host-understudy_session=[^;]+);.*; Secure", head)
    assert found
    cookie = f"Cookie: {found[1]}"
    status, _, page = await proxied.ask("GET", "/console/", cookie)
    assert (status, b"Sign out" in page) == (200, True)
    peer = await proxied.connect()
    peer.writer.write(f"GET /console/live/now HTTP/1.1\r\nHost: {HOST}\r\n{cookie}\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE):
        assert b" 200 " in await peer.reader.readuntil(b"\r\n\r\n")
        await peer.reader.readuntil(b"data:")
    peer.writer.close()
    assert (await proxied.ask("POST", "/console/sign-in", kind, "Origin: https://evil.example", body=form))[0] == 403


@needs_nginx
@pytest.mark.parametrize("document", ["operations.md"], indirect=True)
async def test_what_operators_use_is_not_reached_from_outside(proxied: Proxied) -> None:
    for path in ("/console", "/console/", "/console/sign-in", "/admin/v1/now", "/metrics"):
        assert (await proxied.ask("GET", path))[0] == 404
    assert (await proxied.ask("GET", "/health/ready"))[0] == 200
